"""A deploy: its guards, its plan, and the order in which a version becomes live."""

import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, WaiterError
from support.aws import FakeEcr, FakeLambda, FakeLambdas, FakeS3, chunk, healthy, heartbeat, prelude, refusal
from support.build import DIGEST, RUN_FAILED, manifest, printed, push_failed
from support.clock import Clock
from support.terraform import LOCKED_TEXT, change, diagnostic, planned
from support.world import (
    ADDRESS,
    COMMIT,
    FUNCTION,
    IMAGE,
    NAME,
    OLD_DIGEST,
    OLD_URI,
    REPOSITORY,
    STATE,
    UPDATE,
    URI,
    answers,
    blobs,
    foundation_document,
    state_document,
    world,
)

from delivery import clock
from delivery.cli import report
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
from delivery.process import parallel
from delivery.process.shell import Result
from delivery.release import url
from delivery.settings import Requires

NOW = datetime(2026, 11, 27, tzinfo=UTC)
HARMLESS = ("git ", "docker version", "docker buildx version", "docker buildx bake --file docker-bake.hcl --print")
BAKE = "docker buildx bake --file"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    blobs(monkeypatch)
    Clock(tick=0.3).install(monkeypatch)


def deployed(made):
    return deploy.deliver(made.run, deploy.plan(made.run))


def long_way(tmp_path, *changes, **more):
    """A world where the infrastructure changes, too; by default the function itself."""
    return world(tmp_path, answers(*(changes or (UPDATE,)), **more))


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
    two = printed("sse-streaming", "other")
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
        ({"terraform plan": Result(1, diagnostic("Bad module"), "")}, {}, TerraformError),
    ],
)
def test_a_failure_of_one_lane_stops_the_other_one_and_nothing_is_applied(tmp_path, shell, changes, kind):
    made = world(tmp_path, answers(**shell), **changes)
    with pytest.raises(kind):
        deploy.plan(made.run)
    assert made.shell.stops
    assert made.shell.typed("terraform apply") == []
    assert alias_untouched(made)


