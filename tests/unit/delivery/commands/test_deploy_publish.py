"""Building, pushing and planning: what is built, what is not, and what Terraform is given."""

import json
from pathlib import Path

import pytest
from support.build import DIGEST, RUN_FAILED, bake, manifest, push_failed
from support.terraform import change, diagnostic
from support.world import COMMIT, IMAGE, NAME, PUBLISHED, UPDATE, URI, answers, blobs, world

from delivery.commands import deploy
from delivery.errors import BuildError, CloudError, ConfigurationError, RefusedError, TerraformError
from delivery.image import push
from delivery.process.shell import Result
from delivery.reference import Image

BAKE = "docker buildx bake --file"


def bakes(made):
    return [command for command in made.shell.ran if "--metadata-file" in command.argv]


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    blobs(monkeypatch)


def test_what_the_registry_does_not_have_is_built_and_pushed(tmp_path):
    made = world(tmp_path)
    assert push.push(made.run, (IMAGE,)) == (PUBLISHED,)
    outputs = [(bake.variables["OUTPUT"], bake.variables["COMMIT"]) for bake in bakes(made)]
    assert outputs == [("archive", COMMIT), ("push", COMMIT)]
    assert f"push       sse-streaming {DIGEST[:19]} (26.5 MB compressed, 2 layers)" in made.out.getvalue()
    assert made.stages() == ["build", "check", "push"]


