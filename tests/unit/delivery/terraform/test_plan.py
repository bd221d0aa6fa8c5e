"""What counts as a plan that changes something, and a plan that cannot be read."""

import pytest
from support.shell import FakeShell
from support.terraform import change
from support.terraform import planned as plans

from delivery.errors import TerraformError
from delivery.process.shell import Result
from delivery.terraform import execute
from delivery.terraform.plan import Stack

UPDATE = change("a.b", "update", before={"x": 1}, after={"x": 2})


@pytest.fixture
def stack(tmp_path):
    return Stack("service", tmp_path, tmp_path, "sandbox")


def planned(stack, answers):
    return execute.plan(stack, {}, stack.data, FakeShell(answers), print)


def test_a_plan_that_cannot_be_read_back_is_reported(stack):
    with pytest.raises(TerraformError, match="plugin"):
        planned(stack, {**plans(UPDATE), "terraform show": Result(1, "", "Error: Failed to load plugin schemas")})


def test_a_plan_that_changes_only_outputs_is_not_empty(stack):
    outputs = {"functions": {"actions": ["create"], "before": None, "after": {}}}
    assert not planned(stack, plans(output_changes=outputs)).empty


def test_a_plan_that_forgets_a_resource_is_not_empty(stack):
    assert not planned(stack, plans(change("a.b", "forget", before={}))).empty


def test_an_update_names_what_is_known_only_after_it(stack):
    known_later = change("a.b", "update", before={"x": 1}, after={}, after_unknown={"x": True})
    assert planned(stack, plans(known_later)).updates == ("a.b (x)",)
