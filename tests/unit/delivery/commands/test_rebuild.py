"""`promote --rebuild`: the commit is built again without any cache, and must make the image that is promoted."""

import json
from pathlib import Path

import pytest
from support.build import CONFIG, DIGEST, bake, manifest
from support.world import COMMIT, IMAGE, NAME, PUSHED, answers, blobs, world

from delivery.commands import rebuild
from delivery.commands.promote import Promotion
from delivery.errors import MissingToolError, RefusedError
from delivery.process.shell import Result
from delivery.reference import PushedImage

HISTORY = [
    {"created_by": "COPY / /"},
    {"created_by": "ENV A=1", "empty_layer": True},
    {"created_by": "RUN pip install"},
]


def promotion(digest, commit=COMMIT):
    image = PushedImage(IMAGE.name, IMAGE.repository, digest)
    return Promotion(commit, "2", image, image, live=False)


def serving(root, text, **shell):
    """A world whose registry has the image with this manifest; returns it with the digest."""
    made = world(root, answers(**shell), cache="registry")
    digest = PUSHED.digest if text == manifest() else "sha256:" + "e" * 64
    made.aws.ecr.repositories[NAME][digest] = text
    return made, digest


def with_history(command):
    """The built image has a history."""
    output = bake(command)
    folder = Path(command.variables["OUTPUTS"]) / "sse-streaming"
    config = folder / "blobs" / json.loads(manifest())["config"]["digest"].replace(":", "/")
    config.write_text(json.dumps({**CONFIG, "history": HISTORY}))
    return output


def refused(made, digest):
    with pytest.raises(RefusedError) as caught:
        rebuild.require_same(made.run, [promotion(digest)])
    assert caught.value.exit_code == 4
    return caught.value


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    blobs(monkeypatch)


def test_the_commit_is_exported_and_built_without_any_cache_and_nothing_is_pushed(tmp_path):
    made, digest = serving(tmp_path, manifest())
    other = "d" * 40
    rebuild.require_same(made.run, [promotion(digest, other)])
    (built,) = made.shell.typed("docker buildx bake --file")[-1:]
    assert "--no-cache" in built.argv
    assert built.variables["CACHE"] == "none"
    assert built.variables["OUTPUT"] == "layout"
    assert built.variables["COMMIT"] == other
    assert built.cwd == made.run.scratch / f"commit_{other}" / "files"
    assert [command.argv[-1] for command in made.shell.typed("git read-tree")] == [other]
    assert not [name for name, _ in made.aws.ecr.calls if name.startswith("put")]
    assert f"✓ rebuild    commit {other[:12]}: " in made.out.getvalue()


def test_an_image_that_the_commit_does_not_build_is_refused_with_both_digests(tmp_path):
    layers = json.loads(manifest())["layers"]
    made, digest = serving(
        tmp_path,
        manifest(layers=[layers[0], {**layers[1], "digest": "sha256:" + "9" * 64}]),
        **{"docker buildx bake": with_history},
    )
    error = refused(made, digest)
    assert error.what == "sandbox serves an image that its commit does not build."
    assert error.why.splitlines() == [
        f"sse-streaming: sandbox serves {digest}",
        f"sse-streaming: commit {COMMIT[:12]} builds {DIGEST}",
        "layer 2 differs: RUN pip install",
    ]
    assert error.hint.startswith("`invoke releases --env sandbox` names who made it live, PutImage in CloudTrail")


def test_a_layer_more_is_a_difference(tmp_path):
    layers = json.loads(manifest())["layers"]
    made, digest = serving(tmp_path, manifest(layers=[*layers, {**layers[1], "digest": "sha256:" + "9" * 64}]))
    assert refused(made, digest).why.splitlines()[-1] == "layer 3 differs"


def test_another_configuration_of_the_same_layers_is_named(tmp_path, monkeypatch):
    blobs(monkeypatch, created="2026-01-01T00:00:00Z")
    made, digest = serving(tmp_path, manifest(annotations={"by": "somebody"}))
    assert refused(made, digest).why.splitlines()[-1] == (
        "all layers are the same; the configuration differs in created"
    )


def test_another_manifest_of_the_same_content_is_named(tmp_path):
    made, digest = serving(tmp_path, manifest(annotations={"by": "somebody"}))
    assert refused(made, digest).why.splitlines()[-1].endswith("the configuration differs in the manifest")


def test_without_docker_nothing_is_built(tmp_path):
    made, digest = serving(tmp_path, manifest(), **{"docker version": Result(1, "", "Cannot connect")})
    with pytest.raises(MissingToolError):
        rebuild.require_same(made.run, [promotion(digest)])
