"""A failed apply whose state Terraform could not write: the state is pushed once, or its file stays."""

import os
from dataclasses import replace

import pytest
from support.terraform import LOCKED, diagnostic
from support.world import ENVIRONMENT, initialised, world

from delivery.errors import LockedError, TerraformError
from delivery.process.shell import Result
from delivery.terraform import stages
from delivery.terraform.plan import Plan, Stack

FAILED = Result(1, diagnostic("Failed to persist state to backend", "connection refused"), "")


@pytest.fixture
def stack(tmp_path):
    made = Stack("service", tmp_path / "service", tmp_path / "data", ENVIRONMENT)
    for folder in (made.folder, made.data):
        folder.mkdir()
    initialised(made.command("init"))
    return made


def apply(tmp_path, stack, answers):
    """Apply with a Terraform that gives these answers; returns the error and the shell."""
    made = world(tmp_path, answers)
    with pytest.raises(TerraformError) as caught:
        stages.apply(made.run, Plan(stack, tmp_path / "plan", (), (), ()), print)
    return caught.value, made.shell


def leaving(stack, result=FAILED):
    """An apply that leaves its state in a file."""

    def answer(_):
        stack.errored.write_text("{}")
        return result

    return answer


def test_a_state_that_could_not_be_written_is_pushed_once_with_its_lineage_and_lock_checked(tmp_path, stack):
    error, shell = apply(tmp_path, stack, {"terraform apply": leaving(stack), "terraform state push": ""})
    (push,) = shell.typed("terraform state push")
    assert (push.argv[2:], push.stdin) == (("state", "push", "-no-color", "-"), "{}")
    assert not stack.errored.exists()
    assert "pushed afterwards" in str(error)
    assert error.hint == "correct the cause above, then run the same command again"


def test_a_state_that_cannot_be_pushed_stays_and_the_error_names_the_file_and_the_command(tmp_path, stack):
    refused = Result(1, "", 'Failed to write state: cannot import state with lineage "a" over "b"')
    error, shell = apply(tmp_path, stack, {"terraform apply": leaving(stack), "terraform state push": refused})
    assert len(shell.typed("terraform state push")) == 1
    assert stack.errored.exists()
    assert f"only in {stack.errored}" in error.why
    assert f"TF_DATA_DIR={stack.data} terraform -chdir={stack.folder} state push errored.tfstate" in error.hint
    assert "connection refused" in error.why


def test_a_failed_apply_that_wrote_its_state_pushes_nothing(tmp_path, stack):
    error, shell = apply(tmp_path, stack, {"terraform apply": FAILED})
    assert shell.typed("terraform state push") == []
    assert "errored" not in str(error)


def test_a_file_of_an_earlier_apply_is_not_pushed_again(tmp_path, stack):
    stack.errored.write_text("{}")
    os.utime(stack.errored, (1, 1))
    _, shell = apply(tmp_path, stack, {"terraform apply": FAILED})
    assert shell.typed("terraform state push") == []
    assert stack.errored.exists()


def test_an_apply_that_found_the_state_locked_stays_a_locked_state(tmp_path, stack):
    error, _ = apply(tmp_path, stack, {"terraform apply": Result(1, LOCKED, "")})
    assert isinstance(error, LockedError)


def test_a_state_that_the_plan_of_an_exported_commit_left_is_kept_in_the_work_tree(tmp_path, stack):
    (tmp_path / "tree").mkdir()
    kept = replace(stack, kept=tmp_path / "tree")
    answers = {"terraform apply": leaving(stack), "terraform state push": Result(1, "", "no")}
    error, _ = apply(tmp_path, kept, answers)
    assert (tmp_path / "tree" / "errored.tfstate").exists()
    assert not stack.errored.exists()
    assert f"terraform -chdir={tmp_path / 'tree'} state push errored.tfstate" in error.hint
