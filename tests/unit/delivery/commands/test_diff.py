"""A diff shows the changes of a deploy; it pushes, tags and applies nothing."""

import pytest
from support.build import DIGEST, manifest
from support.world import COMMIT, NAME, REPOSITORY, UPDATE, URI, answers, blobs, world

from delivery.cli import report
from delivery.commands import diff
from delivery.errors import CloudError
from delivery.process.shell import Result

OLD = "sha256:" + "a" * 64
BEFORE = "b" * 40
LOG = f"git log --no-show-signature --format=%h %s {BEFORE}..HEAD"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Version 1 of another commit is live; its image shares the first layer with the one that is built."""
    blobs(monkeypatch)
    return serving(world(tmp_path, answers(UPDATE, **{LOG: "c1 second\nc0 first\n"})))


def serving(made, digest=OLD):
    functions = made.aws.functions
    functions.commits["1"], functions.images["1"] = BEFORE, f"{REPOSITORY}@{digest}"
    layers = [{"digest": "sha256:" + "1" * 64, "size": 25_000_000}]
    made.aws.ecr.repositories[NAME][OLD] = manifest(layers=layers)
    return made


def lines(made):
    return report.difference_lines(diff.compare(made.run))


def test_a_diff_shows_commits_layers_and_plan(made):
    head, *commits, image, change, counts = lines(made)
    assert head == f"sse-streaming: version 1 is live, commit {BEFORE[:12]}"
    assert commits == ["commit c1 second", "commit c0 first"]
    assert image == f"image {OLD[:19]} -> {DIGEST[:19]}: 1 of 2 layers new, 1.5 MB to fetch"
    assert change.startswith("~ update module.sse.aws_lambda_function.this")
    assert counts == "0 to create, 1 to update, 0 to delete"


def test_a_diff_pushes_tags_and_applies_nothing(made):
    lines(made)
    baked = [command.variables["OUTPUT"] for command in made.shell.ran if "--metadata-file" in command.argv]
    assert baked == ["digest", "layout"]
    assert made.aws.ecr.tags == {}
    assert made.shell.typed("terraform apply") == []
    changing = ("put_", "update_", "delete_", "add_", "remove_")
    assert not [name for name, _ in made.aws.functions.calls + made.aws.ecr.calls if name.startswith(changing)]


def test_a_live_commit_that_git_does_not_know_is_reported(made):
    made.shell.answers[LOG] = Result(128, "", "fatal: bad object")
    assert "commits: this clone does not know the live commit; `git fetch`" in lines(made)


def test_without_the_live_image_every_layer_is_new(made):
    del made.aws.ecr.repositories[NAME][OLD]
    assert any("2 of 2 layers new, 26.5 MB to fetch" in line for line in lines(made))


def test_the_live_image_without_other_changes_is_reported_as_no_change(tmp_path, monkeypatch):
    blobs(monkeypatch)
    made = serving(world(tmp_path, answers(**{LOG: ""})), DIGEST)
    assert lines(made)[0].endswith("; the same image would be deployed")
    assert lines(made)[-1] == "nothing: a deploy would change nothing"


def test_the_live_image_with_changed_infrastructure_is_a_change(tmp_path, monkeypatch):
    blobs(monkeypatch)
    made = serving(world(tmp_path, answers(UPDATE, **{LOG: ""})), DIGEST)
    assert lines(made)[-1] == "0 to create, 1 to update, 0 to delete"


def test_an_image_in_the_registry_is_compared_without_a_build(made):
    made.aws.ecr.repositories[NAME][DIGEST], made.aws.ecr.tags[NAME, COMMIT] = manifest(), DIGEST
    assert any("1 of 2 layers new" in line for line in lines(made))
    assert not [command for command in made.shell.ran if "--metadata-file" in command.argv]


def test_before_the_first_deploy_everything_is_new(tmp_path, monkeypatch):
    blobs(monkeypatch)
    made = world(tmp_path, answers(UPDATE))
    made.aws.s3.objects.clear()
    assert lines(made)[0] == f"sse-streaming: nothing is live; {DIGEST[:19]}, 26.5 MB to fetch"


def test_missing_repositories_lead_to_bootstrap(made):
    made.aws.ecr.repositories.clear()
    with pytest.raises(CloudError, match="bootstrap"):
        diff.compare(made.run)


def test_the_live_version_is_compared_even_if_a_newer_version_is_not_verified(made):
    made.aws.functions.images |= {"$LATEST": URI, "9": URI}
    assert lines(made)[0].startswith("sse-streaming: version 1 is live")


def test_before_a_version_was_verified_everything_is_new(made):
    made.aws.functions.live = ""
    assert lines(made)[0].startswith("sse-streaming: nothing is live; ")
