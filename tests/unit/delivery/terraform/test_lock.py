"""The state lock: its holder, whether the holder may be alive, the wait for the lock, and its removal."""

import contextlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.aws import FakeAws, FakeS3
from support.clock import Clock
from support.shell import FakeShell
from support.world import ENVIRONMENT, initialised

from delivery import clock
from delivery.errors import LockedError, RefusedError, TerraformError
from delivery.process import running
from delivery.process.running import Running
from delivery.process.shell import Result
from delivery.terraform import lock
from delivery.terraform.plan import Stack

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ID = "a3f0c1de-5f7c-4a5d-9a37-0a8b8c1d2e3f"
DATA = object()  # the data folder of this very checkout
PROCESSES: list[Running] = []
HERE = f"ada@{os.uname().nodename}"


@pytest.fixture
def time(monkeypatch):
    """A clock set by hand, on a machine without any Terraform."""
    made = Clock().install(monkeypatch)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(clock, "pause", lambda seconds: setattr(made, "time", made.time + seconds))
    PROCESSES.clear()
    monkeypatch.setattr(running, "named", lambda program: tuple(PROCESSES) if program == "terraform" else ())
    return made


@pytest.fixture
def stack(tmp_path, time):
    del time
    preprod = replace(ENVIRONMENT, name="preprod")
    made = Stack("service", tmp_path / "service", tmp_path / "data", preprod, lock_wait=5.0)
    made.data.mkdir()
    initialised(made.command("init"))
    return made


def held(who="ada@elsewhere", age=timedelta(minutes=2)):
    """AWS with the lock taken so long ago."""
    aws = FakeAws(s3=FakeS3("state"))
    created = f"{NOW - age:%Y-%m-%dT%H:%M:%S}.123456789Z"  # as Go writes it
    info = {"ID": ID, "Who": who, "Operation": "OperationTypeApply", "Created": created, "Path": "state/service"}
    aws.s3.objects["service.tfstate.tflock"] = json.dumps(info)
    return aws


def runs(pid, data="/x/.deploy/preprod/service", endpoint="", began=86_400):
    """Add a Terraform. `data`: its TF_DATA_DIR; `began`: seconds after the boot, which was nine days ago."""
    variables = {"A": "b", "TF_DATA_DIR": str(data), "AWS_ENDPOINT_URL": endpoint}
    boot = NOW.timestamp() - 86_400 * 9
    PROCESSES.append(Running(pid, boot + began, {name: value for name, value in variables.items() if value}))


def never():
    raise AssertionError("the work began although the state is locked")


def unlocking():
    return FakeShell({"terraform force-unlock": ""})


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"ID": "1", "Who": "a", "Operation": "", "Created": "x"}'])
def test_a_lock_that_cannot_be_read_is_reported_with_the_command_that_removes_it(stack, body):
    aws = held()
    aws.s3.objects["service.tfstate.tflock"] = body
    with pytest.raises(TerraformError, match="The lock of service cannot be read") as caught:
        lock.read(aws, stack)
    assert "`aws s3 rm s3://state/service.tfstate.tflock`" in caught.value.hint


def test_a_lock_names_its_holder_the_time_and_the_operation(stack):
    assert lock.read(held(), stack).holder == "ada@elsewhere since 2026-03-04 05:04:07 UTC (apply)"


def test_without_a_lock_nothing_is_waited_for_or_removed(stack, time):
    aws = FakeAws(s3=FakeS3("state"))
    assert lock.read(aws, stack) is None
    assert lock.wait_and_run(aws, stack, FakeShell(), print, lambda: "done") == "done"
    assert time.time == 0
    assert "is not locked" in lock.release(aws, stack, "", FakeShell())


def test_a_wait_shows_the_holder_and_the_time_and_ends_in_time(stack, time):
    updates = []
    with pytest.raises(TerraformError, match="locked by ada@elsewhere since 2026-03-04") as caught:
        lock.wait_and_run(held(), stack, FakeShell(), updates.append, never)
    assert time.time == 5.0
    assert updates[-1] == "waited 4 of 5 s for ada@elsewhere since 2026-03-04 05:04:07 UTC (apply)"
    assert caught.value.exit_code == 6


