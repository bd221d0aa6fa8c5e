"""The arithmetic of docs/aws.md uses the function's real memory and the stream's real lifetime."""

import re
from pathlib import Path

from sse_streaming import stream

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
PRICE = 0.0000166667  # dollars for a GB-second


def default(variable):
    text = (ROOT / "infrastructure" / "service" / "sse_streaming.tf").read_text(encoding="utf-8")
    block = re.search(rf'^variable "{variable}" \{{\n(.*?)^\}}', text, re.MULTILINE | re.DOTALL)[1]
    return int(re.search(r"^  default +=+ (\d+)$", block, re.MULTILINE)[1])


def test_the_costs_of_a_connected_client_and_of_a_ghost_follow_from_the_defaults():
    gigabytes = default("memory_mb") / 1024
    month = 30 * 86_400 * gigabytes
    assert f"{month:,.0f} GB-seconds" in DOCUMENT
    assert f"= ${month * PRICE:.2f} a month" in DOCUMENT
    assert f"= ${stream.MAX_LIFETIME * gigabytes * PRICE:.3f}. A function" in DOCUMENT
    assert f"`timeout_seconds` ({default('timeout_seconds')})" in DOCUMENT
