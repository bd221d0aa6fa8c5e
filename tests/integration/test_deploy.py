"""Deploys that work: from nothing, again with nothing new, and after a change of one line."""

import re
import subprocess
import urllib.request

import pytest
from support.deploys.checkout import FUNCTION, hello

SOURCE = "src/lambdas/sse_streaming/app.py"


@pytest.fixture(scope="module")
def first(deployed):
    checkout, outcome = deployed
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout.root, check=True, capture_output=True, text=True
    ).stdout.strip()
    return checkout, outcome, head


def test_a_first_deploy_from_nothing_tells_every_stage_in_order(first):
    _, outcome, _ = first
    stages = re.findall(r"^✓ (\w+)", outcome.text, re.MULTILINE)
    assert stages[:4] == ["sandbox", "guards", "bootstrap", "foundation"]
    assert sorted(stages[4:8]) == ["build", "check", "init", "push"]
    assert stages[8:] == ["plan", "apply", "verify", "connect", "release"]


def test_a_deploy_pushes_one_image_under_the_commit_and_latest_and_runs_its_digest(first):
    checkout, _, head = first
    tags = checkout.tags()
    assert tags["latest"] == tags[head] == tags["release-1"]
    image = checkout.client("lambda").get_function(FunctionName=FUNCTION, Qualifier="1")["Code"]["ImageUri"]
    assert image.endswith(f"@{tags[head]}")


def test_the_printed_address_streams_hello_with_the_commit_and_digest_and_then_ticks(first):
    checkout, outcome, head = first
    address = re.search(r"curl -N (http\S+)", outcome.text)[1]
    with urllib.request.urlopen(f"{address}?events=3&interval=0.1", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.read().decode().splitlines()
    assert hello(lines) == {"version": "1", "commit": head, "digest": checkout.tags()[head]}
    assert [line for line in lines if line.startswith("event:")] == ["event: hello", *["event: heartbeat"] * 2]


def test_stream_prints_events_and_releases_names_the_live_version(first):
    checkout, _, head = first
    events = checkout.invoke("stream", "--env", "sandbox", "--events", "2")
    assert events.code == 0, events.text
    assert "hello" in events.text
    assert "heartbeat" in events.text
    listed = checkout.invoke("releases", "--env", "sandbox")
    assert re.search(rf"^1 .*{head[:12]} .*live$", listed.text, re.MULTILINE), listed.text


def test_deploying_again_pushes_nothing_and_updates_nothing(first):
    checkout, _, _ = first
    before = checkout.tags(), checkout.versions()
    again = checkout.invoke("deploy", "--env", "sandbox")
    assert again.code == 0, again.text
    assert "already in the registry" in again.text
    assert "no changes" in again.text
    assert (checkout.tags(), checkout.versions()) == before


def test_an_uncommitted_change_of_one_line_makes_exactly_one_new_version_and_moves_the_alias(first):
    checkout, _, head = first
    versions = checkout.versions()
    (checkout.root / SOURCE).write_text((checkout.root / SOURCE).read_text() + "\n# one line more\n")
    changed = checkout.invoke("deploy", "--env", "sandbox")
    checkout.restore(head)
    assert changed.code == 0, changed.text
    assert len(checkout.versions()) == len(versions) + 1
    assert checkout.live() == checkout.versions()[-1]
    tags = checkout.tags()
    assert tags[f"{head}-dirty"] != tags[head]


def test_verify_accepts_the_newest_version_again(first):
    checkout, _, _ = first
    # The newest version was built from a dirty tree; going back to the commit makes one of the commit again.
    assert checkout.invoke("deploy", "--env", "sandbox").code == 0
    again = checkout.invoke("verify", "--env", "sandbox")
    assert again.code == 0, again.text
    assert re.search(r"✓ verify .*4 events, first after \d+ ms", again.text), again.text
