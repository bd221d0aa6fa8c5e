"""The calls of AWS that a task makes for each function, and that those of all functions overlap.

A number that grows here makes every task slower for every function: with 150 ms a call, one call more costs a deploy of
any number of functions 150 ms, and a loop costs it 150 ms for each function.
"""

from collections import Counter
from dataclasses import replace

import pytest
from support.clock import LaneClock
from support.fleet import Fleet
from support.world import ENVIRONMENT, blobs

from delivery.commands import deploy, promote, prune, rollback, status
from delivery.release import history, live
from delivery.terraform import state


def roll_back(fleet):
    rollback.rollback(fleet.run, rollback.prepare(fleet.run))


def deploy_again(fleet):
    deploy.deliver(fleet.run, deploy.plan(fleet.run))


def read_status(fleet):
    (environment,) = status.read(["sandbox"], fleet.run.shell, lambda _: fleet.run)
    assert environment.failure == ""
    assert len(environment.functions) == len(fleet.numbers)


def read_releases(fleet):
    assert len(history.read_all(fleet.run, state.require_functions(fleet.run))) == len(fleet.numbers)


def verify(fleet):
    live.verify_newest(fleet.run, state.require_functions(fleet.run))


def list_prunable(fleet):
    assert prune.plan(fleet.run) == ()


READ = {"get_alias": 1, "list_versions_by_function": 1, "describe_images": 1}  # the history of a function
RELEASE = {"get_function_url_config": 1, "get_policy": 1, "open": 1}
# Task: its calls for each function, and those for all of them together.
CALLS = {
    roll_back: (
        Counter(READ | RELEASE | dict.fromkeys(["get_function", "invoke_with_response_stream", "update_alias"], 1))
        # The tags are read again before the alias moves; the record is a tag, which needs the manifest.
        # The other manifest is on the way to the health contract of the version, which stands in its image.
        + Counter(["describe_images", "batch_get_image", "batch_get_image", "put_image"]),
        {"get_authorization_token": 1, "get_object": 1},
    ),
    deploy_again: (
        Counter(RELEASE | {"invoke_with_response_stream": 1, "publish_version": 1, "describe_images": 1})
        # The function and its live version; the alias before the plan and after it was confirmed; the tags `latest`
        # and that of the commit, and the manifest on the way to the health contract. The scan is read beside the
        # verification of the live version.
        + Counter({"get_function": 2, "get_alias": 2, "batch_get_image": 3, "describe_image_scan_findings": 1}),
        # The hold is read before the apply and before the alias moves.
        {"get_authorization_token": 1, "get_object": 5, "head_bucket": 2, "describe_repositories": 1},
    ),
    # The live version and the function; the age and the health contract of the image; its scan, beside the plan; the
    # hold
    read_status: (
        Counter(READ)
        + Counter({"get_function": 2, "describe_images": 1, "batch_get_image": 1, "describe_image_scan_findings": 1}),
        {"get_authorization_token": 1, "get_object": 2},
    ),
    read_releases: (Counter(READ | {"get_function": 2}), {"get_object": 1}),  # there are two versions
    verify: (
        Counter(["list_versions_by_function", "get_function", "batch_get_image", "invoke_with_response_stream"]),
        {"get_authorization_token": 1, "get_object": 1},
    ),
    list_prunable: (
        Counter({"describe_images": 1, "list_aliases": 1, "list_versions_by_function": 1, "get_function": 3}),
        {"get_object": 1},
    ),
}
OPERATIONS = {name for calls, _ in CALLS.values() for name in calls if name != "open"}


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    LaneClock(tick=0.1).install(monkeypatch)
    blobs(monkeypatch)


def unread(root, count):
    """A fleet of whose images nothing was read yet."""
    fleet = Fleet(root, count)
    fleet.aws.configs.clear()
    return fleet


@pytest.mark.parametrize("task", CALLS, ids=lambda task: task.__name__)
def test_a_task_makes_these_calls_for_each_function_and_no_more(tmp_path, task):
    fleet = unread(tmp_path, 3)
    task(fleet)
    assert fleet.calls() == CALLS[task]


@pytest.mark.parametrize("task", CALLS, ids=lambda task: task.__name__)
def test_the_calls_for_fifteen_functions_overlap(tmp_path, task):
    """Each call waits for that of every other function: a loop would wait for ever."""
    fleet = unread(tmp_path, 15)
    fleet.meet(*OPERATIONS)
    task(fleet)
    assert fleet.calls() == CALLS[task]


def test_a_promotion_reads_all_functions_of_both_environments_at_once(tmp_path):
    source = Fleet(tmp_path, 15)
    prod = replace(ENVIRONMENT, name="prod", account="222222222222", protected=True)
    destination = Fleet(tmp_path, 15, prod)
    for fleet in (source, destination):
        fleet.meet(*OPERATIONS)
    promotions = promote.prepare(source.run, destination.run, None)
    assert [promotion.live for promotion in promotions] == [True] * 15
    chosen, found = source.calls(), destination.calls()
    assert chosen == (Counter(READ) + Counter(["get_function", "describe_images"]), {"get_object": 1})
    assert found == (
        Counter(["get_alias", "get_function", "batch_get_image"]),
        {"get_object": 3, "describe_repositories": 1},
    )


def test_an_environment_that_bootstraps_is_looked_up_once(tmp_path):
    fleet = Fleet(tmp_path, 3)
    deploy.guard(replace(fleet.run, settings=replace(fleet.run.settings, bootstraps=True)))
    assert fleet.calls() == ({}, {"head_bucket": 2, "get_object": 1, "describe_repositories": 1})
