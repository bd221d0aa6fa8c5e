"""What counts as a plan that changes something, and a plan that cannot be read."""

import pytest
from fakes import FakeShell
from transcripts import change, shown

from delivery import terraform
from delivery.errors import TerraformError
from delivery.plan import Stack
from delivery.shell import Result


@pytest.fixture
def stack(tmp_path):
    return Stack("service", tmp_path, tmp_path, "sandbox")


def planned(stack, document):
    return terraform.plan(stack, {}, stack.data, FakeShell({"terraform plan": "", "terraform show": document}), print)


def test_a_plan_that_cannot_be_read_back_is_told(stack):
    with pytest.raises(TerraformError, match="plugin"):
        planned(stack, Result(1, "", "Error: Failed to load plugin schemas"))


def test_a_plan_that_changes_only_outputs_is_not_empty(stack):
    outputs = {"functions": {"actions": ["create"], "before": None, "after": {}}}
    assert not planned(stack, shown(output_changes=outputs, applyable=True)).empty


def test_a_plan_that_forgets_a_resource_is_not_empty(stack):
    assert not planned(stack, shown(change("a.b", "forget", before={}), applyable=True)).empty


def test_an_update_names_what_is_known_only_after_it(stack):
    known_later = change("a.b", "update", before={"x": 1}, after={}, after_unknown={"x": True})
    assert planned(stack, shown(known_later)).updates == ("a.b (x)",)
