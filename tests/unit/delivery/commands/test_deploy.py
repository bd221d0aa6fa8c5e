"""The story of a deploy: its order, and that nothing serves before it was verified."""

import json

import pytest
from support.aws import chunk, healthy, prelude, refusal
from support.build import DIGEST
from support.clock import Clock
from support.terraform import diagnostic
from support.world import COMMIT, FUNCTION, NAME, UPDATE, answers, blobs, outputs, state, world

from delivery.commands import deploy
from delivery.errors import CloudError, RefusedError, TerraformError, UnhealthyError
from delivery.process.shell import Result
from delivery.release.live import verify_version


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    blobs(monkeypatch)
    Clock(tick=0.3).install(monkeypatch)


def deployed(made):
    saved = deploy.plan(made.run, deploy.guard(made.run))
    return deploy.deliver(made.run, saved)


def calls(made):
    return [name for name, _ in made.aws.functions.calls]


def alias_untouched(made):
    return made.aws.functions.live == "1" and "update_alias" not in calls(made) and made.aws.functions.statements == {}


def test_a_deploy_goes_through_its_stages_in_order_and_ends_in_a_release(tmp_path):
    made = world(tmp_path)
    (release,) = deployed(made)
    assert made.stages()[0] == "guards"
    assert set(made.stages()[1:5]) == {"build", "check", "push", "init"}
    assert made.stages()[5:] == ["plan", "apply", "verify", "release"]
    assert (release.environment, release.image, release.version) == ("sandbox", "sse-streaming", "2")
    assert made.aws.functions.live == "2"
    assert (release.digest, release.url, release.public) == (DIGEST, "https://x.lambda-url.test/api/v2/stream", True)


def test_the_version_is_ready_then_verified_then_tagged_and_only_then_live_and_open(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.tags[NAME, "live-20260101T000000.000000Z-v1-by-ann"] = DIGEST
    deployed(made)
    assert calls(made) == [
        "publish_version",
        "get_alias",
        "get_function_configuration",
        "get_function_configuration",
        "invoke_with_response_stream",
        "update_alias",
        "get_function_url_config",
        "add_permission",
        "add_permission",
    ]
    assert made.aws.functions.waited[0]["version"] == "2"
    assert made.aws.ecr.tags[NAME, "release-2"] == DIGEST


def test_the_release_tag_is_there_before_the_alias_moves(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run, deploy.guard(made.run))
    made.aws.ecr.refuses["put_image"] = refusal("ServerException")
    with pytest.raises(CloudError, match="release-2"):
        deploy.deliver(made.run, saved)
    assert alias_untouched(made)


def test_what_is_applied_is_the_plan_that_was_shown(tmp_path):
    made = world(tmp_path)
    deployed(made)
    (plan,), (apply,) = made.shell.typed("terraform plan"), made.shell.typed("terraform apply")
    assert f"-out={apply.argv[-1]}" in plan.argv


def test_a_second_deploy_builds_applies_and_moves_nothing_but_verifies_again(tmp_path):
    made = world(tmp_path, answers())
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    made.aws.functions.live = "2"
    deployed(made)
    assert [command for command in made.shell.ran if "--metadata-file" in command.argv] == []
    assert made.shell.typed("terraform apply") == []
    assert "update_alias" not in calls(made)
    assert "✓ apply      nothing to do" in made.out.getvalue()
    assert "alias live: version 2, open to everyone" in made.out.getvalue()


def test_what_a_killed_run_changed_and_did_not_publish_gets_its_version_and_the_state_learns_of_it(tmp_path):
    made = world(tmp_path, answers())
    made.aws.s3.objects["service.tfstate"] = state("1")
    made.shell.answers["terraform apply"] = lambda _: made.aws.s3.objects.update({"service.tfstate": state("2")}) or ""
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    deployed(made)
    (refresh,) = made.shell.typed("terraform apply")
    assert {"-refresh-only", "-auto-approve"} <= set(refresh.argv)
    assert made.aws.functions.live == "2"
    assert "✓ apply      published the version that a killed run had left unpublished" in made.out.getvalue()


@pytest.mark.parametrize(
    ("response", "what"),
    [
        ([chunk(prelude(500)), {"InvokeComplete": {}}], "it answered 500"),
        ([{"InvokeComplete": {"ErrorCode": "Runtime.ExitError"}}], "Runtime.ExitError"),
        (healthy(digest="sha256:" + "e" * 64), "`hello` names the digest"),
        (healthy(version="1"), "`hello` names the version 1, not 2"),
        ([chunk(prelude()), {"InvokeComplete": {}}], "the stream ended after 0"),
        ([chunk(prelude())], "was cut off"),
    ],
)
def test_a_version_that_does_not_stream_never_becomes_live(tmp_path, response, what):
    made = world(tmp_path)
    made.aws.functions.responses["2"] = response
    with pytest.raises(UnhealthyError, match=what):
        deployed(made)
    assert alias_untouched(made)
    assert (NAME, "release-2") not in made.aws.ecr.tags
    assert made.stages()[-1] == "verify"


def test_an_apply_that_fails_is_not_verified(tmp_path):
    failed = Result(1, diagnostic("creating Lambda Function"), "")
    made = world(tmp_path, answers(UPDATE, **{"terraform apply": failed}))
    with pytest.raises(TerraformError, match="creating Lambda Function"):
        deployed(made)
    assert calls(made) == []
    assert made.stages()[-1] == "apply"


def test_no_function_is_made_live_when_another_does_not_stream(tmp_path):
    both = json.loads(outputs())
    both["functions"]["value"]["worse"] = {**both["functions"]["value"]["sse-streaming"], "version": "3"}
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state(outputs=both)
    made.aws.functions.commits["3"] = COMMIT
    made.aws.functions.responses["3"] = [chunk(prelude(500))]
    with pytest.raises(UnhealthyError, match="Version 3"):
        deployed(made)
    assert [wait["version"] for wait in made.aws.functions.waited] == ["2", "3"]
    assert alias_untouched(made)


def test_an_alias_that_moves_between_look_and_move_is_left_alone(tmp_path):
    made = world(tmp_path)
    made.aws.functions.refuses["update_alias"] = refusal("PreconditionFailedException")
    with pytest.raises(RefusedError, match="moved by somebody else"):
        deployed(made)
    assert made.aws.functions.statements == {}


def test_an_alias_that_somebody_moves_during_the_verification_is_left_alone(tmp_path):
    made = world(tmp_path)

    def meanwhile():
        yield from healthy(commit=COMMIT)
        made.aws.functions.moved_to("3")

    made.aws.functions.responses["2"] = meanwhile()
    with pytest.raises(RefusedError, match="moved by somebody else"):
        deployed(made)


def test_what_was_applied_is_told_in_the_past_tense(tmp_path):
    made = world(tmp_path)
    deployed(made)
    assert "✓ apply      0 created, 1 updated, 0 deleted" in made.out.getvalue()


def test_verifying_what_is_deployed_does_not_depend_on_the_work_tree(tmp_path):
    made = world(tmp_path, dirty=True)
    made.aws.functions.commits["2"] = COMMIT
    made.aws.functions.responses["2"] = healthy(commit=COMMIT)
    verify_version(made.run, FUNCTION)
