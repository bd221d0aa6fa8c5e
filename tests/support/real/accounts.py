"""The two throwaway AWS accounts of `nox -s real`, named by variables, and what is refused before anything is made."""

import functools
import hashlib
import platform
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PROJECT = Path(__file__).parents[3]
NEEDED = {
    "REAL_PREPROD_PROFILE": "AWS profile of a person who may do everything in the first account",
    "REAL_PREPROD_ACCOUNT": "its number, 12 digits",
    "REAL_PROD_PROFILE": "the same for the second account",
    "REAL_PROD_ACCOUNT": "its number, 12 digits",
    "REAL_REGION": "a region with Function URLs, such as us-east-1",
    "REAL_GITHUB_REPOSITORY": "OWNER/NAME of a repository of yours; its jobs could take the CI roles while they exist",
    "REAL_GITHUB_OWNER_ID": "the number of its owner (docs/github.md)",
    "REAL_GITHUB_REPOSITORY_ID": "its own number",
}
STEM = "REAL_STEM"
EXPLANATION = """\
It makes, in two AWS accounts that nobody else uses, two environments named real-..., and removes them at the end:
  state bucket, image repository, GitHub's OIDC provider, CI roles, a permissions boundary, one function with its
  versions, alias, URL, role, log group, alarms, dashboard and table of events. It takes about 30 minutes and costs less
  than one US dollar.
It refuses an account that has a state bucket of anything else. A run that was killed is cleaned up by the next run."""
# "Lambda reserves 100 units of concurrency for your functions that do not have reserved concurrency":
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
UNRESERVED = 100


class Refused(Exception):
    """The accounts cannot be used; nothing was made."""


@dataclass(frozen=True)
class Account:
    """One environment in an account of its own; `profile`: of a person with all rights in that account."""

    environment: str
    number: str
    region: str
    profile: str

    def client(self, service: str) -> Any:
        """A boto3 client of that person."""
        return self.session.client(service)

    @functools.cached_property
    def session(self) -> Any:
        """A boto3 session of that person."""
        return boto3.Session(profile_name=self.profile, region_name=self.region)

    @property
    def function(self) -> str:
        """The name of the function."""
        return f"{self.environment}-sse-streaming"

    @property
    def bucket(self) -> str:
        """The bucket of the Terraform state."""
        return f"{self.environment}-{self.number}-{self.region}-terraform-state"


def stem(environ: Mapping[str, str]) -> str:
    """The start of the names of this checkout's environments: its remains, and those of nobody else, have it."""
    made = hashlib.sha256(f"{platform.node()}:{PROJECT}".encode()).hexdigest()[:4]
    return f"real-{environ.get(STEM) or made}-"


def require(environ: Mapping[str, str]) -> None:
    """Raise Refused unless the variables name both accounts."""
    if missing := [f"  {name}: {meaning}" for name, meaning in NEEDED.items() if not environ.get(name)]:
        lines = ("`nox -s real` needs these variables:", *missing, EXPLANATION, "try: REAL=sandbox ./dev nox -s real")
        raise Refused("\n".join(lines))


def read(environ: Mapping[str, str]) -> tuple[Account, Account]:
    """Both accounts, each with the name of an environment that was never used. Raises Refused."""
    require(environ)
    run = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(3))
    first, second = (
        Account(
            f"{stem(environ)}{run}{letter}",
            environ[f"REAL_{name}_ACCOUNT"],
            environ["REAL_REGION"],
            environ[f"REAL_{name}_PROFILE"],
        )
        for letter, name in (("a", "PREPROD"), ("b", "PROD"))
    )
    if first.number == second.number:
        raise Refused("REAL_PREPROD_ACCOUNT and REAL_PROD_ACCOUNT are the same; a promotion is between two accounts.")
    return first, second


def inspect(account: Account, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The environments that a killed run of this checkout left in the account. Changes nothing. Raises Refused."""
    try:
        return _inspect(account, stem(environ))
    except (BotoCoreError, ClientError) as error:
        raise Refused(f"AWS does not answer the profile {account.profile}: {error}") from error


def _inspect(account: Account, mine: str) -> tuple[str, ...]:
    number = account.client("sts").get_caller_identity()["Account"]
    if number != account.number:
        raise Refused(f"The profile {account.profile} is of account {number}, not of {account.number}.")
    buckets = [each["Name"] for each in account.client("s3").list_buckets()["Buckets"]]
    states = [name for name in buckets if name.endswith("-terraform-state")]
    suffix = f"-{account.number}-{account.region}-terraform-state"
    if foreign := [name for name in states if not (name.startswith(mine) and name.endswith(suffix))]:
        lines = (
            f"Account {number} is in use: {', '.join(foreign)} exists.",
            "Only an account without any state bucket is taken. If a bucket real-XXXX-... is of a run that died in",
            f"another checkout, {STEM}=XXXX (and its REAL_REGION) removes its environments and goes on.",
        )
        raise Refused("\n".join(lines))
    limit = account.client("lambda").get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    if limit <= UNRESERVED:
        why = f"and {UNRESERVED} of them cannot be reserved for one function: ask for a higher quota first"
        raise Refused(f"Account {number} has {limit} concurrent executions of Lambda, {why} (Service Quotas).")
    return tuple(sorted(name.removesuffix(suffix) for name in states))


def has_github_provider(account: Account) -> bool:
    """Whether the account has GitHub's OIDC provider already: there can be only one for each URL."""
    listed = account.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return any(each["Arn"].endswith("/token.actions.githubusercontent.com") for each in listed)
