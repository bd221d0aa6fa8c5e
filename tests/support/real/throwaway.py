"""The two environments of a run: a checkout that knows them, and the people and jobs who type tasks in it."""

import json
import os
import secrets
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from support.deploys.checkout import Checkout, Outcome, hello
from support.real import accounts
from support.real.accounts import Account
from support.real.recorder import answers
from support.waiting import until

RECORDER = Path(answers.__file__).parent
_NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
_LONGEST = 1800.0  # seconds of one task on AWS, with an upload of the image from a slow line
_LAST_WORDS = 300.0  # seconds of a task that was interrupted: Terraform waits for what it has begun


@dataclass(frozen=True)
class Throwaway:
    """`first` promotes to `second`. `settings`: what the environments need more than those of AWS."""

    checkout: Checkout
    first: Account
    second: Account
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def both(self) -> tuple[Account, Account]:
        """Both accounts."""
        return self.first, self.second

    def declare(self, environ: Mapping[str, str]) -> None:
        """Write the variables of Terraform and the settings of both environments."""
        github = "".join(
            f'{name} = "{environ[f"REAL_{name.upper()}"]}"\n'
            for name in ("github_repository", "github_owner_id", "github_repository_id")
        )
        for account in self.both:
            promotes = f'promotes_to = ["{self.second.environment}"]\n' if account is self.first else ""
            provider = "create_oidc_provider = false\n" if accounts.has_github_provider(account) else ""
            self.tfvars("foundation", account).write_text(github + promotes + provider)
            self.tfvars("service", account).write_text("log_retention_days = 1\nheartbeat_seconds  = 1\n")
        self.checkout.commit("two environments for one run")
        self._configure("person", {account: account.profile for account in self.both})

    def tfvars(self, stack: str, account: Account) -> Path:
        """The file of Terraform's variables of one environment."""
        return self.checkout.root / "infrastructure" / stack / f"{account.environment}.tfvars"

    def person(self, *words: str) -> Outcome:
        """Type a task as the person with all rights in both accounts."""
        return self._type("person", words, {})

    def job(self, roles: Mapping[Account, str], *words: str) -> Outcome:
        """Type a task as a job of the workflow: with one profile for each environment, and nothing else.

        `roles`: the end of the name of the role that the job has in each account.
        """
        name = "-".join(f"{account.environment}-{role}" for account, role in roles.items())
        file = self.folder / f"{name}-credentials"
        if not file.exists():
            keys = {account: assume(account, f"{account.environment}-{role}") for account, role in roles.items()}
            file.touch(0o600)
            file.write_text("\n".join(_profile(account.environment, held) for account, held in keys.items()))
            self._configure(name, {account: account.environment for account in roles})
        variables = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_CONFIG_FILE": os.devnull}
        return self._type(name, words, variables)

    def _configure(self, name: str, profiles: Mapping[Account, str]) -> None:
        """Write the settings that are laid over invoke.yaml, with the AWS profile of each environment."""
        environments = {
            account.environment: {
                "account": account.number,
                "region": account.region,
                "protected": account is self.second,
                **self.settings,
                "variables": {**self.settings.get("variables", {}), **_NO_KEYS, "AWS_PROFILE": profile},
            }
            for account, profile in profiles.items()
        }
        (self.folder / f"{name}.json").write_text(json.dumps({"environments": environments}))

    def _type(self, who: str, words: tuple[str, ...], variables: Mapping[str, str]) -> Outcome:
        began, text = time.monotonic(), ""
        more = {
            "INVOKE_RUNTIME_CONFIG": str(self.folder / f"{who}.json"),
            "PYTHONPATH": f"{RECORDER}{os.pathsep}{self.checkout.root / 'src'}",
            **variables,
        }
        child = self.checkout.start(*words, **more)
        try:
            text, _ = child.communicate(timeout=_LONGEST)
        except BaseException:  # Ctrl-C, or too late: the removal begins when Terraform has ended, not beside it
            child.send_signal(signal.SIGINT)
            text, _ = child.communicate(timeout=_LAST_WORDS)
            raise
        finally:
            took = time.monotonic() - began
            print(f"\n[{who}] invoke {' '.join(words)}: exit {child.returncode} in {took:.1f} s\n{_indented(text)}")
        return Outcome(child.returncode, text)


def assume(account: Account, role: str) -> dict[str, str]:
    """The credentials of a CI role, as variables.

    The role trusts GitHub's tokens only. For the seconds of this call it also trusts the account, with a secret; what
    it may do stays as it is. So this proves the policy of the role and not its trust, which only a job on GitHub can.
    """
    iam, secret = account.client("iam"), secrets.token_hex(16)
    described = iam.get_role(RoleName=role)["Role"]
    trust, arn = described["AssumeRolePolicyDocument"], described["Arn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{arn.split(':')[1]}:iam::{account.number}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": secret}},
    }
    widened = {**trust, "Statement": [*trust["Statement"], statement]}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(widened))

    def attempt() -> dict[str, str] | None:
        try:
            return dict(
                account.client("sts").assume_role(RoleArn=arn, RoleSessionName="real-run", ExternalId=secret)[
                    "Credentials"
                ]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return None

    try:
        held = until(attempt, 120, f"the trust of {role}, which reaches every part of AWS in seconds")
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    return held or {}  # never empty: `until` has waited for it


def get(account: Account, signed: bool) -> tuple[int, str]:
    """The status of the stream's public address, and the version that serves it ("" for a refusal)."""
    functions = account.client("lambda")
    address = functions.get_function_url_config(FunctionName=account.function, Qualifier="live")["FunctionUrl"]
    request = AWSRequest("GET", f"{address}api/v2/stream", params={"events": "2", "interval": "1"})
    if signed:
        SigV4Auth(account.session.get_credentials(), "lambda", account.region).add_auth(request)
    prepared = request.prepare()
    headers = dict(prepared.headers.items())
    # The name of a new URL may not be known everywhere yet.
    answer = urllib3.request(
        "GET", prepared.url, headers=headers, timeout=90, retries=urllib3.Retry(6, backoff_factor=1)
    )
    text = answer.data.decode()
    return answer.status, hello(text.splitlines())["version"] if answer.status == 200 else ""


def live(account: Account) -> tuple[str, str]:
    """The version that the alias names, and the digest of its image."""
    functions = account.client("lambda")
    version = functions.get_alias(FunctionName=account.function, Name="live")["FunctionVersion"]
    code = functions.get_function(FunctionName=account.function, Qualifier=version)["Code"]
    return version, code["ImageUri"].partition("@")[2]


def versions(account: Account) -> list[str]:
    """Every published version."""
    listed = account.client("lambda").list_versions_by_function(FunctionName=account.function)["Versions"]
    return [each["Version"] for each in listed if each["Version"] != "$LATEST"]


def _profile(name: str, held: Mapping[str, str]) -> str:
    keys = ("aws_access_key_id", "AccessKeyId"), ("aws_secret_access_key", "SecretAccessKey")
    lines = [f"{setting} = {held[key]}" for setting, key in (*keys, ("aws_session_token", "SessionToken"))]
    return "\n".join((f"[{name}]", *lines, ""))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
