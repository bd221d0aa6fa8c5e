"""The fixtures of every test that deploys: one clone with one sandbox, stopped at the end whatever happened."""

import pytest
from support.deploys.checkout import Checkout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    made = Checkout.make(tmp_path_factory.mktemp("clone"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def deployed(checkout):
    """The clone after a first deploy; the outcome is kept for the tests that look at it."""
    outcome = checkout.invoke("deploy", "--env", "sandbox")
    assert outcome.code == 0, outcome.text
    return checkout, outcome
