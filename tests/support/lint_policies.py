"""Runs parliament on IAM policies. Usage: lint_policies.py FILE...

Not its own command: that writes /tmp/parliament.log, so it fails for every user but the first one of a machine.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from parliament import analyze_policy_string, enhance_finding
from parliament.cli import is_finding_filtered


def findings(name: str) -> Iterator[str]:
    """Each finding in a file, as parliament's own command would show it."""
    for finding in analyze_policy_string(Path(name).read_text(encoding="utf-8"), name).findings:
        enhance_finding(finding)
        if not is_finding_filtered(finding):
            yield f"{finding.severity} {finding.title}: {finding.detail} {finding.location}"


if __name__ == "__main__":
    found = [line for name in sys.argv[1:] for line in findings(name)]
    sys.exit(("\n".join(found) or None) if sys.argv[1:] else __doc__)  # None: 0; a text: 1
