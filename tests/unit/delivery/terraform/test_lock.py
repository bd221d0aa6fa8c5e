"""The state lock: who holds it, whether they may be alive, the wait for it, and its removal."""

import contextlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.aws import FakeAws, FakeS3
from support.clock import Clock
from support.shell import FakeShell
from support.world import initialised

from delivery import clock
from delivery.errors import LockedError, RefusedError, TerraformError
from delivery.process.shell import Result
from delivery.terraform import lock
from delivery.terraform.plan import Stack

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ID = "a3f0c1de-5f7c-4a5d-9a37-0a8b8c1d2e3f"
DATA = object()  # the data folder of this very checkout
HERE = f"ada@{os.uname().nodename}"


@pytest.fixture
def time(monkeypatch, tmp_path):
    """A clock set by hand; this machine runs nothing."""
    made = Clock().install(monkeypatch)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(clock, "pause", lambda seconds: setattr(made, "time", made.time + seconds))
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "stat").write_text(f"cpu 1 2\nbtime {int(NOW.timestamp()) - 86_400 * 9}\n")
    monkeypatch.setattr(lock, "PROC", tmp_path / "proc")
    return made


@pytest.fixture
def stack(tmp_path, time):
    del time
    made = Stack("service", tmp_path / "service", tmp_path / "data", "preprod", lock_wait=5.0)
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


def runs(pid, comm="terraform", data="/x/.deploy/preprod/service", endpoint="", state="S", began=86_400):
    """A process of this machine; `data`: where it says it works; `began`: seconds after the boot, nine days ago."""
    folder = lock.PROC / str(pid)
    folder.mkdir()
    (folder / "comm").write_text(f"{comm}\n")
    ticks = began * os.sysconf("SC_CLK_TCK")
    (folder / "stat").write_text(f"{pid} ({comm}) {state} {' '.join(['1'] * 18)} {ticks} 1")
    given = {"A": "b", "TF_DATA_DIR": str(data), "AWS_ENDPOINT_URL": endpoint}
    (folder / "environ").write_text("".join(f"{name}={value}\0" for name, value in given.items() if value))


def never():
    raise AssertionError("it was tried although somebody holds the lock")


def forced():
    return FakeShell({"terraform force-unlock": ""})


def test_a_lock_says_who_since_when_and_what_for(stack):
    assert lock.read(held(), stack).words() == "ada@elsewhere since 2026-03-04 05:04:07 UTC (apply)"


def test_nobody_s_lock_is_none_and_nothing_is_waited_for_or_removed(stack, time):
    aws = FakeAws(s3=FakeS3("state"))
    assert lock.read(aws, stack) is None
    assert lock.wait_and_run(aws, stack, FakeShell(), print, lambda: "done") == "done"
    assert time.time == 0
    assert lock.release(aws, stack, "", FakeShell()) == "There is no lock on service: nobody is changing it."


def test_a_wait_says_for_whom_and_how_long_and_gives_up_in_time(stack, time):
    said = []
    with pytest.raises(TerraformError, match="locked by ada@elsewhere since 2026-03-04") as caught:
        lock.wait_and_run(held(), stack, FakeShell(), said.append, never)
    assert time.time == 5.0
    assert said[-1] == "waited 4 of 5 s for ada@elsewhere since 2026-03-04 05:04:07 UTC (apply)"
    assert caught.value.exit_code == 6


def test_a_wait_ends_when_the_lock_is_gone(stack, monkeypatch):
    aws = held()
    monkeypatch.setattr(clock, "pause", lambda _: aws.s3.objects.clear())
    assert lock.wait_and_run(aws, stack, FakeShell(), print, lambda: "done") == "done"


@pytest.mark.parametrize(("wait", "tries"), [(5.0, 2), (0.0, 1)])
def test_who_was_overtaken_between_the_look_and_the_lock_waits_again_if_asked_to(stack, wait, tries):
    tried = []

    def overtaken_once():
        tried.append(1)
        if len(tried) == 1:
            raise LockedError("held")
        return "done"

    with contextlib.suppress(LockedError):
        lock.wait_and_run(
            FakeAws(s3=FakeS3("state")), replace(stack, lock_wait=wait), FakeShell(), print, overtaken_once
        )
    assert len(tried) == tries


def test_a_lock_of_another_machine_is_refused_while_it_is_young_and_removed_when_it_is_old(stack):
    with pytest.raises(RefusedError, match="on another machine") as caught:
        lock.release(held(age=timedelta(minutes=59)), stack, "", FakeShell())
    assert f"--stack service --lock {ID}" in caught.value.hint
    fake = forced()
    assert lock.release(held(age=timedelta(minutes=61)), stack, "", fake).startswith(f"Removed the lock {ID} of ada@")
    assert fake.ran[0].argv[2:] == ("force-unlock", "-no-color", "-force", ID)


@pytest.mark.parametrize("working", [{}, {"data": ""}, {"data": DATA, "endpoint": "http://relay.test"}])
def test_a_lock_of_this_machine_is_refused_while_a_terraform_runs_that_could_hold_it(stack, working):
    runs(71, **{name: stack.data if value is DATA else value for name, value in working.items()})
    with pytest.raises(RefusedError, match="on this machine, and that may still run") as caught:
        lock.release(held(HERE, timedelta(days=2)), stack, "", FakeShell())
    assert caught.value.why == "Terraform runs here as process 71."


def test_what_works_elsewhere_or_is_no_terraform_or_has_ended_holds_no_lock(stack):
    runs(71, data="/x/.deploy/prod/service")
    runs(75, endpoint="http://another-cloud.test")
    runs(72, comm="bash")
    runs(73, state="Z")
    runs(74, began=86_400 * 9 + 60)
    assert lock.release(held(HERE, timedelta(seconds=1)), stack, "", forced()).startswith("Removed")


def test_who_names_the_lock_has_looked_and_another_id_is_refused(stack):
    runs(71)
    assert lock.release(held(HERE), stack, ID, forced()).startswith("Removed")
    with pytest.raises(RefusedError, match=f"The lock is another one: {ID}"):
        lock.release(held(HERE), stack, "b" * 8, FakeShell())


def test_a_lock_that_is_gone_meanwhile_is_told(stack):
    fake = FakeShell({"terraform force-unlock": Result(1, "", "Failed to unlock state")})
    with pytest.raises(TerraformError, match="was not removed"):
        lock.release(held(), stack, ID, fake)


def began(stack, before):
    """A run of this checkout that was killed; `before`: seconds before the lock."""
    stack.unfinished.write_text((NOW - timedelta(minutes=2, seconds=before)).isoformat())


def test_a_lock_that_our_own_killed_run_left_is_removed_without_asking(stack):
    began(stack, 3)
    fake, said = forced(), []
    assert lock.wait_and_run(held(HERE), stack, fake, said.append, lambda: "done") == "done"
    assert len(fake.ran) == 1
    assert said[0].endswith("that run of this checkout is over")
    assert not stack.unfinished.exists()


@pytest.mark.parametrize(
    ("before", "who", "running"),
    [(61, HERE, False), (-1, HERE, False), (3, "ada@elsewhere", False), (3, HERE, True)],
)
def test_a_lock_that_may_be_somebody_else_s_is_not_removed(stack, before, who, running):
    began(stack, before)
    if running:
        runs(71)
    with pytest.raises(TerraformError, match="The state is locked by"):
        lock.wait_and_run(held(who), stack, FakeShell(), print, never)
