"""A push: the images that are built, the images that are reused, and the tags that an image gets."""

import json
from pathlib import Path

import pytest
from support.build import BAKED, DIGEST, bake, manifest
from support.world import COMMIT, IMAGE, NAME, OLD_DIGEST, PUSHED, REPOSITORY, answers, blobs, world

from delivery.errors import BuildError, RefusedError
from delivery.image import push
from delivery.process.shell import Result
from delivery.reference import Image


def bakes(made):
    return [command for command in made.shell.ran if "--metadata-file" in command.argv]


def building(made, *others):
    """The build makes these images, too; the registry has them."""
    built, record = made.shell.answers["docker buildx bake"], {}
    for name in others:
        made.aws.ecr.repositories[NAME.replace("sse-streaming", name)] = {OLD_DIGEST: manifest()}
        record[name] = {"containerimage.digest": OLD_DIGEST}

    def answer(command):
        text = built(command)
        metadata = Path(command.argv[command.argv.index("--metadata-file") + 1])
        metadata.write_text(json.dumps({**json.loads(BAKED), **record}))
        return text

    made.shell.answers["docker buildx bake"] = answer
    return tuple(Image(name, REPOSITORY.replace("sse-streaming", name)) for name in others)


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    blobs(monkeypatch)


def test_an_image_that_the_registry_lacks_is_built_and_pushed(tmp_path):
    made = world(tmp_path)
    assert push.push(made.run, (IMAGE,)) == (PUSHED,)
    outputs = [(bake.variables["OUTPUT"], bake.variables["COMMIT"]) for bake in bakes(made)]
    assert sorted(outputs[1:3]) == [("layout", COMMIT), ("load", COMMIT)], "at the same time"
    assert [outputs[0], *outputs[3:]] == [("digest", COMMIT), ("push", COMMIT)]
    assert f"push       sse-streaming {DIGEST[:19]} (26.5 MB compressed, 2 layers)" in made.out.getvalue()
    assert made.stages() == ["build", "check", "push"]


