"""Lengths of time as a person writes them."""

import pytest

from delivery import durations


@pytest.mark.parametrize(
    ("text", "expected"), [("0s", 0), ("90s", 90), ("5m", 300), ("2h", 7200), ("1.5h", 5400), ("0.5s", 0.5)]
)
def test_a_number_with_its_unit_becomes_seconds(text, expected):
    assert durations.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "5d", "5 m", "-5m", "m", "5m\n", ".5m", "1e3s", "\u0665m", 5, None, True])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="not a length of time"):
        durations.seconds(text)
