"""Releases that are undone, for real: A, B in steps, canaries that end badly, back to A, C, and back to A again, not B.

The emulator stores an alias's weights and ignores them when it is called: what can be seen here of a canary is the
alias, and what the tasks do with it; not which version answered.
"""

import json
import re
import signal

import pytest
from support.deploys.checkout import FUNCTION
from support.deploys.refusals import refused
from support.waiting import until

SOURCE = "src/lambdas/sse_streaming/app.py"
SANDBOX = ("--env", "sandbox")


@pytest.fixture(scope="module")
def shipped(deployed):
    """The deployed clone, A that serves, and what the deploy of B in steps said; A serves again afterwards."""
    checkout, _ = deployed
    before, a = checkout.head(), checkout.live()
    commit(checkout, "B")
    yield checkout, a, succeeded(checkout.invoke("deploy", *SANDBOX, "--canary", "10%/1s,50%/1s"))
    checkout.restore(before)


@pytest.fixture(scope="module")
def releases(shipped):
    """The clone and the versions A and B; which of them is live, the tests say in order."""
    checkout, a, _ = shipped
    return checkout, a, max(checkout.versions(), key=int)


def commit(checkout, name):
    path = checkout.root / SOURCE
    path.write_text(f"{path.read_text()}\n# {name}\n")
    return checkout.commit(name)


def succeeded(outcome):
    assert outcome.code == 0, outcome.text
    return outcome.text


def alias(checkout):
    """The version that the alias names, and the other's share."""
    result = checkout.client("lambda").get_alias(FunctionName=FUNCTION, Name="live")
    return result["FunctionVersion"], result.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


def entries(checkout):
    """The releases as a script reads them; progress comes first here, since both outputs are one."""
    text = succeeded(checkout.invoke("releases", *SANDBOX, "--json"))
    return {item["version"]: item for item in json.loads(text[text.index("{") :])["sse-streaming"]}


def test_a_canary_that_does_well_ends_in_a_release(shipped, releases):
    _, _, text = shipped
    checkout, _, b = releases
    assert re.search(r"✓ canary .*10% for 1 s, 50% for 1 s: \d+ checks, no error", text), text
    assert text.index("✓ verify") < text.index("✓ canary") < text.index("✓ release")
    assert alias(checkout) == (b, {})


def test_malformed_steps_are_refused_before_anything_is_read(releases):
    outcome = releases[0].invoke("deploy", *SANDBOX, "--canary", "10%")
    refused(outcome, 2, "Malformed steps of a canary: '10%'")
    assert "✓" not in outcome.text


@pytest.fixture
def shifting(releases):
    """A rollback from B to A in steps, under way: A has 10%."""
    checkout, a, b = releases
    running = checkout.start("rollback", *SANDBOX, "--canary", "10%/2m")
    until(lambda: alias(checkout) == (b, {a: 0.1}), 60, "the share of 10%")
    return running


def test_an_error_that_cloudwatch_counts_gives_all_requests_back_and_ends_with_7(releases, shifting):
    checkout, a, b = releases
    result = {"FunctionName": FUNCTION, "Resource": f"{FUNCTION}:live", "ExecutedVersion": a}
    dimensions = [{"Name": name, "Value": value} for name, value in result.items()]
    datum = {"MetricName": "Errors", "Value": 2, "Dimensions": dimensions}
    checkout.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=[datum])
    text, _ = shifting.communicate(timeout=60)
    assert shifting.returncode == 7, text
    assert f"Version {a} of {FUNCTION} fails with 10% of the requests: 2 Errors" in text
    assert alias(checkout) == (b, {})
    assert entries(checkout)[a]["canary_given_up"]


def test_an_interrupt_gives_all_requests_back(releases, shifting):
    checkout, _, b = releases
    shifting.send_signal(signal.SIGTERM)
    text, _ = shifting.communicate(timeout=60)
    assert shifting.returncode == 130, text
    assert f"The alias live of sandbox-sse-streaming names version {b} alone." in text
    assert alias(checkout) == (b, {})


def test_what_a_killed_canary_leaves_is_undone_by_the_next_rollback_which_goes_no_further(releases, shifting):
    checkout, a, b = releases
    shifting.kill()
    shifting.communicate(timeout=60)
    assert alias(checkout) == (b, {a: 0.1})
    succeeded(checkout.invoke("rollback", *SANDBOX))
    assert alias(checkout) == (b, {})


def test_a_rollback_serves_what_served_before_and_neither_builds_nor_plans(releases):
    checkout, a, b = releases
    text = succeeded(checkout.invoke("rollback", *SANDBOX))
    assert re.findall(r"^✓ (\w+)", text, re.MULTILINE) == ["sandbox", "guards", "verify", "release"]
    assert f"version {b} -> {a}" in text
    assert alias(checkout) == (a, {})
    assert checkout.served() == a


def test_the_history_says_what_was_rolled_back_to_what_and_by_whom(releases):
    checkout, a, b = releases
    result = entries(checkout)
    assert (result[b]["rolled_back_to"], result[b]["live"]) == (a, False)
    assert (result[a]["rolled_back_from"], result[a]["live"], result[a]["by"]) == (b, True, "root")


def test_there_is_nothing_to_apply_after_a_rollback_and_status_sees_no_drift(releases):
    checkout, a, _ = releases
    assert "no changes" in succeeded(checkout.invoke("tf-plan", *SANDBOX))
    assert re.search(rf"^sandbox +sse-streaming +{a} .* none$", succeeded(checkout.invoke("status", *SANDBOX)), re.M)


def test_what_is_live_is_no_rollback_and_a_missing_version_is_refused(releases):
    checkout, a, _ = releases
    assert "Nothing to do" in succeeded(checkout.invoke("rollback", *SANDBOX, "--to", a))
    refused(checkout.invoke("rollback", *SANDBOX, "--to", "999"), 4, f"Version 999 of {FUNCTION} does not exist.")


def test_a_deploy_after_it_is_an_ordinary_one_and_the_next_rollback_passes_over_what_was_bad(releases):
    checkout, a, b = releases
    commit(checkout, "C")
    succeeded(checkout.invoke("deploy", *SANDBOX))
    assert checkout.served() == checkout.live() not in (a, b)
    succeeded(checkout.invoke("rollback", *SANDBOX))
    assert checkout.served() == a
