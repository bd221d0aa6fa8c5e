"""A change of the code that Lambda takes without Terraform: killed anywhere, two at once, a state that is locked."""

import json
import re
import signal
from datetime import UTC, datetime

import pytest
from support.chaos.cells import ALWAYS, CODE, STREAM, TAGGING
from support.chaos.faulty_relay import Rule, relaying, through
from support.chaos.place import BUCKET, FUNCTION, SOURCE
from support.waiting import until

PUBLISH = r"POST /2015-03-31/functions/[^ ]+/versions"
WRITE = r"^PUT /\S*/service\.tfstate(\?\S*)? "  # not its lock, service.tfstate.tflock
LOCK = "service.tfstate.tflock"


@pytest.fixture
def source(place):
    """The function's source in the clone; put back afterwards."""
    path = place.clone.root / SOURCE
    before = path.read_text()
    yield path
    path.write_text(before)


def add(path, line):
    path.write_text(f"{path.read_text()}\n# {line}\n")


def images(place):
    """The image of the function in Lambda, of its live version, and in the state."""
    functions = place.client("lambda")
    answers = [functions.get_function(FunctionName=FUNCTION, **which) for which in ({}, {"Qualifier": "live"})]
    recorded = re.search(rb'"image_uri": "([^"]+)"', place.objects()["service.tfstate"])[1].decode()
    return [*(answer["Code"]["ImageUri"] for answer in answers), recorded]


@pytest.mark.parametrize("held", [PUBLISH, STREAM, WRITE], ids=["publish", "verify", "state"])
def test_a_deploy_that_is_killed_on_the_short_way_is_completed_by_the_next_one(place, source, held):
    add(source, f"killed in {held}")
    live = place.live()
    with relaying(place.endpoint, Rule(held, "hold")) as relay:
        child = place.typed("deploy", **through(relay))
        assert relay.met.wait(90)
        if held == WRITE:  # the rest goes on beside it
            until(lambda: place.live() != live, 60, "the move of the alias")
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        assert (place.live() == live) is (held != WRITE)
        relay.release()
        until(lambda: not place.tools(), 60, "the end of Terraform")
    again = place.invoke("deploy")
    assert again.code == 0, again.text
    assert place.live() == place.newest()
    assert len(set(images(place))) == 1, images(place)
    assert place.locks() == []
    assert place.scratches() == []


def test_of_two_deploys_of_different_code_at_once_one_serves_and_the_other_one_says_so(place, source):
    add(source, "the first of two")
    with relaying(place.endpoint, Rule(CODE, "hold")) as relay:
        first = place.typed("deploy", **through(relay))
        assert relay.met.wait(90)
        add(source, "the second of two")
        second = place.invoke("deploy --lock-wait 1m")
        serves = images(place)
        relay.release()
        text, _ = first.communicate(timeout=90)
    assert second.code == 0, second.text
    assert first.returncode == 4, text
    assert f"The function {FUNCTION} was changed by somebody else meanwhile." in text
    assert images(place) == serves
    assert len(set(serves)) == 1
    assert place.live() == place.newest()
    assert place.locks() == []


def test_a_state_that_somebody_locks_during_the_deploy_is_behind_and_the_next_deploy_records_the_image(place, source):
    add(source, "while the state is locked")
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    lock = {"ID": "0b3d1f6e-5d4b-4f0e-9f0a-3c2b1a000002", "Operation": "OperationTypeApply", "Who": "ada@laptop"}
    lock |= {"Version": "1.11.4", "Created": now, "Info": "", "Path": f"{BUCKET}/service.tfstate"}
    with relaying(place.endpoint, Rule(CODE, "hold")) as relay:
        child = place.typed("deploy --lock-wait 1s", **through(relay))
        assert relay.met.wait(90)
        before = place.objects()["service.tfstate"]
        place.client("s3").put_object(Bucket=BUCKET, Key=LOCK, Body=json.dumps(lock))
        relay.release()
        text, _ = child.communicate(timeout=90)
    assert child.returncode == 0, text
    assert re.search(r"^! state .*The state is behind; .* locked by ada@laptop", text, re.MULTILINE), text
    assert place.objects()["service.tfstate"] == before, "nobody wrote below a foreign lock"
    place.client("s3").delete_object(Bucket=BUCKET, Key=LOCK)
    again = place.invoke("deploy")
    assert again.code == 0, again.text
    assert "no changes" in again.text
    assert len(set(images(place))) == 1, images(place)
    assert place.live() == place.newest()


def test_a_state_that_the_bucket_refuses_is_behind_and_leaves_no_file(place, source):
    add(source, "while the bucket refuses the state")
    with relaying(place.endpoint, Rule(WRITE, "403 AccessDenied", ALWAYS)) as relay:
        outcome = place.invoke("deploy", **through(relay))
        assert relay.met.is_set(), outcome.text
    assert outcome.code == 0, outcome.text
    assert re.search(r"^! state .*The state is behind", outcome.text, re.MULTILINE), outcome.text
    assert not (place.clone.root / "infrastructure/service/errored.tfstate").exists()
    again = place.invoke("deploy")
    assert again.code == 0, again.text
    assert len(set(images(place))) == 1, images(place)


def test_a_deploy_whose_push_waits_plans_meanwhile(place, source):
    add(source, "while the push waits")
    with relaying(place.endpoint, Rule(TAGGING, "hold")) as relay:
        child = place.typed("deploy", **through(relay))
        assert relay.met.wait(90)
        text = ""
        while "✓ plan" not in text:
            text += child.stdout.readline()
        assert "✓ push" not in text
        relay.release()
        rest, _ = child.communicate(timeout=90)
    assert child.returncode == 0, text + rest
    assert place.live() == place.newest()


def test_a_function_that_somebody_deleted_is_made_again_with_its_alias_and_its_url(place, source):
    """Last: the numbers of the versions begin at 1 again."""
    add(source, "after somebody deleted the function")
    place.client("lambda").delete_function(FunctionName=FUNCTION)
    outcome = place.invoke("deploy")
    assert outcome.code == 0, outcome.text
    assert "create module.sse_streaming.aws_lambda_function.this" in outcome.text
    assert place.live() == place.newest() == "1"
    assert len(set(images(place))) == 1, images(place)
    again = place.invoke("deploy")
    assert (again.code, "no changes" in again.text) == (0, True), again.text
