"""Lengths of time as a person writes them: `90s`, `5m`, `1.5h`."""

import re

_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: object) -> float:
    """The seconds of a text such as `5m`: a number, directly followed by s, m or h. Raises ValueError."""
    match = _LENGTH.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"not a length of time: {text!r}")
    return float(match[1]) * _SECONDS[match[2]]
