"""The message of an interrupt is true for the stage that was interrupted."""

from dataclasses import replace

import pytest

from delivery.cli import interrupts
from delivery.progress import UNCHANGED, Stage

TYPED = "invoke deploy --env preprod"


def stage(name, mark="", interrupted=UNCHANGED, after=""):
    """A stage that was cut off, or with the mark `✓` a stage that has ended."""
    return Stage(name, None, interrupted, after, mark=mark)


PUSHED = stage("push", "✓", "layers may be pushed", "the image was pushed")


def test_an_interrupt_before_the_first_stage_claims_nothing():
    assert interrupts.message([], (), TYPED) == f"Interrupted: no stage had begun; run `{TYPED}` again."


@pytest.mark.parametrize(
    ("stages", "where", "left"),
    [
        ([stage("guards")], "in guards", UNCHANGED),
        ([stage("guards", "✓"), stage("plan")], "in plan", UNCHANGED),
        ([PUSHED, stage("plan")], "in plan", "the image was pushed"),
        ([PUSHED, stage("apply", interrupted="the state may differ")], "in apply", "the state may differ"),
        ([stage("push", interrupted="layers"), stage("init")], "in push and init", "layers"),
        ([PUSHED, stage("apply", "✓", "x", "applied"), stage("verify")], "in verify", "applied"),
        ([stage("sandbox", interrupted="the sandbox may be started in part")], "in sandbox", "may be started in part"),
    ],
)
def test_the_message_names_the_stage_what_is_left_and_the_command_to_type(stages, where, left):
    message = interrupts.message(stages, (), TYPED)
    assert message.startswith(f"Interrupted {where}: ")
    assert left in message
    assert message.endswith(f"; run `{TYPED}` again.")
    assert "\n" not in message


def test_what_a_stage_left_that_ended_beside_the_one_that_was_cut_off_is_said_too():
    applied = replace(stage("apply", "✓", "x", "applied; the alias was not moved"), started=10.0, seconds=3.0)
    state = replace(stage("state", interrupted="the state may be behind"), started=10.1)
    left = "in state: the state may be behind; applied; the alias was not moved"
    assert left in interrupts.message([applied, state], (), TYPED)
    moving = replace(stage("release", interrupted="the alias may have moved"), started=14.0)
    message = interrupts.message([applied, state, moving], (), TYPED)
    assert "the state may be behind; the alias may have moved; run" in message


def test_what_a_stage_left_is_said_too_if_a_later_one_that_was_cut_off_keeps_it():
    applied = replace(stage("apply", "✓", "x", "the alias was not moved"), started=10.0, seconds=3.0)
    state = replace(stage("state", interrupted="the state may be behind"), started=13.1, keeps=True)
    verify = replace(stage("verify"), started=13.2)
    left = "in state and verify: the state may be behind; the alias was not moved; run"
    assert left in interrupts.message([applied, state, verify], (), TYPED)
    moving = replace(stage("release", interrupted="the alias may have moved"), started=14.0)
    assert "behind; the alias may have moved; run" in interrupts.message([applied, state, moving], (), TYPED)


def test_a_killed_terraform_may_have_left_its_lock():
    message = interrupts.message([stage("apply", interrupted="x")], ("docker", "terraform"), TYPED)
    assert "invoke unlock" in message
