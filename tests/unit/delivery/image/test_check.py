"""The check of an image: each rule of Lambda, and that an image that breaks a rule is not pushed."""

import json
import re
from pathlib import Path

import pytest
from support.build import BAKED, CONFIG, DIGEST, bake, config, digest_of, layout, manifest
from support.world import COMMIT, IMAGE, NAME, REPOSITORY, answers, blobs, world

from delivery.errors import BuildError
from delivery.image import check, push
from delivery.image.inspect import InspectedImage
from delivery.process.shell import Result
from delivery.reference import Image

GIB = 1024**3
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + "1" * 64, "size": 1}


def refused(text=None, uncompressed=0, **config):
    with pytest.raises(BuildError) as caught:
        check.require(candidate(text, uncompressed, **config), "linux/amd64")
    assert caught.value.why
    assert caught.value.hint
    return caught.value.what


def candidate(text=None, uncompressed=0, **config):
    return InspectedImage("x", (text or manifest()).encode(), {**CONFIG, **config}, uncompressed)


def sized(length):
    """A manifest of that many bytes."""
    return manifest(annotations={"note": "x" * (length - len(manifest(annotations={"note": ""})))})


@pytest.mark.parametrize("uncompressed", [0, 10 * GIB])
def test_a_good_image_passes_up_to_ten_gib(uncompressed):
    check.require(candidate(uncompressed=uncompressed), "linux/amd64")


def test_more_than_ten_gib_of_layers_is_refused():
    assert refused(uncompressed=11 * GIB) == "x has 11.0 GiB of layers."


def test_what_is_too_large_even_compressed_is_refused_without_a_count():
    assert refused(manifest(layers=[{**LAYER, "size": 11 * GIB}])) == "x has 11.0 GiB of compressed layers."


def test_a_manifest_has_less_than_25400_bytes():
    check.require(candidate(sized(25_399)), "linux/amd64")
    assert refused(sized(25_400)) == "x has a manifest of 25,400 bytes, 2 layers."


def test_a_compression_that_lambda_does_not_name_is_refused():
    zstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    assert refused(manifest(layers=[{**LAYER, "mediaType": zstd}])) == f"x has a layer of type {zstd}."


@pytest.mark.parametrize("settings", [None, {}, {"User": "1"}, {"User": "1", "Cmd": [], "Entrypoint": None}])
def test_an_image_has_a_program(settings):
    assert refused(config=settings) == "x names no program to start."


@pytest.mark.parametrize("user", ["", None, "0", "root", "65532:65532"])
def test_any_user_or_none_is_accepted_because_lambda_chooses_its_own(user):
    check.require(candidate(config={"User": user, "Entrypoint": ["a"]}), "linux/amd64")


@pytest.mark.parametrize(
    ("user", "root"),
    [("0", True), ("root", True), ("0:65532", True), ("root:root", True), ("", False), (None, False), ("1:0", False)],
)
def test_only_a_user_that_is_named_root_is_root(user, root):
    assert check.runs_as_root(candidate(config={"User": user})) == root


@pytest.mark.parametrize(("user", "warned"), [("root", True), ("", False)])
def test_an_image_that_names_root_is_pushed_with_a_warning(tmp_path, monkeypatch, user, warned):
    blobs(monkeypatch)
    made = pushing(world(tmp_path, spoiled(config(User=user))))
    push.push(made.run, (IMAGE,))
    assert ("sse-streaming names root as its user" in made.out.getvalue()) == warned
    assert "✓ push" in made.out.getvalue()


def spoiled(settings=CONFIG, but="", **changes):
    """A build that leaves another image than the one it should, except for the output `but`."""

    def build(command):
        printed = bake(command)
        if command.variables["OUTPUT"] == but:
            return printed
        if command.variables["OUTPUT"] == "layout":
            layout(Path(command.variables["OUTPUTS"]) / "sse-streaming", settings, **changes)
        record = Path(command.argv[command.argv.index("--metadata-file") + 1])
        record.write_text(BAKED.replace(DIGEST, digest_of(manifest(**changes))))
        return printed

    return answers(**{"docker buildx bake": build})


def pushing(made):
    """The world, where a push of the image reaches the registry."""
    build = made.shell.answers["docker buildx bake"]

    def pushed(command):
        if command.variables["OUTPUT"] == "push":
            made.aws.ecr.repositories[IMAGE.repository_name][DIGEST] = manifest()
        return build(command)

    made.shell.answers["docker buildx bake"] = pushed
    return made


@pytest.mark.parametrize(
    "spoil",
    [
        {"settings": {**CONFIG, "architecture": "arm64"}},
        {"settings": {**CONFIG, "config": {"User": "1"}}},
        {"mediaType": "application/vnd.oci.image.index.v1+json"},
        {"annotations": {"note": "x" * 30_000}},
    ],
    ids=["arm64", "program", "index", "manifest"],
)
def test_an_image_that_is_refused_is_not_pushed_and_not_tagged(tmp_path, spoil):
    made = world(tmp_path, spoiled(**spoil))
    with pytest.raises(BuildError):
        push.push(made.run, (IMAGE,))
    baked = [command.variables["OUTPUT"] for command in made.shell.ran if "--metadata-file" in command.argv]
    assert "layout" in baked
    assert "push" not in baked
    assert made.aws.ecr.tags == {}
    assert "✗ check" in made.out.getvalue()