def scanned(tmp_path, *severities, changes=(), limit="CRITICAL"):
    """A world that requires scans; ECR knows CVE-0, CVE-1, ... of these severities in the new image."""
    made = world(tmp_path, answers(*changes), requires=Requires(vulnerabilities=limit))
    findings = [{"name": f"CVE-{number}", "severity": severity} for number, severity in enumerate(severities)]
    answer = {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findings": findings}}
    made.aws.ecr.scans[DIGEST] = [answer]
    return made


@pytest.mark.parametrize("changes", [(), (UPDATE,)], ids=["image", "infrastructure"])
def test_a_vulnerable_image_changes_nothing_in_an_environment_that_takes_none(tmp_path, changes):
    made = scanned(tmp_path, "CRITICAL", changes=changes)
    with pytest.raises(RefusedError, match="sandbox takes no image with a CRITICAL vulnerability"):
        deploy.plan(made.run)
    assert made.shell.typed("terraform apply") == []
    assert "update_function_code" not in calls(made)
    assert [tag for _, tag in made.aws.ecr.tags if tag.startswith("keep-")] == []
    assert alias_untouched(made)


def test_an_image_in_which_nothing_severe_is_known_is_deployed(tmp_path):
    made = scanned(tmp_path, "HIGH")
    deployed(made)
    assert made.aws.functions.live == "2"
    assert "✓ scan       nothing CRITICAL" in made.out.getvalue()


def test_a_malformed_exception_stops_the_deploy_in_its_guards(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    made = scanned(tmp_path)
    (tmp_path / "osv-scanner.toml").write_text('[[IgnoredVulns]]\nid = "CVE-0"\n')
    with pytest.raises(ConfigurationError, match="CVE-0 has no `ignoreUntil`"):
        deploy.guard(made.run)
    assert nothing_changed(made)


def test_without_the_setting_a_deploy_shows_what_ecr_knows_and_refuses_nothing(tmp_path):
    made = scanned(tmp_path, "CRITICAL", limit="")
    planned = deploy.plan(made.run)
    assert report.scan_lines(planned.scanned) == ("scan of sse-streaming: 1 critical",)
    assert "scan" not in made.stages()


def planned_images(made):
    """The images that Terraform plans with, plan by plan; without the plan that is only read for its variables."""
    values = []

    def recorded(command):
        (file,) = (word for word in command.argv if word.endswith("service.tfvars.json"))
        if "/declared/" not in file:
            values.append(json.loads(Path(file.removeprefix("-var-file=")).read_text()))
        return known(command) if callable(known) else known

    known = made.shell.answers["terraform plan"]
    made.shell.answers["terraform plan"] = recorded
    return values


def test_terraform_plans_with_the_images_that_the_functions_have_and_never_with_a_tag(tmp_path):
    made = world(tmp_path)
    values = planned_images(made)
    deploy.plan(made.run)
    context = {"environment": "sandbox", "account": "000000000000", "region": "us-east-1"}
    wanted = {"images": {"sse-streaming": OLD_URI}, "live_versions": {"sse-streaming": "1"}}
    assert values == [{**context, **wanted, "architecture": "x86_64"}]
    assert not any(":latest" in word for command in made.shell.typed("terraform") for word in command.argv)


def test_after_a_rollback_terraform_plans_with_the_image_of_the_function_and_not_of_the_alias(tmp_path):
    made = world(tmp_path)
    newer = f"{REPOSITORY}@sha256:{'7' * 64}"
    made.aws.functions.images |= {"$LATEST": newer, "2": newer}
    values = planned_images(made)
    deploy.plan(made.run)
    assert [each["images"] for each in values] == [{"sse-streaming": newer}]


def test_if_the_infrastructure_changes_too_terraform_plans_again_with_the_new_digest(tmp_path):
    made = long_way(tmp_path)
    values = planned_images(made)
    assert deploy.plan(made.run).changes == (f"~ update {ADDRESS} (image_uri)",)
    assert [each["images"] for each in values] == [{"sse-streaming": OLD_URI}, {"sse-streaming": URI}]
    assert len(made.shell.typed("terraform show")) == 2, "of the first plan for the variables of a new image"


def test_if_only_the_infrastructure_changes_there_is_one_plan(tmp_path):
    made = long_way(tmp_path)
    unchanged(made)
    values = planned_images(made)
    deploy.plan(made.run)
    assert [each["images"] for each in values] == [{"sse-streaming": URI}]
    assert len(made.shell.typed("terraform show")) == 1


def unchanged(made):
    """The function has the image of the commit, and the registry its tag."""
    functions = made.aws.functions
    functions.images |= {"$LATEST": URI, "2": URI}
    functions.commits["2"] = COMMIT
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    made.aws.ecr.tags |= {(NAME, COMMIT): DIGEST, (NAME, "latest"): DIGEST}
    made.aws.s3.objects["service.tfstate"] = state_document(URI)


@pytest.mark.parametrize("changes", [(), (UPDATE,)])
def test_a_new_image_is_tagged_against_expiry_before_a_function_gets_it(tmp_path, changes):
    made = world(tmp_path, answers(*changes))
    deploy.plan(made.run)
    assert made.aws.ecr.tags[NAME, f"keep-{DIGEST[7:19]}"] == DIGEST


def test_without_a_change_no_image_gets_a_tag(tmp_path):
    made = world(tmp_path)
    unchanged(made)
    before = dict(made.aws.ecr.tags)
    deploy.plan(made.run)
    assert made.aws.ecr.tags == before


def test_the_architecture_of_the_function_is_that_of_the_image(tmp_path, monkeypatch):
    blobs(monkeypatch, architecture="arm64")
    made = world(tmp_path, platform="linux/arm64")
    deploy.plan(made.run)
    assert json.loads((made.run.scratch / "service.tfvars.json").read_text())["architecture"] == "arm64"


def test_a_new_image_is_the_same_line_whoever_gives_it_to_the_function(tmp_path):
    short, long = world(tmp_path / "short"), long_way(tmp_path / "long")
    assert deploy.plan(short.run).changes == deploy.plan(long.run).changes == (f"~ update {ADDRESS} (image_uri)",)
    assert "✓ plan       no changes" in short.out.getvalue()
    assert "✓ plan       0 to create, 1 to update, 0 to delete" in long.out.getvalue()


def test_a_protected_environment_refuses_a_plan_that_deletes_and_names_the_address(tmp_path):
    made = world(tmp_path, answers(change("aws_lambda_function.old", "delete", before={})), protected=True)
    with pytest.raises(RefusedError) as caught:
        deploy.plan(made.run)
    assert "sandbox, which is protected" in caught.value.what
    assert caught.value.why == "aws_lambda_function.old"
    assert made.shell.typed("terraform apply") == []


def test_a_protected_environment_refuses_a_replacement(tmp_path):
    made = world(tmp_path, answers(change("a.b", "delete", "create", before={}, after={})), protected=True)
    with pytest.raises(RefusedError, match="is protected: 1"):
        deploy.plan(made.run)


def test_only_the_named_addresses_may_be_destroyed(tmp_path):
    deletes = [change(f"a.{name}", "delete", before={}) for name in ("b", "c")]
    made = world(tmp_path, answers(*deletes), protected=True)
    with pytest.raises(RefusedError) as caught:
        deploy.plan(made.run, ("a.b",))
    assert caught.value.why == "a.c"
    assert caught.value.hint.endswith("or name each: --destroy 'a.c'")
    assert deploy.plan(made.run, ("a.c", "a.b")).terraform.deletes == ("a.b", "a.c")


def test_an_open_environment_may_delete(tmp_path):
    made = world(tmp_path, answers(change("aws_lambda_function.old", "delete", before={})))
    assert deploy.plan(made.run).terraform.deletes == ("aws_lambda_function.old",)


def test_a_deploy_goes_through_its_stages_and_ends_in_a_release(tmp_path):
    made = world(tmp_path)
    (release,) = deployed(made)
    assert set(made.stages()[:6]) == {"guards", "init", "build", "check", "push", "plan"}
    assert [stage for stage in made.stages()[6:] if stage != "state"] == ["apply", "verify", "release"]
    assert (release.environment, release.image, release.version) == ("sandbox", "sse-streaming", "2")
    assert made.aws.functions.live == "2"
    assert (release.digest, release.url, release.public) == (
        DIGEST,
        FUNCTION.url,
        True,
    )


def test_a_new_image_goes_to_lambda_and_then_into_the_state(tmp_path):
    made = world(tmp_path)
    deployed(made)
    functions = made.aws.functions
    (update,), (publish,) = functions.called("update_function_code"), functions.called("publish_version")
    assert update == {"FunctionName": "fn", "ImageUri": URI, "RevisionId": "function-1"}
    assert (publish["Description"], publish["RevisionId"]) == (f"commit {COMMIT}", "function-3")
    (pushed,) = made.shell.typed("terraform state push")
    assert json.loads(pushed.stdin)["serial"] == 2, "the one after that which was read"
    assert URI not in str(pushed.argv), "a state may hold secrets"
    assert made.shell.typed("terraform apply") == []
    assert made.shell.typed("terraform show") == []
    assert made.recorded["image_uri"] == URI
    assert "✓ apply      0 created, 1 updated, 0 deleted" in made.out.getvalue()
    assert "✓ state      has the new images" in made.out.getvalue()
    (written,) = (stage for stage in made.run.progress.stages if stage.name == "state")
    assert written.keeps, "an interrupt in it says, too, that the alias was not moved"


def test_changed_infrastructure_is_applied_as_it_was_shown_and_then_published(tmp_path):
    made = long_way(tmp_path)
    deployed(made)
    assert made.aws.functions.called("update_function_code") == []
    *_, plan = made.shell.typed("terraform plan")
    (apply,) = made.shell.typed("terraform apply")
    assert f"-out={apply.argv[-1]}" in plan.argv
    assert (made.aws.functions.live, made.aws.functions.commits["2"]) == ("2", COMMIT)


@pytest.mark.parametrize("changes", [(), (UPDATE,)])
def test_a_version_is_published_then_verified_then_tagged_and_only_then_live_and_open(tmp_path, changes):
    made = world(tmp_path, answers(*changes))
    made.aws.ecr.tags[NAME, "live-20260101T000000.000000Z-v1-by-ann"] = OLD_DIGEST
    deployed(made)
    changing = ("publish", "invoke", "update_alias", "add")
    order = [name for name in calls(made) if name.startswith(changing)]
    assert order == [
        "publish_version",
        "invoke_with_response_stream",
        "update_alias",
        "add_permission",
        "add_permission",
    ]
    assert made.aws.ecr.tags[NAME, "release-2"] == DIGEST


def test_the_release_tag_is_there_before_the_alias_moves(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run)
    made.aws.ecr.refuses["put_image"] = refusal("ServerException")
    with pytest.raises(CloudError, match="release-2"):
        deploy.deliver(made.run, saved)
    assert alias_untouched(made)


def test_a_second_deploy_builds_applies_publishes_and_moves_nothing_but_verifies_again(tmp_path):
    made = world(tmp_path)
    unchanged(made)
    made.aws.functions.live = "2"
    deployed(made)
    assert [command for command in made.shell.ran if "--metadata-file" in command.argv] == []
    assert made.shell.typed("terraform apply") == []
    assert sorted(made.aws.functions.images) == ["$LATEST", "1", "2"]
    assert not {"update_alias", "update_function_code"} & set(calls(made))
    assert calls(made).count("invoke_with_response_stream") == 1
    kinds = {item["imageTag"].partition("-")[0] for item in made.aws.ecr.called("put_image")}
    assert kinds <= {"live", "release", "latest"}, "no tag of a commit, and none against expiry"
    assert "✓ apply      nothing to do" in made.out.getvalue()
    assert "alias live: version 2, open to everyone" in made.out.getvalue()


def test_a_live_version_that_stays_is_verified_before_the_plan_is_decided(tmp_path):
    made = world(tmp_path)
    unchanged(made)
    made.aws.functions.live = "2"
    planned = deploy.plan(made.run)
    assert {version.version for version in planned.verified} == {"2"}
    assert set(made.stages()) == {"guards", "init", "push", "verify", "plan"}


def test_a_live_version_that_does_not_stream_any_more_fails_the_deploy_that_keeps_it(tmp_path):
    made = world(tmp_path)
    unchanged(made)
    made.aws.functions.live = "2"
    made.aws.functions.responses["2"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    with pytest.raises(UnhealthyError, match="it answered 500"):
        deployed(made)


def test_a_live_version_that_does_not_stream_does_not_hold_up_the_deploy_that_replaces_it(tmp_path):
    made = world(tmp_path)
    made.aws.functions.responses["1"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    deployed(made)
    assert made.aws.functions.live == "2"


def test_a_change_that_a_killed_run_left_unpublished_gets_a_version_and_goes_into_the_state(tmp_path):
    """It was killed after Lambda's update: the function has the image, the state does not, and no version has it."""
    made = world(tmp_path)
    unchanged(made)
    del made.aws.functions.images["2"], made.aws.functions.commits["2"]
    made.aws.s3.objects["service.tfstate"] = state_document(OLD_URI)
    deployed(made)
    assert made.recorded["image_uri"] == URI
    assert made.shell.typed("terraform apply") == []
    assert made.aws.functions.called("update_function_code") == []
    assert (made.aws.functions.live, made.aws.functions.commits["2"]) == ("2", COMMIT)


def test_a_state_that_is_behind_gets_the_image_by_a_deploy_with_nothing_else_to_do(tmp_path):
    made = world(tmp_path)
    unchanged(made)
    made.aws.functions.live = "2"
    made.aws.s3.objects["service.tfstate"] = state_document(OLD_URI)
    deployed(made)
    assert len(made.shell.typed("terraform state push")) == 1
    assert made.recorded["image_uri"] == URI


def test_a_state_that_got_the_image_meanwhile_is_not_written_again(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run)
    attributes = {"function_name": "fn", "image_uri": URI}
    made.aws.s3.objects[STATE] = state_document(URI)
    deploy.deliver(made.run, saved)
    assert made.recorded == attributes
    assert made.shell.typed("terraform state push") == []


def test_a_locked_state_does_not_undo_a_release_and_is_a_warning(tmp_path):
    made = world(tmp_path, answers(**{"terraform state push": Result(1, "", LOCKED_TEXT)}))
    deployed(made)
    assert made.aws.functions.live == "2"
    assert (
        "! state      The state is behind; the next deploy records the images. The state is locked by ada@laptop"
        in (made.out.getvalue())
    )


def test_a_state_that_cannot_be_read_after_the_update_does_not_undo_a_release(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run)
    reads = made.aws.s3.get_object

    def get_object(**named):  # the other lane reads the hold, which has another key
        if named["Key"].startswith("service.tfstate"):
            raise refusal("SlowDown")
        return reads(**named)

    made.aws.s3.get_object = get_object
    (release,) = deploy.deliver(made.run, saved)
    assert (release.version, made.aws.functions.live) == ("2", "2")
    assert "! state      The state is behind; the next deploy records the images. Could not " in made.out.getvalue()


def test_a_version_that_fails_is_reported_once_the_state_is_written(tmp_path):
    made = world(tmp_path)
    made.aws.functions.responses["2"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    with pytest.raises(UnhealthyError):
        deployed(made)
    assert made.recorded["image_uri"] == URI
    assert made.shell.stops == []


def test_an_interrupt_while_the_state_is_written_moves_no_alias_in_the_lane_beside_it(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run)
    made.shell.stop()  # the main thread has stopped the tools; the other lane runs none
    with pytest.raises(KeyboardInterrupt):
        deploy.deliver(made.run, saved)
    assert alias_untouched(made)


def test_a_function_that_somebody_changes_during_the_build_is_left_alone(tmp_path):
    made = world(tmp_path)
    saved = deploy.plan(made.run)
    made.aws.functions.function_revision += 1
    with pytest.raises(RefusedError, match="fn was changed by somebody else meanwhile") as caught:
        deploy.deliver(made.run, saved)
    assert caught.value.exit_code == 4
    assert made.aws.functions.images["$LATEST"] == OLD_URI
    assert alias_untouched(made)


def test_a_function_that_is_in_the_state_and_not_in_aws_is_created_by_terraform(tmp_path):
    made = world(tmp_path, answers(change(ADDRESS, "create", after={})))
    del made.aws.functions.images["$LATEST"]
    values = planned_images(made)
    assert deploy.plan(made.run).changes == (f"+ create {ADDRESS}",)
    assert [each["images"] for each in values] == [{"sse-streaming": URI}]


def test_a_function_whose_last_update_failed_gets_its_image_again(tmp_path):
    made = world(tmp_path)
    unchanged(made)
    made.aws.functions.update_status = "Failed"
    deployed(made)
    assert [update["ImageUri"] for update in made.aws.functions.called("update_function_code")] == [URI]


def test_a_function_that_was_given_a_tag_is_left_to_terraform(tmp_path):
    made = long_way(tmp_path)
    made.aws.functions.images["$LATEST"] = f"{REPOSITORY}:latest"
    values = planned_images(made)
    deploy.plan(made.run)
    assert [each["images"] for each in values] == [{"sse-streaming": URI}]
    assert values[0]["live_versions"] == {"sse-streaming": "1"}


@pytest.mark.parametrize(
    ("response", "what"),
    [
        ([chunk(prelude(500)), {"InvokeComplete": {}}], "it answered 500"),
        ([{"InvokeComplete": {"ErrorCode": "Runtime.ExitError"}}], "Runtime.ExitError"),
        ([chunk(prelude() + heartbeat(1)), {"InvokeComplete": {}}], "its first event is `heartbeat`, not `hello`"),
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
    assert [stage for stage in made.stages() if stage != "state"][-1] == "verify"


def test_an_apply_that_fails_is_not_verified(tmp_path):
    failed = Result(1, diagnostic("creating Lambda Function"), "")
    made = long_way(tmp_path, **{"terraform apply": failed})
    with pytest.raises(TerraformError, match="creating Lambda Function"):
        deployed(made)
    assert {"publish_version", "invoke_with_response_stream"} & set(calls(made)) == set()
    assert made.stages()[-1] == "apply"


def test_an_alias_that_moves_between_read_and_update_is_not_changed(tmp_path):
    made = world(tmp_path)
    made.aws.functions.refuses["update_alias"] = refusal("PreconditionFailedException")
    with pytest.raises(RefusedError, match="moved by somebody else"):
        deployed(made)
    assert made.aws.functions.statements == {}


def test_an_alias_that_another_person_moves_during_the_verification_is_not_changed(tmp_path):
    made = world(tmp_path)

    def meanwhile():
        yield from healthy()
        made.aws.functions.moved_to("3")

    made.aws.functions.responses["2"] = meanwhile()
    with pytest.raises(RefusedError, match="moved by somebody else"):
        deployed(made)


def test_the_apply_stage_reports_its_counts_in_the_past_tense(tmp_path):
    made = long_way(tmp_path)
    deployed(made)
    assert "✓ apply      0 created, 1 updated, 0 deleted" in made.out.getvalue()


def test_a_version_that_lambda_cannot_make_ready_does_not_become_live(tmp_path):
    made = world(tmp_path)
    failure = "Waiter encountered a terminal failure state: Failed"
    made.aws.functions.refuses["published_version_active"] = WaiterError("PublishedVersionActive", failure, {})
    made.aws.functions.states["2"] = "Pending"
    with pytest.raises(UnhealthyError, match="version 2"):
        deployed(made)
    assert alias_untouched(made)


def unconnected(tmp_path, second=None):
    """Nothing is deployed yet. `second`: what the plan after the verification changes; by default the alias."""
    connects = second or change("module.sse.aws_lambda_alias.live[0]", "create", after={})
    made = world(tmp_path, answers(change(ADDRESS, "create", after={})))
    made.aws.functions.live = ""
    made.aws.functions.images.clear()
    del made.aws.s3.objects["service.tfstate"]
    applied = made.shell.answers["terraform apply"]

    def apply(command):
        values = json.loads((made.run.scratch / "service.tfvars.json").read_text())
        made.applied.append(values["live_versions"])
        made.aws.functions.live = values["live_versions"].get("sse-streaming", "")
        made.shell.answers |= planned(connects)
        return "" if made.aws.functions.live else applied(command)

    made.shell.answers["terraform apply"] = apply
    made.aws.functions.responses["1"] = healthy("1")
    object.__setattr__(made, "applied", [])
    return made


def test_a_first_version_is_connected_only_after_it_was_verified_and_tagged(tmp_path):
    made = unconnected(tmp_path)
    (release,) = deployed(made)
    assert made.applied == [{}, {"sse-streaming": "1"}]
    read, first, second = (command.argv for command in made.shell.typed("terraform plan"))
    assert ("-refresh=false" in first, "-refresh=false" in second) == (False, True)
    assert "-lock=false" in read
    assert len(made.shell.typed("terraform show")) == 1, "of the plan for the variables; others only create"
    assert made.stages()[5:] == ["plan", "apply", "verify", "connect", "release"]
    assert "update_alias" not in calls(made)
    assert (release.version, release.public) == ("1", True)
    assert release.url == FUNCTION.url
    assert made.aws.ecr.tags[NAME, "release-1"] == DIGEST


def test_a_first_deploy_that_was_killed_before_its_version_was_connected_continues(tmp_path):
    """The function is there, and an empty plan: only its version must be verified and connected."""
    made = unconnected(tmp_path)
    unchanged(made)
    made.shell.answers["terraform plan"] = [planned()["terraform plan"], planned_connection()]
    deployed(made)
    assert made.applied == [{"sse-streaming": "2"}]
    assert made.aws.functions.live == "2"


def planned_connection():
    return planned(change("module.sse.aws_lambda_alias.live[0]", "create", after={}))["terraform plan"]


def test_a_first_version_that_does_not_stream_gets_no_alias_and_no_url(tmp_path):
    made = unconnected(tmp_path)
    made.aws.functions.responses["1"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    with pytest.raises(UnhealthyError, match="it answered 500"):
        deployed(made)
    assert made.applied == [{}]
    assert (NAME, "release-1") not in made.aws.ecr.tags


def test_nothing_else_changes_when_the_first_version_is_connected(tmp_path):
    made = unconnected(tmp_path, second=UPDATE)
    with pytest.raises(TerraformError, match="was changed while the first version was verified") as caught:
        deployed(made)
    assert "aws_lambda_function.this" in caught.value.why
    assert made.applied == [{}]


@pytest.mark.parametrize(
    ("answer", "kind", "what"),
    [
        ((403, b"Forbidden"), CloudError, r"refuses requests of everyone \(403\)"),
        ((502, b"Internal Server Error"), UnhealthyError, "it answered 502, not 200"),
        ((200, b""), UnhealthyError, "it answered without an event"),
        ((200, heartbeat(1)), UnhealthyError, "does not serve version 2: its first event is `heartbeat`"),
        (EndpointConnectionError(endpoint_url="https://x"), CloudError, "AWS cannot be reached"),
    ],
)
def test_a_url_that_does_not_serve_the_version_gives_the_requests_back(tmp_path, answer, kind, what):
    made = world(tmp_path)
    made.aws.answers = [answer] * 500
    with pytest.raises(kind, match=what) as caught:
        deployed(made)
    assert made.aws.functions.live == "1"
    assert "The alias live of fn names version 1 again." in caught.value.why
    assert any(tag.startswith("return-") for _, tag in made.aws.ecr.tags)
    assert not any(tag.startswith("live-") and "v2" in tag for _, tag in made.aws.ecr.tags)


def test_a_url_is_opened_until_the_move_has_reached_it(tmp_path):
    made = world(tmp_path)
    made.aws.answers = [(403, b"Forbidden"), (502, b"Bad Gateway")]
    deployed(made)
    assert made.aws.opened == [(f"{FUNCTION.url}api/v2/stream?events=3&interval=0.1", False)] * 3
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


def two_functions(tmp_path):
    """`sse-streaming` gets a new image; `other`, whose function is `worse`, is unchanged and live."""
    made = world(tmp_path)
    other = NAME.replace("sse-streaming", "other")
    uri = URI.replace("sse-streaming", "other")
    made.aws.ecr.repositories[other] = {DIGEST: manifest()}
    made.aws.ecr.tags |= {(other, COMMIT): DIGEST, (other, "latest"): DIGEST}
    second = FakeLambda(name="worse")
    second.images |= {"$LATEST": uri, "1": uri}
    second.commits["1"] = "d" * 40
    second.responses["1"] = healthy("1")
    first, made.aws.functions = made.aws.functions, FakeLambdas(made.aws.functions, second)
    document = json.loads(state_document())
    named = document["outputs"]["functions"]["value"]
    named["other"] = {**named["sse-streaming"], "function_name": "worse"}
    (resource,) = document["resources"]
    attributes = {"function_name": "worse", "image_uri": uri}
    document["resources"].append({**resource, "module": "module.other", "instances": [{"attributes": attributes}]})
    made.aws.s3.objects["service.tfstate"] = json.dumps(document)
    made.aws.s3.objects["foundation.tfstate"] = foundation_document("other", "sse-streaming")
    targets = printed("sse-streaming", "other")
    made.shell.answers["docker buildx bake --file docker-bake.hcl --print"] = targets
    made.shell.answers |= {"terraform apply": ""}
    return made, first, second


def test_of_two_functions_only_the_changed_one_gets_an_image_a_version_and_a_verification(tmp_path, monkeypatch):
    made, first, second = two_functions(tmp_path)
    saved = made.aws.s3.objects[STATE]
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    planned = deploy.plan(made.run)
    assert planned.changes == (f"~ update {ADDRESS} (image_uri)",)
    releases = deploy.deliver(made.run, planned)
    before, after = json.loads(saved), json.loads(made.aws.s3.objects[STATE])
    assert made.recorded["image_uri"] == URI
    assert after["resources"][1] == before["resources"][1]
    assert {(release.image, release.version) for release in releases} == {("sse-streaming", "2"), ("other", "1")}
    assert [name for name, _ in second.calls if name in ("update_function_code", "update_alias")] == []
    assert len(second.called("invoke_with_response_stream")) == 1, "beside the plan"
    assert (first.live, second.live) == ("2", "1")
    assert f"; other {DIGEST[:19]} unchanged" in made.out.getvalue()


def test_no_function_is_made_live_when_another_does_not_stream(tmp_path, monkeypatch):
    made, first, second = two_functions(tmp_path)
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    second.responses["1"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    with pytest.raises(UnhealthyError, match="Version 1 of worse"):
        deployed(made)
    assert (first.live, first.called("update_alias")) == ("1", [])


def test_no_version_is_published_when_somebody_changed_one_of_the_functions(tmp_path, monkeypatch):
    made, first, second = two_functions(tmp_path)
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    saved = deploy.plan(made.run)
    second.function_revision += 1
    with pytest.raises(RefusedError, match="The function worse was changed by somebody else meanwhile"):
        deploy.deliver(made.run, saved)
    assert (first.live, second.live, second.called("invoke_with_response_stream")[1:]) == ("1", "1", [])
    assert first.called("update_alias") == []
    assert made.recorded["image_uri"] == OLD_URI, "the next deploy records the image of the other function"


def releasing(monkeypatch, require_open):
    """A stand-in for the check of a URL. `require_open`: gets the name of the function."""
    monkeypatch.setattr(url, "require_open", lambda _, deployed, *__: require_open(deployed.name))


def test_if_one_of_two_functions_cannot_be_released_the_error_names_the_other_that_is_live(tmp_path, monkeypatch):
    made, first, second = two_functions(tmp_path)
    live = threading.Event()

    def require_open(name):
        if name == "fn":
            live.set()
        else:
            assert live.wait(10)
            raise UnhealthyError("The URL of worse answers 502.")

    releasing(monkeypatch, require_open)
    with pytest.raises(UnhealthyError, match="The URL of worse answers 502") as caught:
        deployed(made)
    assert (first.live, second.live) == ("2", "1")
    assert caught.value.why.splitlines()[-1] == "sse-streaming version 2 is live."


def test_a_function_whose_release_did_not_begin_before_another_failed_is_named(tmp_path, monkeypatch):
    made, first, _ = two_functions(tmp_path)

    def require_open(_):
        raise UnhealthyError("The URL does not answer.")

    releasing(monkeypatch, require_open)
    planned_before = deploy.plan(made.run)
    monkeypatch.setattr(parallel, "LANES", 1)
    with pytest.raises(UnhealthyError, match="The URL does not answer") as caught:
        deploy.deliver(made.run, planned_before)
    assert "sse-streaming version 2 was not released: version 1 still serves." in caught.value.why
    assert (first.live, first.called("update_alias")) == ("1", [])


def test_if_both_functions_cannot_be_released_the_error_names_both(tmp_path, monkeypatch):
    made, first, _ = two_functions(tmp_path)
    both = threading.Barrier(2, timeout=10)

    def require_open(name):
        both.wait()
        raise UnhealthyError(f"The URL of {name} answers 502.")

    releasing(monkeypatch, require_open)
    with pytest.raises(UnhealthyError) as caught:
        deployed(made)
    assert {"The URL of fn answers 502.", "The URL of worse answers 502."} <= set(
        re.findall(r"The URL of \w+ answers 502\.", str(caught.value))
    )
    assert "failed, too" in caught.value.why
    assert first.live == "1", "it returned"


@pytest.mark.parametrize("changes", [(), (UPDATE,)])
def test_an_apply_publishes_a_version_and_neither_verifies_it_nor_moves_the_alias(tmp_path, changes):
    made = world(tmp_path, answers(*changes))
    (version,) = deploy.apply(made.run, deploy.plan(made.run))
    assert (version.version, version.digest, version.commit) == ("2", DIGEST, COMMIT)
    assert "invoke_with_response_stream" not in calls(made)
    assert alias_untouched(made)
    assert made.recorded["image_uri"] == URI


def test_an_environment_that_bootstraps_gets_its_bucket_before_terraform_is_initialised(tmp_path):
    made = unconnected(tmp_path)
    object.__setattr__(made.run.settings, "bootstraps", True)
    made.aws.s3.buckets.clear()
    made.aws.s3.objects.clear()
    made.aws.ecr.repositories.clear()
    service = made.shell.answers["terraform apply"]

    def apply(command):
        if not str(command.argv[-1]).endswith("foundation.tfplan"):
            return service(command)
        made.aws.s3.objects["foundation.tfstate"] = foundation_document()
        made.aws.ecr.repositories[NAME] = {}
        return ""

    made.shell.answers["terraform apply"] = apply
    (release,) = deployed(made)
    assert (release.version, made.aws.s3.buckets) == ("1", {"state"})
    assert {"bootstrap", "foundation", "init"} <= set(made.stages())


@pytest.mark.parametrize("name", ["Orders", "orders_api", "-orders", "9lives", "o" * 60, "delivery"])
def test_a_target_with_a_wrong_name_is_refused_before_a_bucket_or_a_repository_is_made(tmp_path, name):
    made = world(tmp_path, bootstraps=True)
    made.aws.s3.buckets.clear()
    made.aws.ecr.repositories.clear()
    made.shell.answers["docker buildx bake --file docker-bake.hcl --print"] = printed("sse-streaming", name)
    with pytest.raises(ConfigurationError, match=name) as caught:
        deploy.plan(made.run)
    assert caught.value.exit_code == 2
    assert made.aws.s3.called("create_bucket") == []
    assert made.shell.typed("terraform") == []


def test_an_image_that_lambda_cannot_use_fails_the_deploy_and_leaves_the_alias(tmp_path):
    made = world(tmp_path)
    made.aws.functions.update_ends, made.aws.functions.update_reason = "Failed", "The image is too large."
    with pytest.raises(UnhealthyError, match="Lambda cannot use the image") as caught:
        deployed(made)
    assert (caught.value.exit_code, made.aws.functions.called("publish_version")) == (7, [])
    assert "The image is too large." in caught.value.why
    assert alias_untouched(made)


def test_an_image_that_lambda_refuses_fails_the_deploy_and_leaves_the_function(tmp_path):
    made = world(tmp_path)
    made.aws.functions.refuses["update_function_code"] = refusal("InvalidParameterValueException", "not supported")
    with pytest.raises(CloudError, match="give fn the image") as caught:
        deployed(made)
    assert (caught.value.exit_code, made.aws.functions.images["$LATEST"]) == (8, OLD_URI)
    assert alias_untouched(made)


def test_a_function_that_is_changed_between_its_update_and_its_version_gets_no_version(tmp_path):
    made = world(tmp_path)
    publish = made.aws.functions.publish_version

    def meanwhile(**given):
        made.aws.functions.function_revision += 1
        return publish(**given)

    made.aws.functions.publish_version = meanwhile
    with pytest.raises(RefusedError, match="fn was changed by somebody else meanwhile"):
        deployed(made)
    assert "2" not in made.aws.functions.images
    assert alias_untouched(made)


def test_a_plan_that_fails_during_the_build_stops_the_build(tmp_path):
    """The build ends only once it is stopped, as the child of a real shell does."""
    made = world(tmp_path, answers(**{"terraform plan": Result(1, diagnostic("Bad module"), "")}))
    stopped, stop = threading.Event(), made.shell.stop

    def build(_):
        assert stopped.wait(10), "the build was never stopped"
        raise KeyboardInterrupt

    made.shell.stop = lambda: (stop(), stopped.set())
    made.shell.answers["docker buildx bake --file"] = build
    with pytest.raises(TerraformError, match="Bad module") as caught:
        deploy.plan(made.run)
    assert caught.value.exit_code == 6
    assert stopped.is_set()


ONLY = ("sse-streaming",)


def test_only_the_named_function_gets_a_version_and_the_other_may_be_broken(tmp_path, monkeypatch):
    """The other one failed in an earlier deploy: its newest version does not stream."""
    made, first, second = two_functions(tmp_path)
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    second.responses["1"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    (release,) = deploy.deliver(made.run, deploy.plan(made.run, only=ONLY))
    assert (release.image, first.live, second.live) == ("sse-streaming", "2", "1")
    changes = {"update_function_code", "publish_version", "update_alias", "invoke_with_response_stream"}
    assert [name for name, _ in second.calls if name in changes] == []


def test_the_function_that_is_not_named_keeps_its_image_and_its_alias_in_terraform(tmp_path):
    made, _, second = two_functions(tmp_path)
    kept = second.images["$LATEST"]
    deploy.plan(made.run, only=ONLY)
    values = json.loads((made.run.scratch / "service.tfvars.json").read_text())
    assert values["images"]["other"] == kept
    assert values["live_versions"] == {"sse-streaming": "1", "other": "1"}


def test_a_first_version_is_connected_beside_a_function_that_is_not_named(tmp_path, monkeypatch):
    made, first, second = two_functions(tmp_path)
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    first.live = ""

    def connected(_):
        first.live = "2"
        return ""

    made.shell.answers["terraform apply"] = connected
    deploy.deliver(made.run, deploy.plan(made.run, only=ONLY))
    values = json.loads((made.run.scratch / "service.tfvars.json").read_text())
    assert values["images"]["other"] == second.images["$LATEST"]
    assert values["live_versions"] == {"sse-streaming": "2", "other": "1"}


def test_an_unknown_function_is_refused_with_the_known_ones_before_anything_changes(tmp_path):
    made, *_ = two_functions(tmp_path)
    with pytest.raises(ConfigurationError, match="Unknown function: orders") as caught:
        deploy.plan(made.run, only=("orders",))
    assert caught.value.why == "The targets of docker-bake.hcl are: other, sse-streaming"
    assert made.shell.typed(BAKE + " docker-bake.hcl --progress") == []
    assert made.aws.ecr.called("put_image") == []


def never_deployed(tmp_path):
    """`other` has a target and a module block, and no deploy of it has ever worked."""
    made, first, second = two_functions(tmp_path)
    made.aws.s3.objects["service.tfstate"] = state_document()
    entries = '    "sse-streaming" = module.sse_streaming\n    "other"         = module.other\n'
    main = tmp_path / "infrastructure" / "service" / "main.tf"
    main.parent.mkdir(parents=True)
    main.write_text(f"locals {{\n  functions = {{\n{entries}  }}\n}}\n")
    return made, first, second


def test_a_new_function_that_was_never_deployed_does_not_hold_up_the_others(tmp_path, monkeypatch):
    made, first, second = never_deployed(tmp_path)
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    (release,) = deploy.deliver(made.run, deploy.plan(made.run, only=ONLY))
    assert (release.image, first.live) == ("sse-streaming", "2")
    values = json.loads((made.run.scratch / "service.tfvars.json").read_text())
    assert list(values["images"]) == ["sse-streaming"]
    assert "-target=module.sse_streaming" in made.shell.typed("terraform plan")[0].argv
    assert "! targets    other has never been deployed: it, and what is no function" in made.out.getvalue()
    assert second.calls == []


def test_a_first_deploy_needs_the_images_of_all_functions_that_are_new(tmp_path):
    made, first, _ = never_deployed(tmp_path)
    first.live = ""
    with pytest.raises(RefusedError, match="other has never been deployed") as caught:
        deploy.plan(made.run, only=ONLY)
    assert caught.value.hint == "invoke deploy --env sandbox --only sse-streaming,other"
    assert made.shell.typed("terraform plan") == []


def test_after_a_deploy_that_one_function_failed_the_other_is_made_live_without_it(tmp_path, monkeypatch):
    made, first, second = two_functions(tmp_path)
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    second.responses["1"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    with pytest.raises(UnhealthyError, match="Version 1 of worse"):
        deployed(made)
    assert (first.live, second.live) == ("1", "1"), "no alias moves"
    made.shell.stops.clear()  # the next command has a shell of its own
    (release,) = deploy.deliver(made.run, deploy.plan(made.run, only=ONLY))
    assert (release.image, release.version, first.live, second.live) == ("sse-streaming", "2", "2", "1")
    assert len(first.called("update_function_code")) == 1, "the failed deploy had given it its image"


def test_a_broken_target_does_not_hold_up_the_deploy_of_another(tmp_path, monkeypatch):
    made, first, _ = two_functions(tmp_path)
    monkeypatch.setattr(url, "require_open", lambda *_: None)
    broken = printed("sse-streaming", other={"labels": {"lambda.health": "{"}, "context": "nowhere"})
    made.shell.answers["docker buildx bake --file docker-bake.hcl --print"] = broken
    with pytest.raises(ConfigurationError, match="target other"):
        deploy.plan(made.run)
    made.shell.stops.clear()  # the next command has a shell of its own
    deploy.deliver(made.run, deploy.plan(made.run, only=ONLY))
    assert first.live == "2"


def test_without_a_build_the_image_of_the_commit_must_be_in_the_registry(tmp_path):
    made = world(tmp_path)
    with pytest.raises(RefusedError, match="There is no image of sse-streaming to deploy") as caught:
        deploy.plan(made.run, build=False)
    assert f"no image of commit {COMMIT[:7]}" in caught.value.why
    assert "invoke push-image --env sandbox" in caught.value.hint
    assert made.aws.ecr.called("put_image") == []


def test_without_a_build_the_image_of_the_commit_is_deployed(tmp_path):
    made = world(tmp_path)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    (release,) = deploy.deliver(made.run, deploy.plan(made.run, build=False))
    assert release.version == "2"
    assert [stage for stage in made.stages() if stage in ("build", "check")] == []


def test_without_a_build_a_work_tree_with_changes_is_refused(tmp_path):
    with pytest.raises(RefusedError) as caught:
        deploy.plan(world(tmp_path, dirty=True).run, build=False)
    assert caught.value.why == "The work tree has changes, so its image must be built."


KEY = "awskms:///alias/images"


def promoted(tmp_path, **changes):
    """The image of the commit is in the registry, and the environment requires a signature."""
    made = world(tmp_path, requires=Requires(signed_by=[KEY]), **changes)
    made.aws.ecr.repositories[NAME][DIGEST] = manifest()
    made.aws.ecr.tags[NAME, COMMIT] = DIGEST
    return made


def test_an_unsigned_image_is_not_deployed_where_a_signature_is_required(tmp_path):
    made = promoted(tmp_path)
    with pytest.raises(RefusedError) as caught:
        deployed(made)
    assert caught.value.what == f"{NAME}@{DIGEST[:19]} has no trusted SBOM and no trusted provenance."
    assert (made.aws.functions.images["$LATEST"], made.aws.functions.live) == (OLD_URI, "1")
    assert not [tag for _, tag in made.aws.ecr.tags if tag.startswith("keep-")]


def test_a_deploy_without_kms_is_no_deploy_of_an_unsigned_image(tmp_path):
    made = promoted(tmp_path)
    made.aws.keys.refuses["get_public_key"] = EndpointConnectionError(endpoint_url="https://kms.test")
    with pytest.raises(CloudError, match="kms:GetPublicKey"):
        deployed(made)
    assert made.aws.functions.images["$LATEST"] == OLD_URI


def test_a_deploy_where_no_signature_is_required_asks_for_none(tmp_path):
    made = world(tmp_path)
    deployed(made)
    assert made.aws.keys.calls == []
    assert made.aws.ecr.called("list_image_referrers") == []
