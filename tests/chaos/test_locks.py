"""Two at once, somebody who was killed, somebody who is still there: the state is never written by two."""

import os
import re
import signal

import pytest
from support.chaos.faulty_relay import Rule, relaying, through
from support.chaos.place import BUCKET, ENV
from support.waiting import until

UPDATE = r"PUT /2015-03-31/functions/[^ ]+/(code|configuration)"
WRITE = r"^PUT /\S*/service\.tfstate(\?\S*)? "


def until_said(child, words):
    """Read what a task prints until it says that; returns all of it."""
    text = ""
    while words not in text:
        line = child.stdout.readline()
        assert line, f"ended before {words!r}:\n{text}"
        text += line
    return text


@pytest.fixture
def changing(place):
    """A deploy in the middle of its apply, which holds the lock until the relay lets go of Lambda's answer."""
    place.memory(600 + int(place.newest()))
    with relaying(place.endpoint, Rule(UPDATE, "hold")) as relay:
        child = place.typed("deploy", **through(relay))
        assert relay.met.wait(90)
        yield place, child, relay
        relay.release()
        child.communicate(timeout=120)


def test_while_one_deploys_a_second_ends_or_waits_for_it_and_unlock_is_refused(changing):
    place, first, relay = changing
    waiting = place.typed("tf-plan --lock-wait 2m")
    unlocked = place.invoke("unlock")
    assert unlocked.code == 4, unlocked.text
    assert "on this machine" in unlocked.text
    assert re.search(r"Terraform runs here as process \d+", unlocked.text)
    at_once = place.invoke("tf-plan")
    assert at_once.code == 6, at_once.text
    assert re.search(r"The state is locked by \w+@\S+ since .*\(apply\)", at_once.text)
    assert f"invoke unlock --env {ENV} --stack service" in at_once.text
    output = until_said(waiting, "waited ")
    assert re.search(r"waited \d+ of 120 s for \w+@\S+ since .*\(apply\)", output), output
    relay.release()
    rest, _ = waiting.communicate(timeout=90)
    assert waiting.returncode == 0, output + rest
    text, _ = first.communicate(timeout=90)
    assert first.returncode == 0, text
    assert place.live() == place.newest()
    assert "The state of service is not locked" in place.invoke("unlock").text


def test_a_task_that_is_killed_leaves_a_terraform_that_ends_by_itself_and_no_lock(changing):
    place, child, relay = changing
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    relay.release()
    assert any("apply" in line for line in place.tools().values()), "Terraform did not outlive it"
    until(lambda: not place.tools(), 60, "the end of Terraform")
    assert place.locks() == []
    again = place.invoke("deploy")
    assert again.code == 0, again.text
    assert "no changes" in again.text, "what it had begun is in the state"
    assert place.live() == place.newest()
    assert place.scratches() == []


def test_what_a_killed_terraform_left_is_mended_by_the_next_deploy_its_lock_and_the_unpublished_version(place):
    """Lambda has taken the change then, and neither a version nor the state has it."""
    before = place.newest()
    place.memory(800 + int(before))
    with relaying(place.endpoint, Rule(WRITE, "hold")) as relay:
        child = place.typed("deploy", **through(relay))
        assert relay.met.wait(90)
        for pid, line in place.tools().items():
            if "terraform" in line and "apply" in line:
                os.kill(pid, signal.SIGKILL)
        text, _ = child.communicate(timeout=60)
    assert child.returncode == 6, text
    assert "terraform ended with -9" in text
    assert place.locks() == ["service.tfstate.tflock"]
    until(lambda: not place.tools(), 20, "the end of the provider")
    assert place.newest() == before, "it was published after all"
    again = place.invoke("deploy")
    assert again.code == 0, again.text
    assert place.locks() == []
    assert place.live() == place.newest() != before
    plan = place.invoke("tf-plan")
    assert "no changes" in plan.text, plan.text


def test_a_plan_that_another_run_overtook_is_stale_and_nothing_is_applied(place):
    place.memory(700 + int(place.newest()))
    state = place.objects()["service.tfstate"]
    child = place.typed("deploy")
    text = ""
    while "✓ plan" not in text:
        text += child.stdout.readline()
        if "✓ init" in text and place.locks():  # planned; as if somebody else wrote the state meanwhile
            break
    until(lambda: not place.locks(), 60, "the end of the plan")
    serial = int(re.search(rb'"serial": (\d+)', state)[1])
    newer = state.replace(b'"serial": %d' % serial, b'"serial": %d' % (serial + 1))
    place.client("s3").put_object(Bucket=BUCKET, Key="service.tfstate", Body=newer)
    rest, _ = child.communicate(timeout=60)
    assert child.returncode == 6, text + rest
    assert "The plan of service is stale" in rest
    assert place.invoke("deploy").code == 0
