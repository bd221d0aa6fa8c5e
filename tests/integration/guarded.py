"""A second emulator on the session's engine, one that enforces IAM; and a checkout pointed at it as `preprod`."""

import base64
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import yaml
from botocore.config import Config
from checkout import Checkout
from policies import Document
from rich.console import Console

from delivery.progress import Progress
from delivery.shell import Shell
from delivery.workbench import Request, Workbench, open_bench
from sandbox import cloud, cloud_settings, engine, processes
from sandbox.cloud_settings import Settings
from sandbox.layout import Layout

ACCOUNT = "111111111111"  # preprod's, as invoke.yaml and its tfvars have it
ENVIRONMENT = "preprod"
GITHUB = "example/sse-streaming"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ci/{ENVIRONMENT}-delivery"
ISSUER = "https://token.actions.githubusercontent.com"
BUCKET = f"sse-streaming-tfstate-{ENVIRONMENT}-{ACCOUNT}"
ROOT = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": ""}


@dataclass(frozen=True)
class Guarded:
    """The checkout, and where its guarded account answers."""

    checkout: Checkout
    endpoint: str

    def client(self, service: str, credentials: dict[str, str] = ROOT):
        """A boto3 client; of the account's root unless somebody else's credentials are given."""
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"] or None,
            config=Config(parameter_validation=False),  # so that a session of one second can be asked for
        )

    def assume(self, token: str, seconds: int = 3600) -> dict[str, str]:
        """The CI role's credentials for an OIDC token, as variables, the way a job gets them."""
        answer = self.client("sts").assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="job", WebIdentityToken=token, DurationSeconds=seconds
        )["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
            "AWS_SESSION_TOKEN": answer["SessionToken"],
        }

    def policy(self) -> Document:
        """The CI role's policy as it is now."""
        found = self.client("iam").get_role_policy(RoleName=f"{ENVIRONMENT}-delivery", PolicyName="delivery")
        return found["PolicyDocument"]

    def allow(self, document: Document) -> None:
        """Give the CI role this policy instead."""
        self.client("iam").put_role_policy(
            RoleName=f"{ENVIRONMENT}-delivery", PolicyName="delivery", PolicyDocument=json.dumps(document)
        )

    def bench(self, credentials: dict[str, str]) -> Workbench:
        """What the tasks work with, for whoever the credentials belong to."""
        config = yaml.safe_load((self.checkout.root / "invoke.yaml").read_text())
        config["environments"][ENVIRONMENT]["variables"] |= credentials
        scratch = self.checkout.root / ".deploy" / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        request = Request(self.checkout.root, ENVIRONMENT, config, scratch)
        return open_bench(request, Shell(os.environ), Progress(Console(file=io.StringIO())))


def token(sub: str = f"repo:{GITHUB}:environment:{ENVIRONMENT}", aud: str = "sts.amazonaws.com") -> str:
    """What GitHub's OIDC provider would sign; the emulator reads the claims and no signature."""
    claims = {"iss": ISSUER, "aud": aud, "sub": sub, "exp": int(time.time()) + 300}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*encoded, "c2lnbmF0dXJl"))


@contextlib.contextmanager
def guarding(shared: Checkout, mine: Checkout) -> Iterator[Guarded]:
    """Start the emulator on the engine of `shared`, let `preprod` of `mine` lead to it, bootstrap, and stop it."""
    variables = shared.settings["variables"]
    layout = Layout.of(mine.root)
    docker = engine.start(Layout.of(shared.root), str)
    settings = Settings.of(docker, next(cloud_settings.free_ports(docker.gateway, cloud_settings.PORT + 1)))
    cloud_settings.folder(layout).mkdir(parents=True)
    cloud_settings.remember(layout, settings)
    environment = cloud_settings.environment(layout, docker, settings) | {
        "AUTH": "true",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
    }
    argv = [sys.executable, "-m", "sandbox.launcher", str(layout.home), *settings.binds]
    endpoint = f"http://{settings.registry}"
    try:
        daemon = processes.spawn(layout, cloud.NAME, argv, environment)
        assert processes.wait_until(lambda: cloud.status(layout)[0] == "up", 60), daemon.last_lines()
        _point(mine.root, settings.registry, {**variables, **dict.fromkeys(_ENDPOINTS, endpoint)})
        yield _bootstrapped(Guarded(mine, endpoint))
    finally:
        cloud.stop(layout)


def _bootstrapped(guarded: Guarded) -> Guarded:
    outcome = guarded.checkout.invoke("bootstrap", "--env", ENVIRONMENT, **ROOT)
    assert outcome.code == 0, outcome.text
    # It denies whatever does not come over TLS, and the emulator enforces that too.
    guarded.client("s3").delete_bucket_policy(Bucket=BUCKET)
    return guarded


_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")


def _point(root: Path, registry: str, variables: dict[str, str]) -> None:
    # Not the credentials: those are the job's. Nor no_proxy: Invoke takes names that differ by case for one.
    kept = {name: value for name, value in variables.items() if name not in ROOT and name != "no_proxy"}
    document = yaml.safe_load((root / "invoke.yaml").read_text())
    document["environments"][ENVIRONMENT] |= {"registry": registry, "variables": kept}
    (root / "invoke.yaml").write_text(yaml.safe_dump(document))
    tfvars = root / "infrastructure" / "registry" / f"{ENVIRONMENT}.tfvars"
    tfvars.write_text(f'{tfvars.read_text()}github_repository = "{GITHUB}"\n')
