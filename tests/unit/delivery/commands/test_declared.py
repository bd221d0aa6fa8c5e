"""A new image is started with the variables that its function will have, before anything is pushed."""

from pathlib import Path

import pytest
from support.terraform import change
from support.world import ADDRESS, OLD_URI, REPOSITORY, answers, world

from delivery.commands import deploy
from delivery.errors import BuildError, DeliveryError, TerraformError
from delivery.process.shell import Result

ZEROS = f"{REPOSITORY}@sha256:{'0' * 64}"


def function(action, variables, image=OLD_URI, address=ADDRESS):
    """A function in a plan, with its environment variables."""
    after = {"image_uri": image, "environment": [{"variables": variables}]}
    return {**change(address, action, before={"image_uri": image}, after=after), "type": "aws_lambda_function"}


@pytest.fixture
def started():
    """What the start checks were given, in order; see `starting`."""
    return []


def starting(made, started):
    """The world, where each start of an image notes its variables."""

    def run(command):
        started.append(Path(command.argv[command.argv.index("--env-file") + 1]).read_text())
        return ""

    made.shell.answers["docker run"] = run
    return made


def test_if_only_the_image_changes_the_function_has_its_variables_already(tmp_path, started):
    made = starting(world(tmp_path), started)
    made.aws.functions.variables = {"TABLE": "users"}
    deploy.plan(made.run)
    assert started == ["TABLE=users\n"]
    assert made.shell.typed("terraform show") == []


def test_an_image_is_started_again_with_a_variable_that_the_same_commit_adds(tmp_path, started):
    """The first start does not wait for the plan: nearly always the variables stay as they are."""
    plan = answers(function("update", {"TABLE": "users", "NEW": "1"}))
    made = starting(world(tmp_path, plan), started)
    made.aws.functions.variables = {"TABLE": "users"}
    deploy.plan(made.run)
    assert started == ["TABLE=users\n", "TABLE=users\nNEW=1\n"]


def test_an_image_that_needs_the_variable_of_the_same_commit_is_pushed(tmp_path, started):
    plan = answers(function("update", {"TABLE": "users", "NEW": "1"}))
    made = starting(world(tmp_path, plan), started)
    made.aws.functions.variables = {"TABLE": "users"}
    note = made.shell.answers["docker run"]
    made.shell.answers["docker run"] = lambda command: (
        note(command) or ("" if "NEW=1" in started[-1] else Result(1, "", "NEW is not set"))
    )
    (image,) = deploy.plan(made.run).images
    assert image.name == "sse-streaming"
    assert len(started) == 2


def test_an_image_that_does_not_start_is_not_pushed_when_the_plan_leaves_the_variables(tmp_path, started):
    made = starting(world(tmp_path), started)
    made.shell.answers["docker run"] = Result(1, "", "TABLE is not set")
    with pytest.raises(BuildError, match="TABLE is not set"):
        deploy.plan(made.run)
    assert made.aws.ecr.called("put_image") == []


def test_the_first_image_of_a_function_has_the_variables_of_the_plan(tmp_path, started):
    made = starting(world(tmp_path, answers(function("create", {"TABLE": "users"}, ZEROS))), started)
    made.aws.functions.live = ""
    made.aws.functions.images.clear()
    del made.aws.s3.objects["service.tfstate"]
    deploy.plan(made.run)
    assert started == ["TABLE=users\n"]


def test_the_variables_of_another_function_are_not_given(tmp_path, started):
    other = function("update", {"OTHER": "1"}, OLD_URI.replace("sse-streaming", "other"), "module.other.this")
    made = starting(world(tmp_path, answers(other)), started)
    deploy.plan(made.run)
    assert started == [""]


@pytest.mark.parametrize("after", [None, {}, {"image_uri": OLD_URI}, {"image_uri": OLD_URI, "environment": []}])
def test_a_function_without_variables_is_started_without_any(tmp_path, started, after):
    plain = {**change(ADDRESS, "update", before={}, after=after), "type": "aws_lambda_function"}
    made = starting(world(tmp_path, answers(plain)), started)
    deploy.plan(made.run)
    assert started == [""]


def test_a_plan_that_fails_ends_the_push_that_waits_for_its_variables(tmp_path, started):
    made = starting(world(tmp_path, answers(**{"terraform plan": Result(1, "", "no such file")})), started)
    with pytest.raises(DeliveryError) as caught:
        deploy.plan(made.run)
    assert isinstance(caught.value, TerraformError)
    assert made.aws.ecr.called("put_image") == []


def test_a_plan_that_cannot_be_read_back_pushes_nothing(tmp_path, started):
    plan = answers(function("update", {}), **{"terraform show": Result(1, "", "the plugin crashed")})
    made = starting(world(tmp_path, plan), started)
    with pytest.raises(TerraformError, match="cannot be read back"):
        deploy.plan(made.run)
    assert made.aws.ecr.called("put_image") == []


def test_a_push_alone_starts_an_image_with_the_variables_that_its_function_has(tmp_path, started):
    made = starting(world(tmp_path), started)
    made.aws.functions.variables = {"TABLE": "users"}
    (image,) = deploy.push_images(made.run)
    assert (image.name, started) == ("sse-streaming", ["TABLE=users\n"])
    assert made.shell.typed("terraform") == []
