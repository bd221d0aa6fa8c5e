"""What a plan may do in a protected environment, and what of a person's shell reaches Terraform."""

import pytest
from support.shell import FakeShell
from support.terraform import change
from support.terraform import planned as plans
from support.world import settings

from delivery.errors import RefusedError
from delivery.terraform import execute
from delivery.terraform.plan import Stack


@pytest.fixture
def planned(tmp_path):
    stack = Stack("service", tmp_path, tmp_path, "prod")

    def plan(*changes):
        return execute.plan(stack, {}, tmp_path, FakeShell(plans(*changes)), print)

    return plan


def replaced(**more):
    return {**change("a.b", "delete", before={}, after={}), **more} | {
        "change": {"actions": ["delete", "create"], "before": {}, "after": {}}
    }


def test_making_again_what_a_cut_off_run_half_made_destroys_nothing(planned, tmp_path):
    saved = planned(replaced(action_reason="replace_because_tainted"))
    assert (saved.creates, saved.deletes) == (("a.b",), ())
    saved.require_harmless(settings(tmp_path, protected=True).environment)


def test_replacing_what_works_is_refused(planned, tmp_path):
    saved = planned(replaced(action_reason="replace_because_cannot_update"))
    with pytest.raises(RefusedError, match="protected: 1"):
        saved.require_harmless(settings(tmp_path, protected=True).environment)


def test_what_a_person_exported_for_terraform_does_not_reach_ours(tmp_path):
    command = Stack("service", tmp_path, tmp_path, "prod").command("force-unlock", "-force", "x")
    for name in ("TF_WORKSPACE", "TF_CLI_ARGS", "TF_CLI_ARGS_force_unlock"):
        assert command.variables[name] == ""
