"""`nox -s real` makes nothing unless two throwaway accounts are named, reachable and free."""

import pytest
from support.aws import _Fake, operation, refusal
from support.real import accounts
from support.real.accounts import NEEDED, Account, Refused

NUMBER = "123456789012"
FULL = {**dict.fromkeys(NEEDED, "x"), "REAL_PREPROD_ACCOUNT": NUMBER, "REAL_PROD_ACCOUNT": "210987654321"}
MINE = accounts.stem({})
SUFFIX = f"-{NUMBER}-eu-west-1-terraform-state"


class Sts(_Fake):
    service = "sts"

    @operation
    def get_caller_identity(self):
        return {"Account": NUMBER, "Arn": f"arn:aws:iam::{NUMBER}:user/ada"}


class S3(_Fake):
    service = "s3"
    buckets = ()

    @operation
    def list_buckets(self):
        return {"Buckets": [{"Name": name} for name in self.buckets]}


class Lambda(_Fake):
    service = "lambda"
    unreserved = 1000

    @operation
    def get_account_settings(self):
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.unreserved}}


class Faked(Account):
    """An account whose services are fakes."""

    def client(self, service):
        return self.services[service]


@pytest.fixture
def account():
    made = Faked(f"{MINE}abca", NUMBER, "eu-west-1", "work")
    object.__setattr__(made, "services", {"sts": Sts(), "s3": S3(), "lambda": Lambda()})
    return made


def test_without_variables_each_is_named_and_what_a_run_makes_and_costs():
    with pytest.raises(Refused) as caught:
        accounts.read({"REAL_REGION": "us-east-1"})
    assert [name for name in NEEDED if name not in str(caught.value)] == ["REAL_REGION"]
    for fact in ("removes them at the end", "US dollar", "REAL=sandbox ./dev nox -s real"):
        assert fact in str(caught.value)


def test_one_account_twice_is_refused():
    with pytest.raises(Refused, match="are the same"):
        accounts.read({**FULL, "REAL_PROD_ACCOUNT": NUMBER})


def test_each_run_has_names_of_its_own_that_an_environment_may_have():
    first, second = accounts.read(FULL)
    other, _ = accounts.read(FULL)
    assert len({first.environment, second.environment, other.environment}) == 3
    for name in (first.environment, second.environment):
        assert name.startswith(MINE)
        assert len(name) <= 16


def test_an_empty_account_is_taken(account):
    assert accounts.inspect(account, {}) == ()


def test_the_remains_of_a_killed_run_of_this_checkout_are_found(account):
    account.services["s3"].buckets = (f"{MINE}aaaa{SUFFIX}", "photos")
    assert accounts.inspect(account, {}) == (f"{MINE}aaaa",)
    account.services["s3"].buckets = (f"real-beef-aaaa{SUFFIX}",)
    assert accounts.inspect(account, {"REAL_STEM": "beef"}) == ("real-beef-aaaa",)


@pytest.mark.parametrize(
    "bucket", [f"preprod{SUFFIX}", f"real-beef-aaaa{SUFFIX}", f"{MINE}aaaa-{NUMBER}-us-east-1-terraform-state"]
)
def test_an_account_with_a_state_bucket_of_anything_else_is_refused(account, bucket):
    account.services["s3"].buckets = (bucket,)
    with pytest.raises(Refused, match=bucket):
        accounts.inspect(account, {})


def test_a_profile_of_another_account_is_refused(account):
    account.services["sts"].get_caller_identity = lambda: {"Account": "999999999999"}
    with pytest.raises(Refused, match=f"of account 999999999999, not of {NUMBER}"):
        accounts.inspect(account, {})


def test_a_profile_that_aws_does_not_accept_is_refused(account):
    account.services["sts"].refuses["get_caller_identity"] = refusal("InvalidClientTokenId")
    with pytest.raises(Refused, match=r"work: .*InvalidClientTokenId"):
        accounts.inspect(account, {})


def test_an_account_that_cannot_reserve_concurrency_is_refused(account):
    account.services["lambda"].unreserved = 10
    with pytest.raises(Refused, match="10 concurrent executions"):
        accounts.inspect(account, {})
