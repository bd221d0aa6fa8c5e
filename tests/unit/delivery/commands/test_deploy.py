"""A deploy: its guards, its plan, and the order in which a version becomes live."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, WaiterError
from support.aws import FakeEcr, FakeS3, chunk, healthy, hello, prelude, refusal
from support.build import DIGEST, RUN_FAILED, push_failed
from support.clock import Clock
from support.terraform import change, diagnostic, planned
from support.world import (
    COMMIT,
    FUNCTION,
    IMAGE,
    NAME,
    REPOSITORY,
    UPDATE,
    URI,
    answers,
    blobs,
    foundation_document,
    outputs,
    state_document,
    world,
)

from delivery.commands import deploy
from delivery.errors import (
    BuildError,
    CloudError,
    ConfigurationError,
    MissingToolError,
    RefusedError,
    TerraformError,
    UnhealthyError,
)
from delivery.process.shell import Result
from delivery.release.live import verify_version

HARMLESS = ("git ", "docker version", "docker buildx version", "docker buildx bake --file docker-bake.hcl --print")
BAKE = "docker buildx bake --file"


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


def nothing_changed(made):
    typed = [" ".join(command.argv) for command in made.shell.ran]
    changed = [line for line in typed if not line.startswith(HARMLESS)]
    written = [name for name, _ in made.aws.ecr.calls + made.aws.functions.calls if not name.startswith("describe")]
    return changed == [] and written == []


def test_the_guards_return_the_images_of_the_bake_file(tmp_path):
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
    assert asked.argv[-2:] == (COMMIT, "refs/remotes/origin/main")


def test_an_open_environment_takes_a_commit_of_any_branch(tmp_path):
    made = world(tmp_path, answers(**{"git merge-base": Result(1, "", "")}))
    assert deploy.guard(made.run) == (IMAGE,)


@pytest.mark.parametrize(("protected", "dirty"), [(True, False), (False, True)])
def test_a_clean_tree_or_an_open_environment_passes(tmp_path, protected, dirty):
    made = world(tmp_path, protected=protected, dirty=dirty)
    (image,) = deploy.guard(made.run)
    assert image == IMAGE


@pytest.mark.parametrize(
    ("shell", "kind", "what"),
    [
        ({"docker version": Result(1, "", "Cannot connect")}, MissingToolError, "docker does not answer."),
        ({"docker buildx version": Result(1, "", "unknown command")}, MissingToolError, "docker buildx does not"),
        ({"docker buildx bake": Result(1, "", "bad")}, ConfigurationError, "docker-bake.hcl cannot be read."),
    ],
)
def test_a_tool_or_file_that_does_not_work_stops_the_deploy_in_its_guards(tmp_path, shell, kind, what):
    known = answers(**shell)
    if "docker buildx bake" in shell:
        del known["docker buildx bake --file docker-bake.hcl --print"]
    made = world(tmp_path, known)
    with pytest.raises(kind, match=what):
        deploy.guard(made.run)
    assert nothing_changed(made)


def test_a_missing_repository_stops_the_deploy_before_the_build(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.repositories.clear()
    with pytest.raises(CloudError, match="invoke bootstrap"):
        deploy.guard(made.run)
    assert nothing_changed(made)


def test_a_state_bucket_of_another_account_stops_the_deploy_in_its_guards(tmp_path):
    made = world(tmp_path)
    made.aws.s3 = FakeS3(foreign=["state"])
    with pytest.raises(RefusedError, match="belongs to another account"):
        deploy.guard(made.run)
    assert nothing_changed(made)


def test_a_repository_that_no_bootstrap_set_up_stops_the_deploy_before_the_build(tmp_path):
    """It existed before: it has no policies, so its images would expire while a version runs them."""
    made = world(tmp_path)
    made.aws.s3.objects["foundation.tfstate"] = foundation_document("another")
    with pytest.raises(CloudError, match="not set up by a bootstrap: sse-streaming") as caught:
        deploy.guard(made.run)
    assert caught.value.hint == "invoke bootstrap --env sandbox"
    assert nothing_changed(made)


def test_an_environment_that_bootstraps_adopts_a_repository_that_existed_before(tmp_path):
    made = world(tmp_path, bootstraps=True)
    del made.aws.s3.objects["foundation.tfstate"]
    made.shell.answers |= planned(
        change("aws_ecr_repository.this", "no-op", before={}, after={}, importing={"id": NAME})
    )
    made.shell.answers["terraform apply"] = lambda _: (
        made.aws.s3.objects.update({"foundation.tfstate": foundation_document()}) or ""
    )
    assert deploy.guard(made.run) == (IMAGE,)
    values = json.loads((made.run.scratch / "foundation.tfvars.json").read_text())
    assert (values["images"], values["existing_images"]) == (["sse-streaming"], ["sse-streaming"])


def test_an_environment_that_bootstraps_creates_a_missing_repository(tmp_path):
    made = world(tmp_path, answers(**{"terraform apply": ""}), bootstraps=True)
    made.aws.ecr.repositories.clear()
    made.shell.answers |= planned(change("aws_ecr_repository.this", "create", after={}))
    made.shell.answers["terraform apply"] = lambda _: made.aws.ecr.repositories.update({NAME: {}}) or ""
    assert deploy.guard(made.run) == (IMAGE,)
    assert made.stages() == ["guards", "bootstrap", "foundation"]


def test_an_environment_with_bucket_and_repositories_is_not_bootstrapped(tmp_path):
    made = world(tmp_path, bootstraps=True)
    deploy.guard(made.run)
    assert made.shell.typed("terraform") == []


def test_a_second_target_of_the_bake_file_is_a_second_image(tmp_path):
    two = json.dumps({"target": {"sse-streaming": {}, "other": {}}})
    made = world(tmp_path, answers(**{"docker buildx bake --file docker-bake.hcl --print": two}))
    made.aws.ecr = FakeEcr({NAME: {DIGEST: "x"}, NAME.replace("sse-streaming", "other"): {}})
    made.aws.s3.objects["foundation.tfstate"] = foundation_document("other", "sse-streaming")
    assert [image.repository for image in deploy.guard(made.run)] == [
        REPOSITORY.replace("sse-streaming", "other"),
        REPOSITORY,
    ]


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
def test_a_failed_build_or_init_stops_the_other_lane_and_prevents_the_plan(tmp_path, shell, changes, kind):
    made = world(tmp_path, answers(UPDATE, **shell), **changes)
    with pytest.raises(kind):
        deploy.plan(made.run, (IMAGE,))
    assert made.shell.typed("terraform plan") == []
    assert made.shell.stops == [True]


def test_terraform_gets_the_digest_and_never_a_tag(tmp_path):
    values = []

    def plan(command):
        (file,) = [word for word in command.argv if word.endswith(".tfvars.json")]
        values.append(json.loads(Path(file.removeprefix("-var-file=")).read_text()))
        return ""

    made = world(tmp_path, answers(UPDATE, **{"terraform plan": plan}))
    deploy.plan(made.run, (IMAGE,))
    context = {"environment": "sandbox", "account": "000000000000", "region": "us-east-1"}
    wanted = {"images": {"sse-streaming": URI}, "commit": COMMIT, "live_versions": {"sse-streaming": "1"}}
    assert values == [{**context, **wanted, "architecture": "x86_64"}]
    assert not any(":latest" in word for command in made.shell.typed("terraform") for word in command.argv)


def test_a_plan_with_changes_tags_the_image_against_expiry_before_the_apply(tmp_path):
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


def test_a_plan_lists_its_changes_and_counts(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run, (IMAGE,))
    assert saved.changes == ("~ update module.sse.aws_lambda_function.this (image_uri)",)
    assert "✓ plan       0 to create, 1 to update, 0 to delete" in made.out.getvalue()


def test_a_protected_environment_refuses_a_plan_that_deletes_and_names_the_address(tmp_path):
    made = world(tmp_path, answers(change("aws_lambda_function.old", "delete", before={})), protected=True)
    with pytest.raises(RefusedError) as caught:
        deploy.plan(made.run, (IMAGE,))
    assert "sandbox, which is protected" in caught.value.what
    assert caught.value.why == "aws_lambda_function.old"
    assert made.shell.typed("terraform apply") == []


def test_a_protected_environment_refuses_a_replacement(tmp_path):
    made = world(tmp_path, answers(change("a.b", "delete", "create", before={}, after={})), protected=True)
    with pytest.raises(RefusedError, match="is protected: 1"):
        deploy.plan(made.run, (IMAGE,))


def test_only_the_named_addresses_may_be_destroyed(tmp_path):
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


def test_a_deploy_goes_through_its_stages_in_order_and_ends_in_a_release(tmp_path):
    made = world(tmp_path)
    (release,) = deployed(made)
    assert made.stages()[0] == "guards"
    assert set(made.stages()[1:5]) == {"build", "check", "push", "init"}
    assert made.stages()[5:] == ["plan", "apply", "verify", "release"]
    assert (release.environment, release.image, release.version) == ("sandbox", "sse-streaming", "2")
    assert made.aws.functions.live == "2"
    assert (release.digest, release.url, release.public) == (
        DIGEST,
        "https://abc.lambda-url.us-east-1.on.aws/api/v2/stream",
        True,
    )


def test_a_version_is_ready_then_verified_then_tagged_and_only_then_live_and_open(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.tags[NAME, "live-20260101T000000.000000Z-v1-by-ann"] = DIGEST
    deployed(made)
    assert calls(made) == [
        "get_alias",
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


def test_the_apply_uses_the_file_of_the_shown_plan(tmp_path):
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


def test_a_change_that_a_killed_run_left_unpublished_gets_a_version_and_the_state_is_refreshed(tmp_path):
    made = world(tmp_path, answers())
    made.aws.s3.objects["service.tfstate"] = state_document("1")
    made.shell.answers["terraform apply"] = lambda _: (
        made.aws.s3.objects.update({"service.tfstate": state_document("2")}) or ""
    )
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
    assert calls(made) == ["get_alias"]
    assert made.stages()[-1] == "apply"


def test_no_function_is_made_live_when_another_does_not_stream(tmp_path):
    both = json.loads(outputs())
    both["functions"]["value"]["worse"] = {**both["functions"]["value"]["sse-streaming"], "version": "3"}
    made = world(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document(outputs=both)
    made.aws.functions.commits["3"] = COMMIT
    made.aws.functions.responses["3"] = [chunk(prelude(500))]
    with pytest.raises(UnhealthyError, match="Version 3"):
        deployed(made)
    assert [wait["version"] for wait in made.aws.functions.waited] == ["2", "3"]
    assert alias_untouched(made)


def test_an_alias_that_moves_between_read_and_update_is_not_changed(tmp_path):
    made = world(tmp_path)
    made.aws.functions.refuses["update_alias"] = refusal("PreconditionFailedException")
    with pytest.raises(RefusedError, match="moved by somebody else"):
        deployed(made)
    assert made.aws.functions.statements == {}


def test_an_alias_that_another_person_moves_during_the_verification_is_not_changed(tmp_path):
    made = world(tmp_path)

    def meanwhile():
        yield from healthy(commit=COMMIT)
        made.aws.functions.moved_to("3")

    made.aws.functions.responses["2"] = meanwhile()
    with pytest.raises(RefusedError, match="moved by somebody else"):
        deployed(made)


def test_the_apply_stage_reports_its_counts_in_the_past_tense(tmp_path):
    made = world(tmp_path)
    deployed(made)
    assert "✓ apply      0 created, 1 updated, 0 deleted" in made.out.getvalue()


def test_the_verification_does_not_depend_on_the_work_tree(tmp_path):
    made = world(tmp_path, dirty=True)
    made.aws.functions.commits["2"] = COMMIT
    made.aws.functions.responses["2"] = healthy(commit=COMMIT)
    verify_version(made.run, FUNCTION)


def test_a_version_that_lambda_cannot_make_ready_does_not_become_live(tmp_path):
    made = world(tmp_path)
    failure = "Waiter encountered a terminal failure state: Failed"
    made.aws.functions.refuses["wait"] = WaiterError("PublishedVersionActive", failure, {})
    with pytest.raises(UnhealthyError, match="version 2"):
        deployed(made)
    assert alias_untouched(made)


def unconnected(tmp_path, *changes, **more):
    """A function that exists, and of which no version was verified yet."""
    connects = change("module.sse.aws_lambda_alias.live[0]", "create", after={})
    made = world(tmp_path, answers(*(changes or (UPDATE,)), **more))
    made.aws.functions.live = ""
    plans = iter([planned(UPDATE), planned(*(changes or (connects,)))])

    def plan(_):
        made.shell.answers["terraform show"] = (answer := next(plans))["terraform show"]
        return answer["terraform plan"]

    def apply(_):
        values = json.loads((made.run.scratch / "service.tfvars.json").read_text())
        made.applied.append(values["live_versions"])
        made.aws.functions.live = values["live_versions"].get("sse-streaming", "")
        return ""

    made.shell.answers |= {"terraform plan": plan, "terraform apply": apply}
    object.__setattr__(made, "applied", [])
    return made


def test_a_first_version_is_connected_only_after_it_was_verified_and_tagged(tmp_path):
    made = unconnected(tmp_path)
    (release,) = deployed(made)
    assert made.applied == [{}, {"sse-streaming": "2"}]
    first, second = (command.argv for command in made.shell.typed("terraform plan"))
    assert ("-refresh=false" in first, "-refresh=false" in second) == (False, True)
    assert made.stages()[5:] == ["plan", "apply", "verify", "connect", "release"]
    assert "update_alias" not in calls(made)
    assert (release.version, release.public) == ("2", True)
    assert made.aws.ecr.tags[NAME, "release-2"] == DIGEST


def test_a_first_version_that_does_not_stream_gets_no_alias_and_no_url(tmp_path):
    made = unconnected(tmp_path)
    made.aws.functions.responses["2"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    with pytest.raises(UnhealthyError, match="it answered 500"):
        deployed(made)
    assert made.applied == [{}]
    assert (NAME, "release-2") not in made.aws.ecr.tags


def test_nothing_else_changes_when_the_first_version_is_connected(tmp_path):
    made = unconnected(tmp_path, UPDATE)
    with pytest.raises(TerraformError, match="was changed while the first version was verified") as caught:
        deployed(made)
    assert "aws_lambda_function.this" in caught.value.why
    assert made.applied == [{}]


@pytest.mark.parametrize(
    ("answer", "kind", "what"),
    [
        ((403, b"Forbidden"), CloudError, r"refuses requests of everyone \(403\)"),
        ((502, b"Internal Server Error"), UnhealthyError, "answers 502"),
        ((200, b""), UnhealthyError, "without an event"),
        ((200, hello("1")), UnhealthyError, "does not serve version 2"),
        (EndpointConnectionError(endpoint_url="https://x"), CloudError, "AWS cannot be reached"),
    ],
)
def test_a_url_that_does_not_serve_the_version_gives_the_requests_back(tmp_path, answer, kind, what):
    made = world(tmp_path)
    made.aws.answers = [answer] * 500
    with pytest.raises(kind, match=what) as caught:
        deployed(made)
    assert made.aws.functions.live == "1"
    assert "The alias live names version 1 again." in caught.value.why
    assert any(tag.startswith("return-") for _, tag in made.aws.ecr.tags)
    assert not any(tag.startswith("live-") and "v2" in tag for _, tag in made.aws.ecr.tags)


def test_a_url_is_opened_until_the_move_has_reached_it(tmp_path):
    made = world(tmp_path)
    made.aws.answers = [(403, b"Forbidden"), (200, hello("1"))]
    deployed(made)
    assert made.aws.opened == [(f"{FUNCTION.stream_url}?events=1", False)] * 3
    assert made.aws.functions.live == "2"


def test_a_url_for_signed_requests_is_opened_with_a_signature(tmp_path):
    made = world(tmp_path)
    made.aws.functions.auth = "AWS_IAM"
    deployed(made)
    assert [signed for _, signed in made.aws.opened] == [True]


def test_a_refused_signature_names_the_permission(tmp_path):
    made = world(tmp_path)
    made.aws.functions.auth, made.aws.answers = "AWS_IAM", [(403, b"Forbidden")] * 500
    with pytest.raises(CloudError, match="our signed request") as caught:
        deployed(made)
    assert "lambda:InvokeFunctionUrl" in caught.value.hint


def test_a_version_that_was_live_before_stays_live_when_its_url_fails(tmp_path):
    made = world(tmp_path, answers())
    made.aws.functions.live, made.aws.answers = "2", [(403, b"Forbidden")] * 500
    with pytest.raises(CloudError) as caught:
        deployed(made)
    assert "names version 2, which was verified; it was not moved" in caught.value.why
    assert made.aws.functions.live == "2"


def test_an_alias_that_cannot_return_is_reported_with_the_command_that_returns_it(tmp_path):
    made = world(tmp_path)
    refuses = made.aws.functions.refuses
    made.aws.get = lambda *_, **__: refuses.update(update_alias=refusal("ServiceException")) or (403, iter([]))
    with pytest.raises(CloudError, match="still names version 2") as caught:
        deployed(made)
    assert caught.value.hint == "invoke rollback --env sandbox --to 1"
