"""The clone that deploys, and one whose cloud enforces IAM."""

import pytest
from support.deploys.checkout import Checkout
from support.deploys.clones import checkout, deployed
from support.deploys.guarded import guarding

__all__ = ["checkout", "deployed", "guarded"]


@pytest.fixture(scope="session")
def guarded(checkout, tmp_path_factory):
    """A clone whose `preprod` is an account that enforces IAM, bootstrapped; its engine is the first clone's."""
    mine = Checkout.make(tmp_path_factory.mktemp("guarded"))
    with guarding(checkout, mine) as made:
        yield made
