"""The text of a log entry as lines that a person can read: a traceback as text, JSON as it is, nothing for a terminal.

AWS's runtime for Python joins the lines of a traceback with carriage returns and indents them with no-break spaces
(https://github.com/aws/aws-lambda-python-runtime-interface-client, `bootstrap.py`, `log_error`). In a JSON log the
frames are the list `stackTrace`: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html.
"""

import json
from collections.abc import Iterator

QUOTE = "| "
"""Begins each line of a function's log in an error."""

_STACKS = ("stackTrace", "stack_trace", "traceback", "exception", "exc_info", "stack")


def lines(message: str) -> tuple[str, ...]:
    """The lines of one entry. A JSON object stays one line; a traceback inside it follows as text."""
    text = message.replace("\xa0", " ")
    parts = [line for line in text.splitlines() if line.strip()]
    return tuple(printable(line) for part in parts for line in (part, *_traceback(part)))


def _traceback(line: str) -> Iterator[str]:
    try:
        document = json.loads(line) if line.lstrip().startswith("{") else None
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    for name in _STACKS:
        stack = document.get(name)
        frames = stack if isinstance(stack, list) else [stack] if isinstance(stack, str) else []
        texts = [text for frame in frames if isinstance(frame, str) for text in frame.splitlines()]
        if len(texts) > 1:
            yield from (f"    {text}" for text in texts if text.strip())


def printable(line: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(letter if letter.isprintable() or letter == "\t" else repr(letter)[1:-1] for letter in line.rstrip())
