"""What a person types reaches the task as it was meant."""

from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.loader import FilesystemLoader
from invoke.parser import Parser

TASKS, _ = FilesystemLoader(start=str(Path(__file__).parents[4])).load("tasks")


def typed(*words):
    """The task's arguments, as Invoke takes them from a command line."""
    (found,) = Parser(contexts=Collection.from_module(TASKS).to_contexts()).parse_argv(list(words))
    return found.as_kwargs


@pytest.mark.parametrize("task", ["deploy", "tf-apply", "bootstrap"])
def test_each_address_that_may_be_destroyed_is_one_word(task):
    assert typed(task, "--destroy", "module.a", "--destroy", "module.b")["destroy"] == ["module.a", "module.b"]
    assert not typed(task)["destroy"]


def test_status_takes_any_number_of_environments():
    assert typed("status", "--env", "preprod", "--env", "prod")["env"] == ["preprod", "prod"]


def test_a_release_and_the_steps_to_it_are_text():
    found = typed("rollback", "--env", "prod", "--to", "7", "--canary", "10%/60s,50%/2m", "--yes")
    assert (found["to"], found["canary"], found["yes"]) == ("7", "10%/60s,50%/2m", True)
