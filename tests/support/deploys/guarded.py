"""A second emulator on the session's engine, one that enforces IAM; and a checkout pointed at it as `preprod`."""

import base64
import contextlib
import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config
from rich.console import Console
from support.deploys.checkout import Checkout, Outcome
from support.policies import Document, merged

from delivery.context import Request, RunContext, open_context
from delivery.process.shell import Shell
from delivery.progress import Progress
from sandbox import processes
from sandbox.emulator import cloud, configuration, recording
from sandbox.emulator.configuration import Settings
from sandbox.engine import choice
from sandbox.layout import Layout

ACCOUNTS = {"preprod": "111111111111", "prod": "222222222222"}  # as invoke.yaml has them
ENVIRONMENT = "preprod"
GITHUB = "example/sse-streaming"
NUMBERED = "example@1001/sse-streaming@2002"  # what GitHub's tokens say of it
TEST = "called-by-a-test"
ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True)
class Role:
    """A role that a job may take, and the name of its inline policy."""

    environment: str
    name: str
    policy: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNTS[self.environment]}:role/ci/{self.name}"


DELIVERY = Role("preprod", "preprod-delivery", "delivery")
READER = Role("preprod", "preprod-reader", "reading")
PROD = Role("prod", "prod-delivery", "delivery")
SIGNER = Role("prod", "prod-signer", "signing")


def bucket(environment: str) -> str:
    """The bucket of its Terraform state."""
    return f"{environment}-{ACCOUNTS[environment]}-us-east-1-terraform-state"


def root(environment: str) -> dict[str, str]:
    """Who may do everything there: the emulator takes an account's number for its root's key."""
    return {"AWS_ACCESS_KEY_ID": ACCOUNTS[environment], "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": ""}


@dataclass(frozen=True)
class Guarded:
    """The checkout, and where its guarded accounts answer."""

    checkout: Checkout
    endpoint: str
    record: Path
    """What the accounts were asked and what they answered, as sandbox.emulator.recording writes it."""

    def client(self, service: str, credentials: dict[str, str] | None = None):
        """A boto3 client; of preprod's root unless somebody else's credentials are given."""
        who = credentials or root(ENVIRONMENT)
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=who["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=who["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=who["AWS_SESSION_TOKEN"] or None,
            # No validation, so that a session of one second can be asked for. The name tells its calls from the tasks'.
            config=Config(parameter_validation=False, user_agent_extra=TEST),
        )

    def assume(self, token: str, seconds: int = 3600, role: Role = DELIVERY) -> dict[str, str]:
        """A role's credentials for an OIDC token, as variables, the way a job gets them."""
        answer = self.client("sts").assume_role_with_web_identity(
            RoleArn=role.arn, RoleSessionName="job", WebIdentityToken=token, DurationSeconds=seconds
        )["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
            "AWS_SESSION_TOKEN": answer["SessionToken"],
        }

    def policy(self, role: Role = DELIVERY) -> Document:
        """Everything that a role may do now: its inline policy and its managed policies."""
        iam = self.client("iam", root(role.environment))
        inline = iam.get_role_policy(RoleName=role.name, PolicyName=role.policy)["PolicyDocument"]
        return merged([inline, *(_managed(iam, arn) for arn in _attached(iam, role))])

    def allow(self, document: Document, role: Role = DELIVERY) -> None:
        """Give a role this policy instead."""
        iam = self.client("iam", root(role.environment))
        iam.put_role_policy(RoleName=role.name, PolicyName=role.policy, PolicyDocument=json.dumps(document))
        for arn in _attached(iam, role):
            iam.detach_role_policy(RoleName=role.name, PolicyArn=arn)

    def run_context(self, credentials: dict[str, str], environment: str = ENVIRONMENT) -> RunContext:
        """The context of a run with these credentials."""
        config = yaml.safe_load((self.checkout.root / "invoke.yaml").read_text())
        config["environments"][environment]["variables"] |= credentials
        scratch = self.checkout.root / ".deploy" / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        request = Request(self.checkout.root, environment, config, scratch)
        return open_context(request, Shell(os.environ), Progress(Console(file=io.StringIO())))

    def bootstrap(self, environment: str) -> Outcome:
        """Type `invoke bootstrap` as the account's root, once, as a person does."""
        outcome = self.checkout.invoke("bootstrap", "--env", environment, "--yes", **root(environment))
        assert outcome.code == 0, outcome.text
        return outcome


