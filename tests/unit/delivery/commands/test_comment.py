"""What a merge would change is read for each environment, and the error of one does not hide the others."""

import pytest
from support.build import DIGEST, manifest
from support.world import NAME, OLD_DIGEST, UPDATE, answers, blobs, world

from delivery.commands import comment
from delivery.errors import CloudError, ConfigurationError


@pytest.fixture
def made(tmp_path, monkeypatch):
    blobs(monkeypatch)
    made = world(tmp_path, answers(UPDATE))
    made.aws.ecr.repositories[NAME][OLD_DIGEST] = manifest()
    return made


def opened(made, missing=()):
    """Opens the same fakes under any name but those in `missing`, which have no profile."""

    def open_environment(name):
        if name in missing:
            raise ConfigurationError(f"The config profile ({name}) could not be found")
        return made.run

    return open_environment


def test_each_environment_is_compared_in_a_folder_of_its_own(made):
    preprod, prod = comment.preview(("preprod", "prod"), opened(made))
    assert [each.difference.changes[0].image.digest for each in (preprod, prod)] == [DIGEST, DIGEST]
    folders = [each.difference.plan.file.parent.name for each in (preprod, prod)]
    assert folders == ["preprod", "prod"]


def test_the_plan_reads_no_resource_and_takes_no_lock(made):
    comment.preview(("preprod",), opened(made))
    (command,) = made.shell.typed("terraform plan")
    assert {"-refresh=false", "-lock=false"} <= set(command.argv)


def test_an_environment_that_cannot_be_opened_does_not_hide_the_other(made):
    preprod, prod = comment.preview(("preprod", "prod"), opened(made, ["preprod"]))
    assert preprod.difference is None
    assert "config profile (preprod)" in str(preprod.error)
    assert prod.difference is not None
    comment.require_one((preprod, prod))


def test_an_environment_that_was_never_bootstrapped_is_an_error_of_its_own(made):
    made.aws.ecr.repositories.clear()
    (preprod,) = comment.preview(("preprod",), opened(made))
    assert "The repository does not exist" in str(preprod.error)
    with pytest.raises(CloudError, match="The repository does not exist"):
        comment.require_one((preprod,))


def test_an_error_of_the_program_is_not_written_into_the_comment():
    def broken(name):
        raise ZeroDivisionError(name)

    with pytest.raises(ZeroDivisionError):
        comment.preview(("preprod",), broken)
