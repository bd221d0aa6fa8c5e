"""`invoke unlock` removes the lock of a dead owner, and refuses while the owner may be alive."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.world import answers, world

from delivery import clock
from delivery.commands import unlock
from delivery.errors import ConfigurationError, RefusedError, TerraformError
from delivery.process.shell import Result

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ID = "a3f0c1de-5f7c-4a5d-9a37-0a8b8c1d2e3f"


@pytest.fixture(autouse=True)
def _fixed_time(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def locked(root, age, result=""):
    """A project whose state another machine has locked for `age`."""
    made = world(root, answers(**{"terraform force-unlock": result}))
    created = f"{NOW - age:%Y-%m-%dT%H:%M:%S}.123456789Z"
    info = {"ID": ID, "Who": "ada@elsewhere", "Operation": "OperationTypeApply", "Created": created}
    made.aws.s3.objects["service.tfstate.tflock"] = json.dumps(info)
    return made


def removed(made):
    return [command.argv[-1] for command in made.shell.typed("terraform force-unlock")]


def test_a_state_without_a_lock_needs_no_unlock(tmp_path):
    made = world(tmp_path)
    assert "is not locked" in unlock.unlock(made.run, "service")
    assert removed(made) == []


def test_the_lock_of_a_dead_owner_is_removed(tmp_path):
    made = locked(tmp_path, timedelta(hours=2))
    text = unlock.unlock(made.run, "service")
    assert ID in text
    assert "ada@elsewhere" in text
    assert removed(made) == [ID]
    assert made.stages() == ["init"]


def test_the_lock_of_an_owner_that_may_be_alive_is_not_removed(tmp_path):
    made = locked(tmp_path, timedelta(minutes=2))
    with pytest.raises(RefusedError) as caught:
        unlock.unlock(made.run, "service")
    assert "ada@elsewhere" in caught.value.what
    assert f"--lock {ID}" in caught.value.hint
    assert removed(made) == []


def test_a_lock_that_is_named_by_its_id_is_removed_at_any_age(tmp_path):
    made = locked(tmp_path, timedelta(minutes=2))
    unlock.unlock(made.run, "service", ID)
    assert removed(made) == [ID]


def test_another_lock_than_the_named_lock_is_not_removed(tmp_path):
    made = locked(tmp_path, timedelta(hours=2))
    with pytest.raises(RefusedError, match=ID):
        unlock.unlock(made.run, "service", "another")
    assert removed(made) == []


def test_a_lock_that_terraform_cannot_remove_is_reported(tmp_path):
    made = locked(tmp_path, timedelta(hours=2), Result(1, "", "the lock changed"))
    with pytest.raises(TerraformError) as caught:
        unlock.unlock(made.run, "service")
    assert ID in caught.value.what
    assert caught.value.why == "the lock changed"


def test_an_unknown_root_module_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigurationError, match="Unknown root module: 'fundation'") as caught:
        unlock.require_stack("fundation")
    assert caught.value.hint == "--stack foundation"
