"""Each task gets the options as a person types them."""

from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.loader import FilesystemLoader
from invoke.parser import Parser

TASKS, _ = FilesystemLoader(start=str(Path(__file__).parents[4])).load("tasks")


def typed(*words):
    """The task's arguments, as Invoke takes them from a command line."""
    (options,) = Parser(contexts=Collection.from_module(TASKS).to_contexts()).parse_argv(list(words))
    return options.as_kwargs


@pytest.mark.parametrize("task", ["deploy", "tf-apply", "bootstrap"])
def test_destroy_takes_one_address_each_time_it_is_typed(task):
    assert typed(task, "--destroy", "module.a", "--destroy", "module.b")["destroy"] == ["module.a", "module.b"]
    assert not typed(task)["destroy"]


def test_status_takes_any_number_of_environments():
    assert typed("status", "--env", "preprod", "--env", "prod")["env"] == ["preprod", "prod"]


def test_version_and_canary_steps_of_a_rollback_are_text():
    options = typed("rollback", "--env", "prod", "--to", "7", "--canary", "10%/60s,50%/2m", "--yes")
    assert (options["to"], options["canary"], options["yes"]) == ("7", "10%/60s,50%/2m", True)


@pytest.mark.parametrize("task", ["deploy", "verify", "rollback", "stream", "logs"])
def test_only_may_be_repeated(task):
    assert typed(task, "--only", "orders", "--only", "users,stream")["only"] == ["orders", "users,stream"]
    assert not typed(task)["only"]


def test_a_deploy_builds_unless_it_is_told_not_to():
    assert typed("deploy")["build"] is True
    assert typed("deploy", "--no-build")["build"] is False


def test_a_comment_takes_any_number_of_environments_and_may_only_print():
    options = typed("comment", "--env", "preprod", "--env", "prod", "--dry-run")
    assert (options["env"], options["dry_run"]) == (["preprod", "prod"], True)