def test_a_wait_ends_when_the_lock_is_gone(stack, monkeypatch):
    aws = held()
    monkeypatch.setattr(clock, "pause", lambda _: aws.s3.objects.clear())
    assert lock.wait_and_run(aws, stack, FakeShell(), print, lambda: "done") == "done"


@pytest.mark.parametrize(("wait", "tries"), [(5.0, 2), (0.0, 1)])
def test_a_run_that_another_run_overtakes_waits_again_if_lock_wait_allows_it(stack, wait, tries):
    attempts = []

    def overtaken_once():
        attempts.append(1)
        if len(attempts) == 1:
            raise LockedError("held")
        return "done"

    waiting = replace(stack, lock_wait=wait)
    with contextlib.suppress(LockedError):
        lock.wait_and_run(FakeAws(s3=FakeS3("state")), waiting, FakeShell(), print, overtaken_once)
    assert len(attempts) == tries


def test_a_lock_of_another_machine_is_removed_only_after_an_hour(stack):
    with pytest.raises(RefusedError, match="on another machine") as caught:
        lock.release(held(age=timedelta(minutes=59)), stack, "", FakeShell())
    assert f"--stack service --lock {ID}" in caught.value.hint
    shell = unlocking()
    assert lock.release(held(age=timedelta(minutes=61)), stack, "", shell).startswith(f"Removed the lock {ID} of ada@")
    assert shell.ran[0].argv[2:] == ("force-unlock", "-no-color", "-force", ID)


@pytest.mark.parametrize("process", [{}, {"data": ""}, {"data": DATA, "endpoint": "http://relay.test"}])
def test_a_lock_of_this_machine_stays_while_a_terraform_runs_that_may_hold_it(stack, process):
    runs(71, **{name: stack.data if value is DATA else value for name, value in process.items()})
    with pytest.raises(RefusedError, match="on this machine") as caught:
        lock.release(held(HERE, timedelta(days=2)), stack, "", FakeShell())
    assert caught.value.why == "Terraform runs here as process 71."


def test_a_terraform_that_works_elsewhere_or_began_later_does_not_hold_the_lock(stack):
    runs(71, data="/x/.deploy/prod/service")
    runs(75, endpoint="http://another-cloud.test")
    runs(74, began=86_400 * 9 + 60)
    assert lock.release(held(HERE, timedelta(seconds=1)), stack, "", unlocking()).startswith("Removed")


def test_a_person_who_names_the_lock_removes_it_and_another_id_is_refused(stack):
    runs(71)
    assert lock.release(held(HERE), stack, ID, unlocking()).startswith("Removed")
    with pytest.raises(RefusedError, match=ID):
        lock.release(held(HERE), stack, "b" * 8, FakeShell())


def test_a_lock_that_disappears_before_its_removal_is_an_error(stack):
    shell = FakeShell({"terraform force-unlock": Result(1, "", "Failed to unlock state")})
    with pytest.raises(TerraformError, match="was not removed"):
        lock.release(held(), stack, ID, shell)


def killed_run(stack, before):
    """A run of this checkout that was killed; `before`: seconds before the lock."""
    stack.unfinished.write_text((NOW - timedelta(minutes=2, seconds=before)).isoformat())


def test_the_lock_of_a_killed_run_of_this_checkout_is_removed_without_a_question(stack):
    killed_run(stack, 3)
    shell, updates = unlocking(), []
    assert lock.wait_and_run(held(HERE), stack, shell, updates.append, lambda: "done") == "done"
    assert len(shell.ran) == 1
    assert "removing the lock" in updates[0]
    assert not stack.unfinished.exists()


@pytest.mark.parametrize(
    ("before", "who", "alive"),
    [(61, HERE, False), (-1, HERE, False), (3, "ada@elsewhere", False), (3, HERE, True)],
)
def test_a_lock_that_another_run_may_hold_is_not_removed(stack, before, who, alive):
    killed_run(stack, before)
    if alive:
        runs(71)
    with pytest.raises(TerraformError, match="The state is locked by"):
        lock.wait_and_run(held(who), stack, FakeShell(), print, never)