def _attached(iam: Any, role: Role) -> list[str]:
    attached = iam.list_attached_role_policies(RoleName=role.name)["AttachedPolicies"]
    return [policy["PolicyArn"] for policy in attached]


def _managed(iam: Any, arn: str) -> Document:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document: Document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return document


def token(**claims: str | None) -> str:
    """What GitHub's OIDC provider would sign for a job on main, with other claims, or without those that are None.

    The emulator reads the claims and no signature.
    """
    job = {"sub": f"repo:{NUMBERED}:environment:{ENVIRONMENT}", "aud": "sts.amazonaws.com", "ref": "refs/heads/main"}
    given = {name: value for name, value in {**job, **claims}.items() if value is not None}
    signed = {"iss": ISSUER, **given, "exp": int(time.time()) + 300}
    parts = ({"alg": "RS256", "typ": "JWT"}, signed)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*encoded, "c2lnbmF0dXJl"))


@contextlib.contextmanager
def guarding(shared: Checkout, mine: Checkout) -> Iterator[Guarded]:
    """Start the emulator on the engine of `shared`, let `mine` lead to it, bootstrap its preprod, and stop it."""
    variables = shared.settings["variables"]
    layout = Layout.of(mine.root)
    docker = choice.start(Layout.of(shared.root), str)
    settings = Settings.of(docker, next(configuration.free_ports(docker.gateway, configuration.PORT + 1)))
    configuration.folder(layout).mkdir(parents=True)
    configuration.remember(layout, settings)
    record = layout.logs / "calls.jsonl"
    environment = configuration.environment(layout, docker, settings) | {
        "AUTH": "true",
        recording.FILE: str(record),
        "MINISTACK_ACCOUNT_ID": ACCOUNTS[ENVIRONMENT],
    }
    argv = configuration.command(layout, settings)
    endpoint = f"http://{settings.registry}"
    try:
        processes.spawn(layout, cloud.NAME, argv, environment)
        up = processes.wait_until(lambda: cloud.status(layout)[0] == "up", 60)
        assert up, processes.last_lines(layout, cloud.NAME)
        _point(mine.root, settings.registry, {**variables, **dict.fromkeys(_ENDPOINTS, endpoint)})
        mine.commit("preprod and prod are accounts that are guarded")
        made = Guarded(mine, endpoint, record)
        made.bootstrap(ENVIRONMENT)
        yield made
    finally:
        cloud.stop(layout)


_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")


def _point(root: Path, registry: str, variables: dict[str, str]) -> None:
    # Not the credentials: those are the job's. Nor no_proxy: Invoke takes names that differ by case for one.
    credentials = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE")
    left = (*credentials, "AWS_CONFIG_FILE", "no_proxy")
    before = {name: value for name, value in variables.items() if name not in left}
    document = yaml.safe_load((root / "invoke.yaml").read_text())
    for name in ACCOUNTS:
        document["environments"][name] |= {"registry": registry, "variables": before}
        tfvars = root / "infrastructure" / "foundation" / f"{name}.tfvars"
        github = f'github_repository = "{GITHUB}"\ngithub_owner_id = "1001"\ngithub_repository_id = "2002"\n'
        signers = f'signers = ["{ENVIRONMENT}"]\n' if name == SIGNER.environment else ""
        tfvars.write_text(f"{tfvars.read_text()}{github}{signers}")
    (root / "invoke.yaml").write_text(yaml.safe_dump(document))
