"""Deploys that work: from nothing, again with nothing new, and after a change of one line."""

import re
import subprocess
import urllib.request

import pytest
from support.deploys import state
from support.deploys.checkout import FUNCTION, hello

SOURCE = "src/lambdas/sse_streaming/app.py"


@pytest.fixture(scope="module")
def first(deployed):
    checkout, outcome = deployed
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout.root, check=True, capture_output=True, text=True
    ).stdout.strip()
    return checkout, outcome, head


def test_a_first_deploy_from_nothing_tells_every_stage_in_order(first):
    _, outcome, _ = first
    stages = re.findall(r"^✓ (\w+)", outcome.text, re.MULTILINE)
    assert stages[:4] == ["sandbox", "guards", "bootstrap", "foundation"]
    assert sorted(stages[4:8]) == ["build", "check", "init", "push"]
    assert stages[8:] == ["plan", "apply", "verify", "connect", "release"]


def test_a_deploy_pushes_one_image_under_the_commit_and_latest_and_runs_its_digest(first):
    checkout, _, head = first
    tags = checkout.tags()
    assert tags["latest"] == tags[head] == tags["release-1"]
    version = checkout.client("lambda").get_function(FunctionName=FUNCTION, Qualifier="1")
    assert version["Code"]["ImageUri"].endswith(f"@{tags[head]}")
    assert version["Configuration"]["Description"] == f"commit {head}"
    assert head not in str(version["Configuration"]["Environment"]), "nothing of the function differs by commit"


def test_the_printed_address_streams_hello_with_the_version_and_then_ticks(first):
    _, outcome, _ = first
    address = re.search(r"curl -N (http\S+)", outcome.text)[1]
    with urllib.request.urlopen(f"{address}?events=3&interval=0.1", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.read().decode().splitlines()
    assert hello(lines) == {"version": "1"}
    assert [line for line in lines if line.startswith("event:")] == ["event: hello", *["event: heartbeat"] * 2]


def test_stream_prints_events_and_releases_names_the_live_version(first):
    checkout, _, head = first
    events = checkout.invoke("stream", "--env", "sandbox", "--events", "2")
    assert events.code == 0, events.text
    assert "hello" in events.text
    assert "heartbeat" in events.text
    listed = checkout.invoke("releases", "--env", "sandbox")
    assert re.search(rf"^sse-streaming +1 .*{head[:12]} .*live$", listed.text, re.MULTILINE), listed.text


def test_deploying_again_pushes_nothing_and_updates_nothing(first):
    checkout, _, _ = first
    before = checkout.tags(), checkout.versions()
    again = checkout.invoke("deploy", "--env", "sandbox")
    assert again.code == 0, again.text
    assert re.search(r"✓ push .* unchanged", again.text), again.text
    assert "no changes" in again.text
    assert set(re.findall(r"^✓ (\w+)", again.text, re.MULTILINE)).isdisjoint({"build", "check", "state"})
    assert (checkout.tags(), checkout.versions()) == before


def test_a_commit_that_does_not_touch_the_context_tags_the_same_image_and_makes_no_version(first):
    checkout, _, head = first
    before, versions = checkout.tags(), checkout.versions()
    (checkout.root / "README.md").write_text("another text\n")
    commit = checkout.commit("only the README")
    again = checkout.invoke("deploy", "--env", "sandbox")
    checkout.restore(head)
    assert again.code == 0, again.text
    assert re.search(r"✓ push .* unchanged", again.text), again.text
    assert "no changes" in again.text
    assert checkout.tags() == {**before, commit: before[head]}
    assert checkout.versions() == versions


def test_an_uncommitted_change_of_one_line_makes_exactly_one_new_version_and_moves_the_alias(first):
    checkout, _, head = first
    versions = checkout.versions()
    (checkout.root / SOURCE).write_text((checkout.root / SOURCE).read_text() + "\n# one line more\n")
    changed = checkout.invoke("deploy", "--env", "sandbox")
    checkout.restore(head)
    assert changed.code == 0, changed.text
    assert "update module.sse_streaming.aws_lambda_function.this (image_uri)" in changed.text
    assert len(checkout.versions()) == len(versions) + 1
    assert checkout.live() == checkout.served() == checkout.versions()[-1]
    tags = checkout.tags()
    assert tags[f"{head}-dirty"] != tags[head]


def test_after_lambda_took_the_image_the_state_has_it_and_a_plan_of_terraform_alone_is_empty(first):
    checkout, _, head = first
    tags = checkout.tags()
    recorded = state.function(checkout)["image_uri"]
    assert recorded.endswith(f"@{tags[f'{head}-dirty']}")
    planned = state.plan(checkout, recorded)
    assert planned.code == 0, planned.text
    other = state.plan(checkout, recorded.replace(tags[f"{head}-dirty"], tags[head]))
    assert (other.code, "image_uri" in other.text) == (2, True), "the plan can see another image"


def test_what_was_recorded_of_an_image_is_what_terraform_would_have_read(first):
    checkout, _, _ = first
    recorded = state.function(checkout)
    refreshed = state.refresh(checkout, recorded["image_uri"])
    assert refreshed.code == 0, refreshed.text
    # Terraform writes null when it creates a function, and an empty list when it reads one.
    now = {name: value or None for name, value in state.function(checkout).items()}
    assert now == {name: value or None for name, value in recorded.items()}
    assert recorded["version"] == checkout.versions()[-1]


def test_a_code_change_goes_through_terraform_if_the_function_was_changed_by_hand(first):
    checkout, _, head = first
    functions = checkout.client("lambda")
    memory = functions.get_function_configuration(FunctionName=FUNCTION)["MemorySize"]
    functions.update_function_configuration(FunctionName=FUNCTION, MemorySize=memory + 64)
    back = checkout.invoke("deploy", "--env", "sandbox")  # to the image of the commit
    assert back.code == 0, back.text
    assert "0 to create, 1 to update, 0 to delete" in back.text
    (change,) = [line for line in back.text.splitlines() if "~ update" in line]
    assert ("memory_size" in change, "image_uri" in change) == (True, True), change
    live = functions.get_function(FunctionName=FUNCTION, Qualifier="live")
    assert live["Configuration"]["MemorySize"] == memory
    assert live["Code"]["ImageUri"] == state.function(checkout)["image_uri"]
    assert live["Code"]["ImageUri"].endswith(f"@{checkout.tags()[head]}")


def test_verify_accepts_the_newest_version_again(first):
    checkout, _, _ = first
    again = checkout.invoke("verify", "--env", "sandbox")
    assert again.code == 0, again.text
    assert re.search(r"✓ verify .*3 events, first after \d+ ms", again.text), again.text
