"""The bucket refuses the state after an apply: the task pushes it, or keeps it and names the command that pushes it."""

import os
import re
import subprocess

import pytest
from support.chaos.cells import ALWAYS
from support.chaos.faulty_relay import Rule, relaying, through
from support.chaos.place import KEYS, TFVARS

STATE = r"^PUT /\S*/service\.tfstate(\?\S*)? "  # not its lock, service.tfstate.tflock
NOTHING = "no changes: the infrastructure is as described"


@pytest.fixture
def left(place):
    """The file in which Terraform leaves a state that it could not write."""
    file = place.clone.root / "infrastructure/service/errored.tfstate"
    yield file
    file.unlink(missing_ok=True)


def deploy(place, memory, times):
    """Deploy a change while the bucket refuses the state so many times."""
    place.memory(memory)
    place.clone.git("update-index", "--no-skip-worktree", TFVARS)  # what is planned is the commit
    place.clone.commit(f"memory_mb = {memory}")
    with relaying(place.endpoint, Rule(STATE, "403 AccessDenied", times)) as relay:
        outcome = place.invoke("deploy", **through(relay))
        assert relay.met.is_set(), outcome.text
    assert outcome.code == 6, outcome.text
    assert place.locks() == []
    return outcome.text


def test_a_state_that_is_refused_once_is_pushed_by_the_task_and_the_next_plan_is_empty(place, left):
    text = deploy(place, 2000, 1)
    assert "pushed afterwards" in text, text
    assert not left.exists()
    assert NOTHING in place.invoke("tf-plan").text


def test_a_state_that_is_refused_again_stays_and_the_printed_command_pushes_it(place, left):
    text = deploy(place, 2001, ALWAYS)
    assert f"only in {left}" in text, text
    command = re.search("`(TF_DATA_DIR=.* state push errored.tfstate)`", text)[1]
    environ = {**os.environ, **place.clone.settings["variables"], **KEYS}
    assert subprocess.run(command, shell=True, env=environ, check=False).returncode == 0
    assert NOTHING in place.invoke("tf-plan").text
