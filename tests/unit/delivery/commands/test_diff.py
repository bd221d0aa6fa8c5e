"""A diff shows the changes of a deploy; it pushes, tags and applies nothing."""

import json

import pytest
from support.build import DIGEST, blob, labels, manifest
from support.image_layers import RELEASE, STATUS, layer, metadata, paragraph, pushed
from support.registry import FakeRegistry, digest_of
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
    head, *commits, image, packages, change, counts = lines(made)
    assert head == f"sse-streaming: version 1 is live, commit {BEFORE[:12]}"
    assert commits == ["commit c1 second", "commit c0 first"]
    assert image == f"image {OLD[:19]} -> {DIGEST[:19]}: 1 of 2 layers new, 1.5 MB to fetch"
    assert packages == f"packages: not known; The layer sha256:{'1' * 64} has other bytes than its digest names."
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


BASE = layer(("usr/lib/os-release", RELEASE), (STATUS, paragraph("openssl", "3.5.1-1")))
DOCKERFILE = "FROM python:3.13@sha256:{}\n"


def python(name, version):
    return layer((f"dependencies/{name}-{version}.dist-info/METADATA", metadata(name, version)))


class Packaged:
    """A live image and one that has the tag of the commit, in a registry that has their layers."""

    def __init__(self, root, monkeypatch, before, after):
        show = f"git show {BEFORE}:./"
        bake = {"target": {"sse-streaming": {"context": ".", "labels": labels()}}}
        more = {
            LOG: "",
            "docker buildx bake --file docker-bake.hcl --print": json.dumps(bake),
            f"{show}docker-bake.hcl": "",
            f"{show}Dockerfile": DOCKERFILE.format("a" * 64),
            f"{show}requirements.txt": Result(128, "", ""),
        }
        self.world = world(root, answers(**more))
        (root / "Dockerfile").write_text(DOCKERFILE.format("b" * 64))
        self.registry = FakeRegistry(self.world.aws.ecr).install(monkeypatch)
        live, new = (pushed(self.world, self.registry, *layers) for layers in (before, after))
        self.world.aws.ecr.tags[NAME, COMMIT] = new.digest
        self.world.aws.functions.commits["1"], self.world.aws.functions.images["1"] = BEFORE, live.uri

    def packages(self):
        return [line for line in lines(self.world) if line.startswith(("package", "base"))]


def test_a_diff_shows_the_packages_and_the_base_that_differ_without_a_build(tmp_path, monkeypatch):
    before = (BASE, python("h11", "0.15.0"), python("idna", "3.9"))
    after = (layer((STATUS, paragraph("openssl", "3.5.2-1"))), python("h11", "0.16.0"), python("anyio", "4.0"))
    made = Packaged(tmp_path, monkeypatch, before, after)
    python_3_13 = "docker.io/library/python"
    assert made.packages() == [
        f"base {python_3_13} sha256:aaaaaaaaaaaa -> {python_3_13} sha256:bbbbbbbbbbbb",
        "package openssl 3.5.1-1 -> 3.5.2-1",
        "package anyio 4.0 is new",
        "package h11 0.15.0 -> 0.16.0",
        "package idna 3.9 is removed",
    ]
    assert not [command for command in made.world.shell.ran if "--metadata-file" in command.argv]


def test_of_two_images_with_the_same_base_each_layer_is_read_once(tmp_path, monkeypatch):
    made = Packaged(tmp_path, monkeypatch, (BASE, python("h11", "1")), (BASE, python("h11", "1"), layer(("x", ""))))
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.format("a" * 64))
    assert made.packages()[-1] == "packages: the same"
    read = [path.rpartition("/")[2] for path in made.registry.typed("GET")]
    assert [read.count(digest_of(each)) for each in (BASE, python("h11", "1"), layer(("x", "")))] == [1, 1, 1]


def test_an_image_that_stays_the_same_needs_no_layer(tmp_path, monkeypatch):
    made = Packaged(tmp_path, monkeypatch, (BASE,), (BASE,))
    assert made.packages() == []
    assert not [path for path in made.registry.typed("GET") if path.endswith(digest_of(BASE)) and "/blobs/" in path]


def test_packages_of_a_built_image_are_read_from_its_folder(tmp_path, monkeypatch):
    made = Packaged(tmp_path, monkeypatch, (BASE,), (BASE, python("h11", "0.16.0")))
    run, new = made.world.run, made.world.aws.ecr.tags[NAME, COMMIT]
    folder = run.scratch / "sse-streaming"
    for digest, content in made.registry.blobs[NAME].items():
        blob(folder, digest).write_bytes(content)
    assert made.packages()[-1] == "package h11 0.16.0 is new"
    assert not [path for path in made.registry.typed("GET") if path.endswith(digest_of(BASE))]
    assert new in made.world.aws.ecr.repositories[NAME]
