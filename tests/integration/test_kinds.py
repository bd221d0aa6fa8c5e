"""Functions of all four kinds in one project: `invoke new` writes three of them, and the suite stays as it is.

One of them was made by hand before, with its log group, a version, an alias and a URL: the deploy adopts it.
"""

import json
import re

import pytest

NEW = {"orders-api": "http", "prices": "stream", "mailer": "event"}
HANDLER = "src/lambdas/orders_api/app.py"
HEALTHY = '_answer(200, {"status": "ok"})'


def make_by_hand(checkout, function):
    """Somebody made a function with everything that belongs to it, before Terraform."""
    checkout.client("logs").create_log_group(logGroupName=f"/aws/lambda/{function}")
    role = checkout.client("iam").create_role(RoleName="by-hand", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = checkout.client("lambda")
    image = functions.get_function(FunctionName="sandbox-sse-streaming")["Code"]["ImageUri"]
    functions.create_function(FunctionName=function, PackageType="Image", Code={"ImageUri": image}, Role=role)
    functions.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    version = functions.publish_version(FunctionName=function)["Version"]
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)
    functions.create_function_url_config(FunctionName=function, Qualifier="live", AuthType="AWS_IAM")


@pytest.fixture(scope="module")
def adopted(deployed):
    """The deployed clone with three more functions, of which AWS has one already; and what `--adopt` printed, twice."""
    checkout, _ = deployed
    head = checkout.head()
    for name, kind in NEW.items():
        written = checkout.invoke("new", "--name", name, "--kind", kind)
        assert written.code == 0, written.text
    make_by_hand(checkout, "sandbox-prices")
    printed = [checkout.invoke("bootstrap", "--env", "sandbox", "--adopt") for _ in range(2)]
    checkout.commit("functions of every kind")
    yield checkout, printed
    checkout.restore(head)


@pytest.fixture(scope="module")
def kinds(adopted):
    """The clone, and the deploy that made or adopted the three; back to one function afterwards."""
    checkout, _ = adopted
    head = checkout.git("rev-parse", "HEAD~1").strip()
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


def test_what_was_made_by_hand_gets_import_blocks_and_a_second_run_changes_nothing(adopted):
    _, (first, second) = adopted
    assert (first.code, second.code) == (0, 0), first.text + second.text
    entries = re.findall(r"^= adopt (\S+ \S+)$", first.text, re.MULTILINE)
    assert {"prices function", "prices alias", "prices url", "prices log-group"} == set(entries), first.text
    assert "wrote infrastructure/service/adopted.tf" in first.text
    assert "unchanged: infrastructure/service/adopted.tf" in second.text


def test_the_deploy_adopts_it_and_nothing_exists_already(kinds):
    checkout, outcome = kinds
    assert outcome.code == 0, outcome.text
    imported = re.findall(r"= adopt module\.prices\.(\S+)", outcome.text)
    assert {"aws_lambda_function.this", "aws_lambda_alias.live[0]", "aws_cloudwatch_log_group.this"} <= set(imported)
    assert re.search(r"^✓ release +prices alias live: version 1 -> 2", outcome.text, re.MULTILINE), outcome.text
    given = checkout.client("lambda").get_function_configuration(FunctionName="sandbox-prices")
    assert given["Role"].endswith("role/functions/sandbox/sandbox-prices")
    again = checkout.invoke("bootstrap", "--env", "sandbox", "--adopt")
    assert "sandbox: nothing to adopt; nothing was written." in again.text


def test_one_deploy_makes_all_kinds_live_each_verified_by_its_own_contract(kinds):
    _, outcome = kinds
    assert outcome.code == 0, outcome.text
    verified = dict(re.findall(r"^✓ verify +(\S+) version [12]: (.*?)  ", outcome.text, re.MULTILINE))
    assert verified["orders-api"].startswith("GET /health answered after"), outcome.text
    assert verified["prices"].startswith("3 events, first after"), outcome.text
    assert re.search(r"^    prices sha256:\w+: \d+ MB uncompressed, 3 events after", outcome.text, re.MULTILINE)
    assert verified["mailer"].startswith('the event {"Records": []} answered after'), outcome.text
    assert set(re.findall(r"^✓ release +(\S+) alias live: version [12]", outcome.text, re.MULTILINE)) >= set(NEW)


def test_each_kind_passes_the_acceptance_tests_that_were_written_with_it(kinds):
    checkout, _ = kinds
    outcome = checkout.invoke("acceptance", "--env", "sandbox")
    assert outcome.code == 0, outcome.text
    assert "7 passed" in outcome.text, outcome.text
    accepted = set(re.findall(r"^  (\S+) version \d+: sha256:", outcome.text, re.MULTILINE))
    assert accepted == {"sse-streaming", *NEW}, outcome.text


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
    """The deploy before it does not wait for a function that has never been deployed."""
    checkout, _ = kinds
    before = aliases(checkout)
    checkout.edit(HANDLER, HEALTHY, '_answer(200, {"status": "better"})')
    assert checkout.invoke("new", "--name", "late", "--kind", "event").code == 0
    checkout.commit("a better answer, and a function that is not ready")
    deployed = checkout.invoke("deploy", "--env", "sandbox", "--only", "orders-api")
    assert deployed.code == 0, deployed.text
    assert "late has never been deployed" in deployed.text, deployed.text
    changed = aliases(checkout)
    assert {name for name in changed if changed[name] != before[name]} == {"orders-api"}
    outcome = checkout.invoke("rollback", "--env", "sandbox", "--only", "orders-api")
    assert outcome.code == 0, outcome.text
    assert aliases(checkout) == before
