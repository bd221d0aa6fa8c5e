"""All environments side by side: what is live where, what drifted, and whether it is the same bytes."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.aws import refusal
from support.build import DIGEST
from support.shell import FakeShell
from support.world import COMMIT, NAME, UPDATE, URI, answers, settings, world

from delivery import clock
from delivery.cli import report
from delivery.commands import status
from delivery.errors import ConfigurationError, RefusedError
from delivery.settings import chosen

OTHER = "sha256:" + "e" * 64


def opened(made):
    """A world where version 2 is live and verified, its image pushed two hours ago."""
    functions = made.aws.functions
    functions.live, functions.images["2"] = "2", URI
    functions.versions = [{"Version": "2", "Description": f"commit {COMMIT}", "LastModified": ""}]
    made.aws.ecr.tags[NAME, "release-2"] = DIGEST
    made.aws.ecr.tags[NAME, "live-20260101T080910.000000Z-v2-by-ann"] = DIGEST
    made.aws.ecr.pushed[DIGEST] = clock.now() - timedelta(hours=2)
    return made


@pytest.fixture
def made(tmp_path):
    return opened(world(tmp_path, answers()))


def look(**benches):
    return status.read(list(benches), FakeShell(), lambda name: benches[name]())


def table(*places):
    return [" ".join(line.split()) for line in report.status_table(places)]


def test_a_row_says_what_is_live_since_when_by_whom_how_old_it_is_and_that_nothing_drifted(made):
    (place,) = look(preprod=lambda: made.run)
    assert table(place) == [
        "environment image version commit digest live since (UTC) by image age drift",
        f"preprod sse-streaming 2 {COMMIT[:12]} {DIGEST[:19]} 2026-01-01 08:09:10 ann 2 h none",
    ]


def test_drift_is_what_a_plan_on_what_is_deployed_would_change_and_no_lock_is_held_for_it(tmp_path):
    made = opened(world(tmp_path, answers(UPDATE)))
    (place,) = look(preprod=lambda: made.run)
    assert table(place)[1].endswith("0 to create, 1 to update, 0 to delete")
    assert "preprod: ~ update module.sse.aws_lambda_function.this (image_uri)" in table(place)
    (plan,) = made.shell.typed("terraform plan")
    assert "-lock=false" in plan.argv
    (values,) = made.run.scratch.glob("*/service.tfvars.json")
    found = json.loads(values.read_text())
    assert (found["images"], found["commit"]) == ({"sse-streaming": URI}, COMMIT)


def test_looking_changes_nothing(made):
    look(preprod=lambda: made.run)
    names = [name for name, _ in made.aws.functions.calls + made.aws.ecr.calls + made.aws.s3.calls]
    assert {name.split("_")[0] for name in names} <= {"get", "list", "describe", "batch"}
    assert made.shell.typed("terraform apply") == []


def test_one_that_cannot_be_reached_is_a_row_and_hides_no_other(made):
    def refused():
        raise RefusedError("These credentials belong to account 1; prod is 2.", "Nothing was read.", "choose another")

    places = look(prod=refused, preprod=lambda: made.run)
    assert places[0].failure.endswith("Nothing was read. try: choose another")
    assert table(*places)[1].startswith("preprod sse-streaming 2")
    assert table(*places)[2].startswith("prod: These credentials belong to account 1; prod is 2.")


def test_an_answer_that_aws_refuses_is_the_row_s_words(made):
    made.aws.functions.refuses["list_versions_by_function"] = refusal("ServiceException")
    (place,) = look(preprod=lambda: made.run)
    assert "list the versions of fn" in place.failure


def test_what_is_no_failure_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        look(preprod=lambda: 1 // 0)


def test_before_the_first_deploy_the_row_says_so_and_no_plan_is_made(made):
    made.aws.s3.objects.clear()
    (place,) = look(prod=lambda: made.run)
    assert table(place)[1] == "prod: nothing is deployed yet"
    assert made.shell.ran == []


def test_an_image_that_is_gone_is_told(made):
    made.aws.ecr.repositories[NAME].clear()
    made.aws.ecr.tags.clear()
    assert " gone none" in table(*look(preprod=lambda: made.run))[1]


@pytest.mark.parametrize(
    ("digest", "alike", "words"),
    [
        (DIGEST, True, "sse-streaming: the same bytes in preprod, prod"),
        (OTHER, False, f"sse-streaming: not the same bytes: preprod {DIGEST[:19]}, prod {OTHER[:19]}"),
    ],
)
def test_whether_two_environments_serve_the_same_bytes_is_said(tmp_path, digest, alike, words):
    preprod = opened(world(tmp_path / "a", answers()))
    environment = replace(settings(tmp_path, True).environment, name="prod", account="222222222222")
    prod = opened(world(tmp_path / "b", answers(), environment=environment))
    prod.aws.functions.images["2"] = URI.replace(DIGEST, digest)
    places = look(preprod=lambda: preprod.run, prod=lambda: prod.run)
    assert table(*places)[-1] == words
    found = json.loads(report.status_json(places))
    assert found["same_bytes"] == {"sse-streaming": alike}
    assert [one["environment"] for one in found["environments"]] == ["preprod", "prod"]
    assert found["environments"][0]["functions"][0]["commit"] == COMMIT
    assert (found["environments"][0]["drift"], found["environments"][0]["error"]) == ([], "")


CONFIG = {"environments": {"here": {"started_by": "a:b"}, "preprod": {}, "prod": {}}}


def test_without_names_what_would_have_to_be_started_is_left_alone():
    assert chosen(CONFIG, ()) == ("preprod", "prod")
    assert chosen(CONFIG, ("here",)) == ("here",)


def test_a_name_that_nobody_has_is_refused_before_anything_is_looked_at():
    with pytest.raises(ConfigurationError, match="Unknown environment: prdo"):
        chosen(CONFIG, ("prod", "prdo"))
