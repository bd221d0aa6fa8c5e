"""A status compares environments: live versions, drift, and whether the digests are the same."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.aws import refusal
from support.build import CONTRACT, DIGEST, config, manifest
from support.shell import FakeShell
from support.terraform import change
from support.world import ADDRESS, BASE, COMMIT, ENVIRONMENT, FUNCTION, NAME, OLD_URI, UPDATE, URI, answers, world

from delivery import clock
from delivery.cli import report
from delivery.commands import status
from delivery.errors import ConfigurationError, MissingToolError, RefusedError
from delivery.settings import chosen

OTHER = "sha256:" + "e" * 64


def opened(made):
    """A world where version 2 is live and verified, its image pushed two hours ago."""
    functions = made.aws.functions
    functions.live = "2"
    functions.images |= {"2": URI, "$LATEST": URI}
    functions.commits["2"] = COMMIT
    for name in (NAME, NAME.replace("sandbox", "prod")):
        made.aws.ecr.repositories.setdefault(name, {})[DIGEST] = manifest()
    functions.versions = [{"Version": "2", "Description": f"commit {COMMIT}", "LastModified": ""}]
    made.aws.ecr.tags[NAME, "release-2"] = DIGEST
    made.aws.ecr.tags[NAME, "live-20260101T080910.000000Z-v2-by-ann"] = DIGEST
    made.aws.ecr.pushed[DIGEST] = clock.now() - timedelta(hours=2)
    return made


@pytest.fixture
def made(tmp_path):
    return opened(world(tmp_path, answers()))


def read(**contexts):
    return status.read(list(contexts), FakeShell(), lambda name: contexts[name]())


def table(*statuses):
    return [" ".join(line.split()) for line in report.status_table(statuses)]


def test_a_row_shows_version_commit_digest_time_person_age_and_drift(made):
    (environment,) = read(preprod=lambda: made.run)
    assert table(environment) == [
        "environment image version commit digest live since (UTC) by image age base base age drift",
        f"preprod sse-streaming 2 {COMMIT[:12]} {DIGEST[:19]} 2026-01-01 08:09:10 ann 2 h {BASE[17:36]} - none",
        "preprod: scan of sse-streaming: not scanned",
    ]


def test_what_ecr_knows_of_a_live_image_is_shown(made):
    found = [{"name": f"CVE-{number}", "severity": severity} for number, severity in enumerate(("LOW", "HIGH", "HIGH"))]
    made.aws.ecr.scans[DIGEST] = [
        {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findings": found}},
    ]
    environments = read(preprod=lambda: made.run)
    assert table(environments[0])[-1] == "preprod: scan of sse-streaming: 2 high, 1 low"
    (function,) = json.loads(report.status_json(environments))["environments"][0]["functions"]
    assert function["scan"] == {"status": "COMPLETE", "vulnerabilities": {"HIGH": 2, "LOW": 1}}


def test_a_scan_that_may_not_be_read_is_one_line_of_status(made):
    made.aws.ecr.refuses["describe_image_scan_findings"] = refusal("AccessDeniedException", "no")
    (environment,) = read(preprod=lambda: made.run)
    assert environment.failure == ""
    line = table(environment)[-1]
    assert line.startswith("preprod: scan of sse-streaming: not known. Could not read the scan of ")


def test_a_row_shows_how_old_the_base_of_the_image_is(made):
    created = (clock.now() - timedelta(days=98, hours=1)).isoformat()
    epoch = "1970-01-01T00:00:00Z"
    made.aws.configs[URI] = {**config(), "created": epoch, "history": [{"created": created}, {"created": epoch}]}
    (environment,) = read(preprod=lambda: made.run)
    assert table(environment)[1].endswith(f"2 h {BASE[17:36]} 98 d none")
    (function,) = json.loads(report.status_json([environment]))["environments"][0]["functions"]
    assert (function["base"]["name"], function["base"]["digest"]) == (BASE, BASE[17:])
    assert function["base_age_seconds"] > 98 * 86400


def test_a_base_that_a_named_context_replaces_and_one_that_is_not_known_are_said(made):
    object.__setattr__(made.run, "settings", replace(made.run.settings, variables={"BUILD_CONTEXTS": f"{BASE}=x"}))
    assert " 2 h replaced - none" in table(*read(preprod=lambda: made.run))[1]
    made.shell.answers["git show"] = "FROM python"
    assert " 2 h unpinned - none" in table(*read(preprod=lambda: made.run))[1]
    made.shell.answers["docker buildx bake --file docker-bake.hcl --print"] = MissingToolError("docker was not found.")
    assert " 2 h - - none" in table(*read(preprod=lambda: made.run))[1]


def test_the_json_has_the_url_of_each_function_and_whether_its_image_was_accepted(made):
    made.aws.ecr.tags[NAME, "accepted-20260102T080910.000000Z-by-ci"] = DIGEST
    (environment,) = json.loads(report.status_json(read(preprod=lambda: made.run)))["environments"]
    (function,) = environment["functions"]
    assert function["url"] == FUNCTION.url
    assert function["acceptance"] == {"accepted": True, "at": "2026-01-02T08:09:10.000000Z", "who": "ci"}


def test_drift_is_the_plan_for_the_deployed_images_and_takes_no_lock(tmp_path):
    made = opened(world(tmp_path, answers(UPDATE)))
    (environment,) = read(preprod=lambda: made.run)
    assert table(environment)[1].endswith("0 to create, 1 to update, 0 to delete")
    assert "preprod: ~ update module.sse.aws_lambda_function.this (image_uri)" in table(environment)
    (plan,) = made.shell.typed("terraform plan")
    assert "-lock=false" in plan.argv
    (values,) = made.run.scratch.glob("*/service.tfvars.json")
    document = json.loads(values.read_text())
    assert (document["images"], document["live_versions"]) == ({"sse-streaming": URI}, {"sse-streaming": "2"})


def test_drift_of_a_function_that_aws_lost_is_a_plan_with_the_image_of_the_state(tmp_path):
    made = opened(world(tmp_path, answers(change(ADDRESS, "create", after={}))))
    del made.aws.functions.images["$LATEST"]
    (environment,) = read(preprod=lambda: made.run)
    assert f"preprod: + create {ADDRESS}" in table(environment)
    (values,) = made.run.scratch.glob("*/service.tfvars.json")
    assert json.loads(values.read_text())["images"] == {"sse-streaming": OLD_URI}


def test_a_status_changes_nothing(made):
    read(preprod=lambda: made.run)
    names = [name for name, _ in made.aws.functions.calls + made.aws.ecr.calls + made.aws.s3.calls]
    assert {name.split("_")[0] for name in names} <= {"get", "list", "describe", "batch"}
    assert made.shell.typed("terraform apply") == []


def test_an_environment_that_cannot_be_read_does_not_hide_the_others(made):
    def refused():
        raise RefusedError("These credentials belong to account 1; prod is 2.", "Nothing was read.", "choose another")

    statuses = read(prod=refused, preprod=lambda: made.run)
    assert statuses[0].failure.endswith("Nothing was read. try: choose another")
    assert table(*statuses)[1].startswith("preprod sse-streaming 2")
    assert table(*statuses)[2].startswith("prod: These credentials belong to account 1; prod is 2.")


def test_a_refusal_of_aws_is_shown_in_the_row(made):
    made.aws.functions.refuses["list_versions_by_function"] = refusal("ServiceException")
    (environment,) = read(preprod=lambda: made.run)
    assert "list the versions of fn" in environment.failure


def test_a_defect_of_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        read(preprod=lambda: 1 // 0)


def test_before_the_first_deploy_the_status_makes_no_plan(made):
    made.aws.s3.objects.clear()
    (environment,) = read(prod=lambda: made.run)
    assert table(environment)[1] == "prod: nothing is live yet"
    assert made.shell.ran == []


def test_a_missing_image_is_reported_as_gone(made):
    made.aws.ecr.repositories[NAME].clear()
    made.aws.ecr.tags.clear()
    assert f" gone {BASE[17:36]} - none" in table(*read(preprod=lambda: made.run))[1]


@pytest.mark.parametrize(
    ("digest", "alike", "words"),
    [
        (DIGEST, True, "sse-streaming: the same bytes in preprod, prod"),
        (OTHER, False, f"sse-streaming: not the same bytes: preprod {DIGEST[:19]}, prod {OTHER[:19]}"),
    ],
)
def test_a_status_compares_the_bytes_of_two_environments(tmp_path, digest, alike, words):
    preprod = opened(world(tmp_path / "a", answers()))
    environment = replace(ENVIRONMENT, name="prod", account="222222222222", protected=True)
    prod = opened(world(tmp_path / "b", answers(), environment=environment))
    prod.aws.functions.images["2"] = URI.replace(DIGEST, digest)
    statuses = read(preprod=lambda: preprod.run, prod=lambda: prod.run)
    assert table(*statuses)[-1] == words
    document = json.loads(report.status_json(statuses))
    assert document["same_bytes"] == {"sse-streaming": alike}
    assert [each["environment"] for each in document["environments"]] == ["preprod", "prod"]
    assert document["environments"][0]["functions"][0]["commit"] == COMMIT
    assert (document["environments"][0]["drift"], document["environments"][0]["error"]) == ([], "")


CONFIG = {"environments": {"here": {"started_by": "a:b"}, "preprod": {}, "prod": {}}}


def test_without_names_an_environment_that_must_be_started_is_not_read():
    assert chosen(CONFIG, ()) == ("preprod", "prod")
    assert chosen(CONFIG, ("here",)) == ("here",)


def test_an_unknown_environment_is_refused_before_any_read():
    with pytest.raises(ConfigurationError, match="Unknown environment: prdo"):
        chosen(CONFIG, ("prod", "prdo"))


def test_an_environment_where_no_version_was_verified_serves_nothing(made):
    made.aws.functions.live = ""
    (environment,) = read(preprod=lambda: made.run)
    assert table(environment)[1:] == ["preprod: nothing is live yet"]


def test_a_live_version_that_was_not_called_is_named_with_the_reason(made):
    made.aws.configs[URI] = config({"none": "it deletes what it finds"})
    statuses = read(sandbox=lambda: made.run)
    said = "sandbox: ! sse-streaming version 2 was NOT called before it became live: it deletes what it finds"
    assert said in table(*statuses)
    (environment,) = json.loads(report.status_json(statuses))["environments"]
    assert environment["functions"][0]["health"] == {"none": "it deletes what it finds"}


def test_the_json_has_the_health_contract_of_each_live_version(made):
    (environment,) = json.loads(report.status_json(read(sandbox=lambda: made.run)))["environments"]
    assert environment["functions"][0]["health"] == CONTRACT


@pytest.mark.parametrize("label", ["{", '{"htp": "/"}'])
def test_a_malformed_label_does_not_hide_the_live_version(made, label):
    made.aws.configs[URI] = config(Labels={"lambda.health": label})
    (environment,) = json.loads(report.status_json(read(sandbox=lambda: made.run)))["environments"]
    assert (environment["functions"][0]["version"], environment["functions"][0]["health"]) == ("2", None)
