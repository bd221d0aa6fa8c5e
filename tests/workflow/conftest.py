"""One clone, one sandbox with two accounts, and one run of the workflow that goes all the way."""

import pytest
from checkout import Checkout
from pipeline import Pipeline


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    clone = Checkout.make(tmp_path_factory.mktemp("clone"))
    try:
        yield Pipeline.make(clone, tmp_path_factory.mktemp("runner"))
    finally:
        clone.stop()


@pytest.fixture(scope="session")
def shipped(pipeline):
    """The pipeline after a push to main, with its run."""
    run = pipeline.run("push")
    assert run.code == 0, run.text
    print(run.table())
    return pipeline, run
