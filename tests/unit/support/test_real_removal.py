"""The removal of a run's environments: everything that can go goes, and the state bucket marks what is left."""

import pytest
from support.aws import refusal
from support.real import removal
from support.real.accounts import Account
from support.real.removal import Kind

ACCOUNT = Account("real-beef-abca", "123456789012", "us-east-1", "work")


@pytest.fixture
def held(monkeypatch):
    """Three kinds of resources: names by kind; what has the name `stuck` cannot be removed."""
    names = {"function": ["f", "stuck"], "role": ["r"], "bucket": ["b"]}

    def kind(name):
        def remove(_, item):
            if item == "stuck":
                raise refusal("TooManyRequestsException")
            names[name].remove(item)

        return Kind(
            name, lambda _, environment: iter([*names[name]] if environment == ACCOUNT.environment else []), remove
        )

    monkeypatch.setattr(removal, "KINDS", tuple(map(kind, names)))
    return names


def test_the_bucket_stays_while_anything_else_is_left_and_then_goes(held):
    (left,) = removal.remove(ACCOUNT, ACCOUNT.environment)
    assert left.startswith("function stuck: ")
    assert "TooManyRequestsException" in left
    assert held == {"function": ["stuck"], "role": [], "bucket": ["b"]}
    held["function"].clear()
    assert removal.remove(ACCOUNT, ACCOUNT.environment) == []
    assert held == {"function": [], "role": [], "bucket": []}


def test_another_environment_is_not_touched(held):
    assert removal.remove(ACCOUNT, "real-beef-zzza") == []
    assert held == {"function": ["f", "stuck"], "role": ["r"], "bucket": ["b"]}


def test_the_bucket_is_removed_last():
    assert removal.KINDS[-1].name == "bucket"
