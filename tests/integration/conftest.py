"""One clone with one sandbox for all tests that deploy; stopped at the end, whatever happened."""

import pytest
from checkout import Checkout
from guarded import guarding

from sandbox import lifecycle


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    made = Checkout.make(tmp_path_factory.mktemp("clone"))
    try:
        yield made
    finally:
        lifecycle.stop(made.root, print)


@pytest.fixture(scope="session")
def deployed(checkout):
    """The clone after a first deploy; the outcome is kept for the tests that look at it."""
    outcome = checkout.invoke("deploy", "--env", "sandbox")
    assert outcome.code == 0, outcome.text
    return checkout, outcome


@pytest.fixture(scope="session")
def guarded(checkout, tmp_path_factory):
    """A clone whose `preprod` is an account that enforces IAM, bootstrapped; its engine is the first clone's."""
    mine = Checkout.make(tmp_path_factory.mktemp("guarded"))
    with guarding(checkout, mine) as made:
        yield made
