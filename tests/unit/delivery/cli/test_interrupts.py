"""What is said after an interrupt is true to where it came."""

import pytest

from delivery.cli import interrupts

TYPED = "invoke deploy --env preprod"


@pytest.mark.parametrize(
    ("reached", "line"),
    [
        ({}, "Interrupted: nothing was changed"),
        ({"guards": False}, "Interrupted in guards: nothing was changed"),
        ({"guards": True, "publish": False, "init": False}, "Interrupted in publish and init: layers may have been"),
        ({"publish": True, "init": True, "plan": False}, "Interrupted in plan: the image was pushed; nothing runs it"),
        ({"publish": True, "apply": False}, "Interrupted in apply: Terraform kept in its state what it had done; the"),
        ({"apply": True, "verify": False}, "Interrupted in verify: apply finished; the alias was not moved"),
        ({"init": True, "verify": False}, "Interrupted in verify: nothing was changed"),
        ({"apply": True, "release": False}, "Interrupted in release: the alias may have moved or not, `invoke releas"),
        ({"apply": True, "canary": False}, "Interrupted in canary: the old version has all requests again"),
        ({"look": True, "prune": False}, "Interrupted in prune: part of what was shown is gone; the rest"),
        ({"release": True}, "Interrupted: the release itself was done"),
        ({"build": False}, "Interrupted in build: nothing was pushed"),
        ({"copy": False}, "Interrupted in copy: what was copied stays; nothing runs it"),
    ],
)
def test_it_names_the_stage_what_is_left_and_what_to_type(reached, line):
    said = interrupts.words(reached, (), TYPED)
    assert said.startswith(line)
    assert said.endswith("; run `invoke deploy --env preprod` again.")
    assert "\n" not in said


def test_a_terraform_that_had_to_be_killed_may_have_left_its_lock():
    said = interrupts.words({"apply": False}, ("docker", "terraform"), TYPED)
    assert said.endswith("Terraform had to be killed: `invoke unlock --env ...` looks for the lock it may have left.")
