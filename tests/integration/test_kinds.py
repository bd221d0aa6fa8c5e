"""Functions of all four kinds in one project: `invoke new` writes three of them, and the suite stays as it is."""

import json
import re

import pytest

NEW = {"orders-api": "http", "prices": "stream", "mailer": "event"}
HANDLER = "src/lambdas/orders_api/app.py"
HEALTHY = '_answer(200, {"status": "ok"})'


@pytest.fixture(scope="module")
def kinds(deployed):
    """The deployed clone with three more functions, and the deploy that made them; back to one function afterwards."""
    checkout, _ = deployed
    head = checkout.head()
    for name, kind in NEW.items():
        written = checkout.invoke("new", "--name", name, "--kind", kind)
        assert written.code == 0, written.text
    checkout.commit("functions of every kind")
    outcome = checkout.invoke("deploy", "--env", "sandbox")
    yield checkout, outcome
    checkout.restore(head)
    again = checkout.invoke("deploy", "--env", "sandbox")
    assert again.code == 0, again.text


def aliases(checkout):
    """Function to the version that is live."""
    functions = checkout.client("lambda")
    names = ("sse-streaming", *NEW)
    answers = {name: functions.get_alias(FunctionName=f"sandbox-{name}", Name="live") for name in names}
    return {name: answer["FunctionVersion"] for name, answer in answers.items()}


def test_one_deploy_makes_all_kinds_live_each_verified_by_its_own_contract(kinds):
    _, outcome = kinds
    assert outcome.code == 0, outcome.text
    verified = dict(re.findall(r"^✓ verify +(\S+) version 1: (.*?)  ", outcome.text, re.MULTILINE))
    assert verified["orders-api"].startswith("GET /health answered after"), outcome.text
    assert verified["prices"].startswith("3 events, first after"), outcome.text
    assert verified["mailer"].startswith('the event {"Records": []} answered after'), outcome.text
    assert set(re.findall(r"^✓ release +(\S+) alias live: version 1", outcome.text, re.MULTILINE)) >= set(NEW)


def test_each_kind_passes_the_acceptance_tests_that_were_written_with_it(kinds):
    checkout, _ = kinds
    outcome = checkout.invoke("acceptance", "--env", "sandbox")
    assert outcome.code == 0, outcome.text
    assert "7 passed" in outcome.text, outcome.text
    for name in ("sse-streaming", *NEW):
        assert f"{name} version 1: sha256:" in outcome.text, outcome.text


def test_the_result_of_an_event_is_that_of_its_handler(kinds):
    checkout, _ = kinds
    event = {"Records": [{"messageId": "1", "body": "hello"}, {"messageId": "2"}]}
    answer = checkout.client("lambda").invoke(FunctionName="sandbox-mailer:live", Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_a_version_that_breaks_its_contract_does_not_become_live_and_its_log_is_shown(kinds):
    checkout, _ = kinds
    before = aliases(checkout)
    checkout.edit(HANDLER, f"return {HEALTHY}", 'print("the database is away")\n        return _answer(503, {})')
    outcome = checkout.invoke("deploy", "--env", "sandbox")
    checkout.git("checkout", "--", HANDLER)
    # It is started before it is pushed, as Lambda would start it.
    assert outcome.code in (5, 7), outcome.text
    assert "503, not 200" in outcome.text, outcome.text
    assert "the database is away" in outcome.text, outcome.text
    assert aliases(checkout) == before


def test_a_rollback_of_one_function_leaves_the_others_as_they_are(kinds):
    checkout, _ = kinds
    before = aliases(checkout)
    checkout.edit(HANDLER, HEALTHY, '_answer(200, {"status": "better"})')
    checkout.commit("a better answer")
    deployed = checkout.invoke("deploy", "--env", "sandbox", "--only", "orders-api")
    assert deployed.code == 0, deployed.text
    changed = aliases(checkout)
    assert {name for name in changed if changed[name] != before[name]} == {"orders-api"}
    outcome = checkout.invoke("rollback", "--env", "sandbox", "--only", "orders-api")
    assert outcome.code == 0, outcome.text
    assert aliases(checkout) == before