def test_a_clean_commit_in_the_registry_is_not_built_again(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    assert push.push(made.run, (IMAGE,)) == (PUSHED,)
    assert made.shell.ran == []
    assert f"push       sse-streaming {DIGEST[:19]} unchanged" in made.out.getvalue()


def test_only_the_missing_images_are_built(tmp_path):
    other = NAME.replace("sse-streaming", "other")
    made = world(tmp_path)
    made.aws.ecr.repositories[other] = {DIGEST: manifest()}
    made.aws.ecr.tags[other, COMMIT] = DIGEST
    second = Image("other", f"registry.test:5000/{other}")
    pushed = push.push(made.run, (second, IMAGE))
    assert [image.name for image in pushed] == ["other", "sse-streaming"]
    assert {bake.argv[-1] for bake in bakes(made)} == {"sse-streaming"}


def test_a_push_never_takes_a_commit_s_tag_from_another_image(tmp_path):
    another = "sha256:" + "a" * 64

    def meanwhile(command):
        made.aws.ecr.repositories[NAME][another] = "somebody else's"
        made.aws.ecr.tags[NAME, COMMIT] = another
        return bake(command)

    made = world(tmp_path, answers(**{"docker buildx bake": meanwhile}))
    with pytest.raises(RefusedError) as caught:
        push.push(made.run, (IMAGE,))
    assert caught.value.what == f"{NAME}:{COMMIT} is another image already."
    assert caught.value.why == f"It is {another}; this one is {DIGEST}."
    assert made.aws.ecr.tags == {(NAME, COMMIT): another}


def test_a_checked_image_gets_the_tag_of_its_commit(tmp_path):
    made = world(tmp_path)
    push.push(made.run, (IMAGE,))
    assert made.aws.ecr.tags == {(NAME, COMMIT): DIGEST}, "bake itself moves latest"


def test_a_work_tree_with_changes_is_always_built(tmp_path):
    made = world(tmp_path, dirty=True)
    made.aws.ecr.tags[NAME, f"{COMMIT}-dirty"] = DIGEST
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    push.push(made.run, (IMAGE,))
    assert {bake.variables["COMMIT"] for bake in bakes(made)} == {f"{COMMIT}-dirty"}


def test_an_image_that_lambda_would_refuse_is_refused_even_in_the_registry(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest(mediaType="application/vnd.oci.image.index.v1+json")
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    with pytest.raises(BuildError, match=r"image\.index"):
        push.push(made.run, (IMAGE,))


def test_a_build_cache_that_is_down_is_a_warning_and_the_push_counts(tmp_path):
    def cacheless(command):
        if command.variables["OUTPUT"] != "push":
            return bake(command)
        made.aws.ecr.repositories[NAME][DIGEST] = manifest()
        return Result(0, bake(command), "#9 exporting cache to registry\n#9 ERROR: 403 Forbidden\n")

    made = world(tmp_path, answers(**{"docker buildx bake": cacheless}))
    assert push.push(made.run, (IMAGE,)) == (PUSHED,)
    assert "! push       The build cache could not be written: 403 Forbidden" in made.out.getvalue()
    assert made.run.progress.stages[-1].warnings == ["The build cache could not be written: 403 Forbidden"]


def test_a_build_pushes_nothing(tmp_path):
    made = world(tmp_path)
    assert push.build(made.run, (IMAGE,)) == "4 steps, 2 cached"
    assert [bake.variables["OUTPUT"] for bake in bakes(made)] == ["load"]
    assert "✓ build      4 steps, 2 cached" in made.out.getvalue()


def test_the_password_appears_only_in_the_stdin_of_the_login(tmp_path):
    made = world(tmp_path)
    push.push(made.run, (IMAGE,))
    assert [command.argv[1] for command in made.shell.ran if command.stdin] == ["login"]
    assert "hush" not in repr(made.shell.ran) + repr(made.run) + made.out.getvalue()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "hush" in path.read_text()]


def test_an_image_that_the_engine_cannot_load_is_not_pushed(tmp_path):
    def build(command):
        return Result(1, "", "no such driver") if command.variables["OUTPUT"] == "load" else bake(command)

    made = world(tmp_path, answers(**{"docker buildx bake": build}))
    with pytest.raises(BuildError, match="no such driver"):
        push.push(made.run, (IMAGE,))
    assert made.aws.ecr.tags == {}


def test_an_image_whose_layer_the_engine_s_garbage_collector_takes_is_loaded_again(tmp_path):
    made, loads = world(tmp_path), []
    built = made.shell.answers["docker buildx bake"]

    def build(command):
        loads.extend(["load"] if command.variables["OUTPUT"] == "load" else [])
        lost = command.variables["OUTPUT"] == "load" and len(loads) < 3
        return Result(1, "", "parent snapshot sha256:4e does not exist") if lost else built(command)

    made.shell.answers["docker buildx bake"] = build
    assert push.push(made.run, (IMAGE,)) == (PUSHED,)
    assert len(loads) == 3


def test_an_image_that_the_registry_has_gets_the_tag_of_one_more_commit_and_is_not_pushed(tmp_path):
    """A commit that does not touch the context of an image has the same image."""
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    made.aws.ecr.tags[NAME, "a" * 40] = DIGEST
    assert push.push(made.run, (IMAGE,)) == (PUSHED,)
    assert [bake.variables["OUTPUT"] for bake in bakes(made)] == ["digest"]
    assert made.aws.ecr.tags == {(NAME, name): DIGEST for name in ("a" * 40, COMMIT, "latest")}
    assert f"push       sse-streaming {DIGEST[:19]} unchanged" in made.out.getvalue()


def test_a_work_tree_whose_image_the_registry_has_pushes_nothing(tmp_path):
    made = world(tmp_path, dirty=True)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    push.push(made.run, (IMAGE,))
    assert [bake.variables["OUTPUT"] for bake in bakes(made)] == ["digest"]


def test_of_several_images_only_the_new_one_is_exported_and_pushed(tmp_path):
    made = world(tmp_path, dirty=True)
    (second,) = building(made, "other")
    pushed = push.push(made.run, (IMAGE, second))
    assert [(image.name, image.digest) for image in pushed] == [("other", OLD_DIGEST), ("sse-streaming", DIGEST)]
    assert [bake.argv[-1] for bake in bakes(made)] == ["other", "sse-streaming", "sse-streaming", "sse-streaming"]
    assert "; other sha256:000000000000 unchanged" in made.out.getvalue()


def test_many_unchanged_images_are_counted_and_not_named(tmp_path):
    made = world(tmp_path, dirty=True)
    others = building(made, *(f"other-{number}" for number in range(13)))
    assert len(push.push(made.run, (*others, IMAGE))) == 14
    assert f"push       sse-streaming {DIGEST[:19]} (26.5 MB compressed, 2 layers); 13 unchanged" in made.out.getvalue()
    assert [bake.argv[-1] for bake in bakes(made)][1:] == ["sse-streaming"] * 3


def test_an_image_with_very_many_commits_gets_no_more_of_their_tags(tmp_path):
    """ECR allows 1,000 tags; those of releases need room."""
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    made.aws.ecr.tags |= {(NAME, f"{number:040x}"): DIGEST for number in range(900)}
    assert push.push(made.run, (IMAGE,)) == (PUSHED,)
    assert (NAME, COMMIT) not in made.aws.ecr.tags
    assert "! push       sse-streaming has the tags of 900 commits, and gets no more" in made.out.getvalue()


def test_an_image_that_a_function_has_is_not_checked_again(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest(mediaType="application/vnd.oci.image.index.v1+json")
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    assert push.push(made.run, (IMAGE,), frozenset({PUSHED})) == (PUSHED,)


def test_a_work_tree_whose_image_the_registry_has_takes_its_tag_from_the_image_of_an_earlier_change(tmp_path):
    made = world(tmp_path, dirty=True)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    made.aws.ecr.tags[NAME, f"{COMMIT}-dirty"] = OLD_DIGEST
    push.push(made.run, (IMAGE,))
    assert made.aws.ecr.tags == {(NAME, f"{COMMIT}-dirty"): DIGEST, (NAME, "latest"): DIGEST}


def test_a_clean_commit_takes_its_tag_from_no_other_image_even_if_the_registry_has_its_own(tmp_path):
    """Two machines built the commit, and not the same image: a person must find out which of them is right."""
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    built = made.shell.answers["docker buildx bake"]

    def meanwhile(command):
        made.aws.ecr.tags[NAME, COMMIT] = OLD_DIGEST
        return built(command)

    made.shell.answers["docker buildx bake"] = meanwhile
    with pytest.raises(RefusedError, match="is another image already"):
        push.push(made.run, (IMAGE,))
    assert made.aws.ecr.tags[NAME, COMMIT] == OLD_DIGEST
