"""One story in two AWS accounts, in this order: every test continues what the test before it left."""

import json
from pathlib import Path

import pytest
from support import aws_model
from support.deploys.checkout import Outcome
from support.real import removal
from support.real.accounts import Account
from support.real.recorder import answers
from support.real.throwaway import Throwaway, get, live, versions
from support.waiting import until

SOURCE = "src/lambdas/sse_streaming/app.py"
OPEN = 'function_url_auth_type         = "NONE"\nreserved_concurrent_executions = 2\n'


@pytest.fixture
def first(throwaway: Throwaway) -> Account:
    return throwaway.first


@pytest.fixture
def second(throwaway: Throwaway) -> Account:
    return throwaway.second


def ended(outcome: Outcome) -> str:
    assert outcome.code == 0, outcome.text
    return outcome.text


def ship(throwaway: Throwaway, *words: str) -> str:
    """Type a task as the job that deploys to the first environment; returns what it printed."""
    account = throwaway.first
    return ended(throwaway.job({account: "delivery"}, *words, "--env", account.environment))


def change(throwaway: Throwaway, number: int) -> None:
    """Commit a change of the function."""
    source = throwaway.checkout.root / SOURCE
    source.write_text(f"{source.read_text()}\n# change {number}\n")
    throwaway.checkout.commit(f"change {number}")


def test_a_person_bootstraps_both_accounts_and_a_second_bootstrap_changes_nothing(throwaway: Throwaway) -> None:
    for account in throwaway.both:
        text = ended(throwaway.person("bootstrap", "--env", account.environment, "--yes"))
        assert f"{account.number}:role/ci/{account.environment}-delivery" in text
    again = ended(throwaway.person("bootstrap", "--env", throwaway.first.environment, "--yes"))
    assert "nothing to do" in again


def test_the_ci_role_deploys_the_first_version(throwaway: Throwaway, first: Account) -> None:
    ship(throwaway, "deploy", "--yes")
    assert live(first)[0] == "1"


def test_the_next_plan_is_empty(throwaway: Throwaway) -> None:
    assert "no changes: the infrastructure is as described" in ship(throwaway, "tf-plan")


def test_a_plain_request_is_refused_and_a_signed_request_streams(first: Account) -> None:
    assert get(first, signed=False) == (403, "")
    assert get(first, signed=True) == (200, "1")


def test_the_second_version_takes_over_in_steps(throwaway: Throwaway, first: Account) -> None:
    change(throwaway, 1)
    assert "has the new images" in ship(throwaway, "deploy", "--yes", "--canary", "10%/5s,50%/5s"), (
        "Lambda took the image"
    )
    assert live(first)[0] == "2"
    assert get(first, signed=True) == (200, "2")


def test_a_rollback_returns_to_the_first_version(throwaway: Throwaway, first: Account) -> None:
    ship(throwaway, "rollback", "--yes")
    assert get(first, signed=True) == (200, "1")
    ship(throwaway, "rollback", "--yes", "--to", "2")
    assert get(first, signed=True) == (200, "2")


def test_a_version_that_is_only_applied_does_not_serve(throwaway: Throwaway, first: Account) -> None:
    change(throwaway, 2)
    ship(throwaway, "tf-apply", "--yes")
    assert (live(first)[0], sorted(versions(first))) == ("2", ["1", "2", "3"])


def test_a_url_that_becomes_open_serves_everybody(throwaway: Throwaway, first: Account) -> None:
    with throwaway.tfvars("service", first).open("a") as file:
        file.write(OPEN)
    change(throwaway, 3)
    ship(throwaway, "deploy", "--yes")
    # The permission reaches every part of Lambda some seconds after the call.
    until(lambda: get(first, signed=False) == (200, "4"), 60, "an answer to a plain request")
    assert get(first, signed=True) == (200, "4")


def test_a_prune_removes_the_version_that_never_served(throwaway: Throwaway, first: Account) -> None:
    ended(throwaway.person("prune", "--env", first.environment, "--yes"))
    assert sorted(versions(first)) == ["1", "2", "4"]
    assert get(first, signed=False) == (200, "4")


def test_a_job_of_the_second_account_promotes_the_same_bytes(throwaway: Throwaway, second: Account) -> None:
    first = throwaway.first
    job = {first: "reader", second: "delivery"}
    ended(throwaway.job(job, "promote", "--from", first.environment, "--to", second.environment, "--yes"))
    text = ended(throwaway.job(job, "deploy", "--env", second.environment, "--yes"))
    assert "build " not in text, "the promoted image is used"
    assert live(second)[1] == live(first)[1]
    assert get(second, signed=False) == (403, "")
    assert get(second, signed=True) == (200, "1")


def test_status_shows_that_both_serve_the_same_bytes(throwaway: Throwaway) -> None:
    first, second = (account.environment for account in throwaway.both)
    text = ended(throwaway.person("status", "--env", first, "--env", second, "--json"))
    status = json.loads(text[text.index("{\n") :])  # the document follows the progress, which goes to stderr
    assert [(each["environment"], each["error"]) for each in status["environments"]] == [(first, ""), (second, "")]
    assert status["same_bytes"] == {"sse-streaming": True}
    ended(throwaway.person("releases", "--env", first))
    ended(throwaway.person("doctor", "--env", first))


def test_everything_is_removed_from_both_accounts(throwaway: Throwaway) -> None:
    for account in throwaway.both:
        assert removal.remains(account, account.environment)
        assert removal.remove(account, account.environment) == []

        def gone(account: Account = account) -> bool:
            return not removal.remains(account, account.environment)

        # A tag is listed for some time after its resource has gone.
        until(gone, 600, f"the end of {removal.remains(account, account.environment)}")


def test_every_stored_answer_is_one_that_botocore_describes(stored: list[Path]) -> None:
    wrong = []
    for file in stored:
        document = json.loads(file.read_text(encoding="utf-8"))
        try:
            aws_model.require_stored(document["service"], document["operation"], answers.restored(document["answer"]))
        except aws_model.Wrong as error:
            wrong.append(f"{file.name}: {error}")
    assert stored, "the run stores what it is answered"
    assert wrong == []
