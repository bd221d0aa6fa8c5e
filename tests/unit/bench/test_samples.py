"""Medians, ranges and ratios."""

import pytest
from bench import samples
from bench.samples import Measured, Sample


def test_a_median_has_the_range_of_its_values():
    assert samples.of([3.0, 1.0, 2.0]) == Measured(2.0, 1.0, 3.0)


def test_a_ratio_is_that_of_the_medians_and_its_range_is_that_of_the_rounds():
    assert samples.ratio([1.0, 2.0, 6.0], [2.0, 4.0, 3.0]) == Measured(2.0 / 3.0, 0.5, 2.0)


def test_sides_with_another_number_of_rounds_have_no_ratio():
    with pytest.raises(ValueError, match="shorter"):
        samples.ratio([1.0, 2.0], [1.0])


def test_a_side_that_was_not_measured_is_an_error():
    with pytest.raises(KeyError):
        samples.wall({"code": {"ours": [Sample(1.0, 0.5)]}}, "code", "raw tools")
