"""What every refusal of a task has in common, and the variables of an environment as Invoke accepts them."""

import re


def refused(outcome, code, *facts):
    """Check the exit code, the facts of the message, the command to type, and that there is no traceback."""
    assert outcome.code == code, outcome.text
    for fact in facts:
        assert fact in outcome.text, outcome.text
    assert re.search(r"^  try: \S", outcome.text, re.MULTILINE), outcome.text
    assert "Traceback" not in outcome.text


def plain(variables):
    """The variables without `no_proxy`: Invoke takes names that differ only in case for the same name."""
    return {name: value for name, value in variables.items() if name != "no_proxy"}
