"""What is refused before anything changes."""

import json

import pytest
from support.aws import FakeEcr
from support.build import DIGEST
from support.terraform import change, planned
from support.world import COMMIT, IMAGE, NAME, REPOSITORY, answers, world

from delivery.commands import deploy
from delivery.errors import CloudError, ConfigurationError, MissingToolError, RefusedError
from delivery.process.shell import Result

HARMLESS = ("git ", "docker version", "docker buildx version", "docker buildx bake --file docker-bake.hcl --print")


def nothing_changed(made):
    typed = [" ".join(command.argv) for command in made.shell.ran]
    changed = [line for line in typed if not line.startswith(HARMLESS)]
    written = [name for name, _ in made.aws.ecr.calls + made.aws.functions.calls if not name.startswith("describe")]
    return changed == [] and written == []


def test_the_images_we_intend_are_those_of_the_bake_file(tmp_path):
    made = world(tmp_path)
    assert deploy.guard(made.run) == (IMAGE,)
    assert nothing_changed(made)
    assert f"✓ guards     Docker 26.1.5, buildx 0.13.1, commit {COMMIT[:12]}" in made.out.getvalue()


def test_a_protected_environment_takes_only_a_commit(tmp_path):
    made = world(tmp_path, protected=True, dirty=True)
    with pytest.raises(RefusedError) as caught:
        deploy.guard(made.run)
    assert caught.value.exit_code == 4
    assert caught.value.hint.startswith("git commit")
    assert nothing_changed(made)
    assert "✗ guards     failed" in made.out.getvalue()


def test_a_protected_environment_takes_only_a_commit_of_the_default_branch(tmp_path):
    made = world(tmp_path, answers(**{"git merge-base": Result(1, "", "")}), protected=True)
    with pytest.raises(RefusedError, match=f"Commit {COMMIT[:12]} is not on the default branch"):
        deploy.guard(made.run)
    assert nothing_changed(made)
    (asked,) = made.shell.typed("git merge-base")
    assert asked.argv[-2:] == (COMMIT, "origin/main")


def test_an_open_environment_takes_a_commit_of_any_branch(tmp_path):
    made = world(tmp_path, answers(**{"git merge-base": Result(1, "", "")}))
    assert deploy.guard(made.run) == (IMAGE,)


@pytest.mark.parametrize(("protected", "dirty"), [(True, False), (False, True)])
def test_a_clean_tree_or_an_open_environment_passes(tmp_path, protected, dirty):
    made = world(tmp_path, protected=protected, dirty=dirty)
    assert deploy.guard(made.run) == (IMAGE,)


@pytest.mark.parametrize(
    ("shell", "kind", "what"),
    [
        ({"docker version": Result(1, "", "Cannot connect")}, MissingToolError, "docker does not answer."),
        ({"docker buildx version": Result(1, "", "unknown command")}, MissingToolError, "docker buildx does not"),
        ({"docker buildx bake": Result(1, "", "bad")}, ConfigurationError, "docker-bake.hcl cannot be read."),
    ],
)
def test_a_tool_or_file_that_does_not_work_is_told_at_once(tmp_path, shell, kind, what):
    known = answers(**shell)
    if "docker buildx bake" in shell:
        del known["docker buildx bake --file docker-bake.hcl --print"]
    made = world(tmp_path, known)
    with pytest.raises(kind, match=what):
        deploy.guard(made.run)
    assert nothing_changed(made)


def test_a_missing_repository_is_told_before_anything_is_built(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.repositories.clear()
    with pytest.raises(CloudError, match="invoke bootstrap"):
        deploy.guard(made.run)
    assert nothing_changed(made)


def test_a_missing_repository_is_made_where_the_environment_bootstraps(tmp_path):
    made = world(tmp_path, answers(**{"terraform apply": ""}), bootstraps=True)
    made.aws.ecr.repositories.clear()
    made.shell.answers |= planned(change("aws_ecr_repository.this", "create", after={}))
    made.shell.answers["terraform apply"] = lambda _: made.aws.ecr.repositories.update({NAME: {}}) or ""
    assert deploy.guard(made.run) == (IMAGE,)
    assert made.stages() == ["guards", "bootstrap", "foundation"]


def test_nothing_is_bootstrapped_where_everything_is_there(tmp_path):
    made = world(tmp_path, bootstraps=True)
    deploy.guard(made.run)
    assert made.shell.typed("terraform") == []


def test_a_second_target_of_the_bake_file_is_a_second_image(tmp_path):
    two = json.dumps({"target": {"sse-streaming": {}, "other": {}}})
    made = world(tmp_path, answers(**{"docker buildx bake --file docker-bake.hcl --print": two}))
    made.aws.ecr = FakeEcr({NAME: {DIGEST: "x"}, NAME.replace("sse-streaming", "other"): {}})
    assert [image.repository for image in deploy.guard(made.run)] == [
        REPOSITORY.replace("sse-streaming", "other"),
        REPOSITORY,
    ]
