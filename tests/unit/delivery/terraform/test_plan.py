"""A plan: what counts as a change, what it may do in a protected environment, and what cannot be read."""

from dataclasses import replace

import pytest
from support.shell import FakeShell
from support.terraform import change, planned
from support.world import ENVIRONMENT, settings

from delivery.errors import RefusedError, TerraformError
from delivery.process.shell import Result
from delivery.terraform import execute
from delivery.terraform.plan import Stack

UPDATE = change("a.b", "update", before={"x": 1}, after={"x": 2})


@pytest.fixture
def stack(tmp_path):
    return Stack("service", tmp_path, tmp_path, replace(ENVIRONMENT, name="prod"))


@pytest.fixture
def protected(tmp_path):
    return settings(tmp_path, protected=True).environment


def read(stack, answers):
    fake = FakeShell(answers)
    return execute.read_back(execute.plan(stack, {}, stack.data, fake, print), fake)


def replacement(reason):
    """A resource that is destroyed and created again, with Terraform's reason."""
    actions = {"actions": ["delete", "create"], "before": {}, "after": {}}
    return {**change("a.b", "delete", before={}, after={}), "action_reason": reason, "change": actions}


def test_a_plan_that_cannot_be_read_back_is_an_error(stack):
    answers = {**planned(UPDATE), "terraform show": Result(1, "", "Error: Failed to load plugin schemas")}
    with pytest.raises(TerraformError, match="plugin"):
        read(stack, answers)


def test_a_plan_that_changes_only_outputs_is_not_empty(stack):
    outputs = {"functions": {"actions": ["create"], "before": None, "after": {}}}
    assert not read(stack, planned(output_changes=outputs)).empty


def test_a_plan_that_forgets_a_resource_is_not_empty(stack):
    assert not read(stack, planned(change("a.b", "forget", before={}))).empty


def test_an_update_without_a_known_value_names_the_computed_attributes(stack):
    computed = change("a.b", "update", before={"x": 1}, after={}, after_unknown={"x": True})
    assert read(stack, planned(computed)).updates == ("a.b (x)",)


def test_the_replacement_of_a_half_created_resource_destroys_nothing(stack, protected):
    plan = read(stack, planned(replacement("replace_because_tainted")))
    assert (plan.creates, plan.deletes) == (("a.b",), ())
    plan.require_harmless(protected)


def test_the_replacement_of_a_working_resource_is_refused(stack, protected):
    plan = read(stack, planned(replacement("replace_because_cannot_update")))
    with pytest.raises(RefusedError, match="protected: 1"):
        plan.require_harmless(protected)


def test_a_plugin_cache_of_a_person_is_a_mirror_and_does_not_reach_terraform(stack):
    assert stack.command("init").without == ("TF_PLUGIN_CACHE_DIR",)
