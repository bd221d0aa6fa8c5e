"""Two series of durations are compared by their ranks."""

import random

import pytest

from delivery.release import judge


@pytest.mark.parametrize(
    ("new", "old", "chance"),
    [
        # Of the 70 and 252 orders of equal versions, one and one have every new value above every old one.
        ([5, 6, 7, 8], [1, 2, 3, 4], 1 / 70),
        ([6, 7, 8, 9, 10], [1, 2, 3, 4, 5], 1 / 252),
        ([1, 2, 3, 4], [5, 6, 7, 8], 1),
        ([1, 4, 5, 8], [2, 3, 6, 7], 0.5),
    ],
)
def test_the_chance_is_near_that_of_counting_all_orders(new, old, chance):
    assert judge.chance_of_larger(new, old) == pytest.approx(chance, abs=0.06)


def test_equal_values_are_never_larger():
    assert judge.chance_of_larger([7] * 5, [7] * 5) == 1


def test_values_that_are_often_equal_are_compared_too():
    assert judge.chance_of_larger([2, 2, 2, 2, 2, 1], [1, 1, 1, 1, 1, 2]) < judge.LEVEL


def test_an_equal_version_is_called_larger_about_as_often_as_the_level_says():
    values = random.Random(7)
    draws = [[[values.lognormvariate(5, 1) for _ in range(8)] for _ in "ab"] for _ in range(1000)]
    assert sum(judge.chance_of_larger(*draw) < judge.LEVEL for draw in draws) / 1000 == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize(("new", "old"), [([], []), ([1, 2, 3], [1, 2, 3, 4]), ([1, 2, 3, 4], [1, 2, 3])])
def test_too_few_minutes_are_not_compared(new, old):
    assert judge.compare(new, old) is None


@pytest.mark.parametrize(
    ("new", "tolerated", "slower"),
    [([150, 160, 170, 180], 1.5, True), ([150, 160, 170, 180], 2, False), ([101, 102, 103, 104], 1.5, False)],
)
def test_slower_is_more_than_chance_and_more_than_the_tolerated_factor(new, tolerated, slower):
    assert judge.compare(new, [99, 98, 97, 100]).slower(tolerated) is slower


def test_an_old_version_that_takes_no_time_is_no_division_by_zero():
    assert judge.compare([1, 1, 1, 1], [0, 0, 0, 0]).slower(1.5)