def test_a_clean_commit_that_is_there_already_is_not_built_again(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    assert push.push(made.run, (IMAGE,)) == (PUBLISHED,)
    assert made.shell.ran == []
    assert "already in the registry" in made.out.getvalue()


def test_of_several_images_only_what_is_missing_is_built(tmp_path):
    other = NAME.replace("sse-streaming", "other")
    made = world(tmp_path)
    made.aws.ecr.repositories[other] = {DIGEST: manifest()}
    made.aws.ecr.tags[other, COMMIT] = DIGEST
    second = Image("other", f"registry.test:5000/{other}")
    published = push.push(made.run, (second, IMAGE))
    assert [image.name for image in published] == ["other", "sse-streaming"]
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


def test_what_is_pushed_gets_the_commit_s_tag_once_it_was_checked(tmp_path):
    made = world(tmp_path)
    push.push(made.run, (IMAGE,))
    assert made.aws.ecr.tags == {(NAME, COMMIT): DIGEST}, "bake itself moves latest"


def test_a_dirty_tree_is_always_built_for_its_tag_says_nothing(tmp_path):
    made = world(tmp_path, dirty=True)
    made.aws.ecr.tags[NAME, f"{COMMIT}-dirty"] = DIGEST
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    push.push(made.run, (IMAGE,))
    assert {bake.variables["COMMIT"] for bake in bakes(made)} == {f"{COMMIT}-dirty"}


def test_an_image_that_lambda_would_not_take_is_refused_even_when_it_is_there_already(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest(mediaType="application/vnd.oci.image.index.v1+json")
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    with pytest.raises(BuildError, match=r"image\.index"):
        push.push(made.run, (IMAGE,))


def test_building_alone_pushes_nothing(tmp_path):
    made = world(tmp_path)
    assert push.build(made.run, (IMAGE,)) == "4 steps, 2 cached"
    assert [bake.variables["OUTPUT"] for bake in bakes(made)] == ["load"]
    assert "✓ build      4 steps, 2 cached" in made.out.getvalue()


def test_the_password_is_nowhere_but_in_the_login_s_stdin(tmp_path):
    made = world(tmp_path)
    push.push(made.run, (IMAGE,))
    assert [command.argv[1] for command in made.shell.ran if command.stdin] == ["login"]
    assert "hush" not in repr(made.shell.ran) + repr(made.run) + made.out.getvalue()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "hush" in path.read_text()]


@pytest.mark.parametrize(
    ("shell", "changes", "kind"),
    [
        ({BAKE: Result(1, "", RUN_FAILED)}, {}, BuildError),
        ({BAKE: Result(1, "", push_failed("403 Forbidden"))}, {}, CloudError),
        ({"docker login": Result(1, "", "unauthorized")}, {}, CloudError),
        ({}, {"cache": "gha"}, ConfigurationError),
        ({"terraform init": Result(1, diagnostic("Bad backend"), "")}, {}, TerraformError),
    ],
)
def test_nothing_is_planned_when_a_lane_fails_and_the_other_is_stopped(tmp_path, shell, changes, kind):
    made = world(tmp_path, answers(UPDATE, **shell), **changes)
    with pytest.raises(kind):
        deploy.plan(made.run, (IMAGE,))
    assert made.shell.typed("terraform plan") == []
    assert made.shell.stops == [True]


def test_terraform_is_given_the_digest_and_never_a_tag(tmp_path):
    seen = []

    def plan(command):
        (file,) = [word for word in command.argv if word.endswith(".tfvars.json")]
        seen.append(json.loads(Path(file.removeprefix("-var-file=")).read_text()))
        return ""

    made = world(tmp_path, answers(UPDATE, **{"terraform plan": plan}))
    deploy.plan(made.run, (IMAGE,))
    where = {"environment": "sandbox", "account": "000000000000", "region": "us-east-1"}
    assert seen == [{**where, "images": {"sse-streaming": URI}, "commit": COMMIT, "architecture": "x86_64"}]
    assert not any(":latest" in word for command in made.shell.typed("terraform") for word in command.argv)


def test_an_image_is_kept_from_expiry_before_it_is_applied_and_only_when_something_will_be(tmp_path):
    made = world(tmp_path)
    deploy.plan(made.run, (IMAGE,))
    assert made.aws.ecr.tags[NAME, f"keep-{DIGEST[7:19]}"] == DIGEST
    idle = world(tmp_path, answers())
    deploy.plan(idle.run, (IMAGE,))
    assert idle.aws.ecr.tags == {(NAME, COMMIT): DIGEST}


def test_the_architecture_of_the_function_is_that_of_the_image(tmp_path, monkeypatch):
    blobs(monkeypatch, architecture="arm64")
    made = world(tmp_path, platform="linux/arm64")
    saved = deploy.plan(made.run, (IMAGE,))
    assert json.loads((saved.file.parent / "service.tfvars.json").read_text())["architecture"] == "arm64"


def test_a_plan_is_told_in_words(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run, (IMAGE,))
    assert saved.changes == ("~ update module.sse.aws_lambda_function.this (image_uri)",)
    assert "✓ plan       0 to create, 1 to update, 0 to delete" in made.out.getvalue()


def test_a_protected_environment_refuses_a_plan_that_deletes_and_names_what(tmp_path):
    made = world(tmp_path, answers(change("aws_lambda_function.old", "delete", before={})), protected=True)
    with pytest.raises(RefusedError) as caught:
        deploy.plan(made.run, (IMAGE,))
    assert "sandbox, which is protected: 1" in caught.value.what
    assert caught.value.why == "aws_lambda_function.old"
    assert made.shell.typed("terraform apply") == []


def test_a_replacement_is_refused_there_too(tmp_path):
    made = world(tmp_path, answers(change("a.b", "delete", "create", before={}, after={})), protected=True)
    with pytest.raises(RefusedError, match="protected: 1"):
        deploy.plan(made.run, (IMAGE,))


def test_what_is_named_one_by_one_may_be_destroyed_and_nothing_else(tmp_path):
    deletes = [change(f"a.{name}", "delete", before={}) for name in ("b", "c")]
    made = world(tmp_path, answers(*deletes), protected=True)
    with pytest.raises(RefusedError) as caught:
        deploy.plan(made.run, (IMAGE,), ("a.b",))
    assert caught.value.why == "a.c"
    assert caught.value.hint.endswith("or name each: --destroy 'a.c'")
    assert deploy.plan(made.run, (IMAGE,), ("a.c", "a.b")).deletes == ("a.b", "a.c")


def test_an_open_environment_may_delete(tmp_path):
    made = world(tmp_path, answers(change("aws_lambda_function.old", "delete", before={})))
    assert deploy.plan(made.run, (IMAGE,)).deletes == ("aws_lambda_function.old",)
