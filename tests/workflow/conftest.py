"""Fixtures of the workflow tests: one clone with one sandbox of two accounts, and one complete run of the workflow."""

import pytest
from support.deploys.checkout import Checkout
from support.workflow.pipeline import NO_TESTS, Pipeline


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """The workflow of a clone, ready to run: both accounts are bootstrapped, nothing is deployed."""
    clone = Checkout.make(tmp_path_factory.mktemp("clone"))
    try:
        yield Pipeline.make(clone, tmp_path_factory.mktemp("runner"))
    finally:
        clone.stop()


@pytest.fixture(scope="session")
def main_run(pipeline):
    """The run of a push to main that deployed to preprod and to prod."""
    run = pipeline.run("push", **NO_TESTS)
    assert run.code == 0, run.text
    print(run.table())
    return run
