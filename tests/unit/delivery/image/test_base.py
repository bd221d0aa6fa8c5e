"""How old the base of an image is: what its own configuration tells, and nothing that it does not."""

from datetime import UTC, datetime

import pytest

from delivery import clock
from delivery.image import base

EPOCH = "1970-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 27, tzinfo=UTC))


def history(*times, created=EPOCH):
    return {"created": created, "history": [{"created": each, "created_by": "x"} for each in times]}


def test_the_base_is_as_old_as_its_last_step():
    made = history("2026-11-01T00:00:00Z", "2026-11-17T00:00:00.123456789Z", EPOCH, EPOCH)
    assert base.age(made) == pytest.approx(10 * 86400, abs=1)


def test_a_time_of_another_zone_counts_as_it_is():
    assert base.age(history("2026-11-26T23:00:00-01:00", EPOCH)) == 0


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"created": EPOCH},
        {"created": EPOCH, "history": None},
        history(EPOCH, EPOCH),
        history("yesterday", None, EPOCH),
        history("2026-11-17T00:00:00Z", "2026-11-20T00:00:00Z", created="2026-11-20T00:00:00Z"),
    ],
    ids=["nothing", "no history", "null", "older BuildKit", "malformed", "own steps have times"],
)
def test_a_configuration_that_does_not_tell_gives_no_age(config):
    assert base.age(config) is None