def test_a_push_of_another_image_than_was_checked_gets_no_tag_of_its_commit(tmp_path):
    made = world(tmp_path, spoiled(but="push", annotations={"note": "checked"}))
    with pytest.raises(BuildError, match="was pushed, which is not the checked image"):
        push.push(made.run, (IMAGE,))
    assert made.aws.ecr.tags == {}


@pytest.mark.parametrize("protected", [True, False])
def test_a_new_image_is_started_before_it_is_pushed_in_any_environment(tmp_path, monkeypatch, protected):
    blobs(monkeypatch)
    made = world(tmp_path, protected=protected)
    push.push(made.run, (IMAGE,))
    order = [command.argv[1] for command in made.shell.ran if command.argv[1] in ("run", "rm")]
    assert order == ["run", "rm"]
    assert made.shell.ran[-1].variables["OUTPUT"] == "push"
    assert "MB uncompressed, 3 events after" in made.out.getvalue()


def test_an_image_that_must_not_be_called_is_not_started_and_that_is_said(tmp_path):
    reason = {"none": "it deletes what it finds"}
    made = pushing(world(tmp_path, spoiled(config(reason))))
    made.shell.answers["docker image inspect"] = json.dumps(config(reason)["config"])
    push.push(made.run, (IMAGE,))
    assert made.shell.typed("docker run") == []
    assert "MB uncompressed, not started: it deletes what it finds" in made.out.getvalue()


def test_an_image_is_started_with_the_variables_of_its_function(tmp_path, monkeypatch):
    blobs(monkeypatch)
    made, given = world(tmp_path), []

    def run(command):
        given.append(Path(command.argv[command.argv.index("--env-file") + 1]).read_text())
        return ""

    made.shell.answers["docker run"] = run
    decided = {"sse-streaming": {"TABLE": "users"}, "other": {"A": "b"}}
    push.push(made.run, (IMAGE,), variables=push.Variables(decided=lambda: decided))
    assert given == ["TABLE=users\n"]


def test_a_start_that_fails_keeps_the_image_from_being_pushed(tmp_path, monkeypatch):
    blobs(monkeypatch)
    made = world(tmp_path, answers(**{"docker port": "", "docker logs": "no such module"}))
    with pytest.raises(BuildError, match="no such module"):
        push.push(made.run, (IMAGE,))
    assert made.shell.typed("docker rm --force")
    assert made.aws.ecr.tags == {}
    assert json.loads(made.run.scratch.joinpath("layout", "build.json").read_text())


def test_an_image_that_breaks_a_rule_is_refused_for_that_and_not_for_its_start(tmp_path):
    made = world(tmp_path, spoiled(settings={**CONFIG, "config": {"User": "1"}}))
    made.shell.answers["docker run"] = Result(1, "", "TABLE is not set")
    with pytest.raises(BuildError, match="names no program to start"):
        push.push(made.run, (IMAGE,))


def test_what_is_there_already_is_not_started_again(tmp_path, monkeypatch):
    blobs(monkeypatch)
    made = world(tmp_path)
    made.aws.ecr.repositories[IMAGE.repository_name][DIGEST] = manifest()
    made.aws.ecr.tags[IMAGE.repository_name, COMMIT] = DIGEST
    push.push(made.run, (IMAGE,))
    assert made.shell.ran == []


def test_the_start_of_another_image_than_the_checked_one_proves_nothing(tmp_path, monkeypatch):
    blobs(monkeypatch)
    other = json.dumps({"sse-streaming": {"containerimage.digest": "sha256:" + "9" * 64}})

    def build(command):
        printed = bake(command)
        if command.variables["OUTPUT"] == "load":
            Path(command.argv[command.argv.index("--metadata-file") + 1]).write_text(other)
        return printed

    made = world(tmp_path, answers(**{"docker buildx bake": build}))
    with pytest.raises(BuildError, match="The image that was started is not the checked image"):
        push.push(made.run, (IMAGE,))
    outputs = {command.variables["OUTPUT"] for command in made.shell.ran if "--metadata-file" in command.argv}
    assert outputs == {"digest", "layout", "load"}


def _bake_two(command):
    """Both targets make the same image; the push makes another one."""
    text, output = bake(command), command.variables["OUTPUT"]
    made = {"containerimage.digest": "sha256:" + "0" * 64 if output == "push" else DIGEST}
    metadata = Path(command.argv[command.argv.index("--metadata-file") + 1])
    metadata.write_text(json.dumps({"sse-streaming": made, "orders": made}))
    if output == "layout":
        layout(Path(command.variables["OUTPUTS"]) / "orders")
    return text


def test_two_new_images_share_the_processors_and_have_a_line_each(tmp_path, monkeypatch):
    made, deadlines = world(tmp_path, answers(**{"docker buildx bake": _bake_two}), dirty=True), []
    made.aws.ecr.repositories[NAME.replace("sse-streaming", "orders")] = {}
    monkeypatch.setattr(push.start_check, "run_check", lambda *given: deadlines.append(given[4]) or "answered")
    with pytest.raises(BuildError, match="was pushed, which is not"):
        push.push(made.run, (IMAGE, Image("orders", REPOSITORY.replace("sse-streaming", "orders"))))
    assert deadlines == [2 * push.start_check.DEADLINE] * 2
    line = rf"{DIGEST[:19]}: 26 MB uncompressed, answered"
    check_line = rf"✓ check +2 images .*\n    sse-streaming {line}\n    orders {line}\n"
    assert re.search(check_line, made.out.getvalue()), made.out.getvalue()
