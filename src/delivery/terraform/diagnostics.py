"""Reads the lines that Terraform prints with `-json`: progress for people, and errors.

https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from delivery.aws import permissions, session
from delivery.errors import (
    NO_SPACE,
    ConfigurationError,
    DeliveryError,
    LockedError,
    RefusedError,
    TerraformError,
    disk_full,
)
from delivery.settings import FILE
from delivery.terraform.plan import Stack

_PROGRESS = {"apply_start", "apply_progress", "apply_complete", "refresh_start", "init_output", "log"}
# The fields of the lock in Terraform's text; statemgr.LockInfo in hashicorp/terraform.
_LOCK = re.compile(r"^[ \t]*(ID|Who|Operation|Created):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_WRONG_VALUE = "Invalid value for variable"  # a `validation` block, before anything is read or changed
_WRONG_RESULT = ("Resource precondition failed", "Module output value precondition failed")
_UNRELEASED = "Error releasing the state lock"
# A warning for people who develop a provider: the lock file is not checked for it then.
_OVERRIDES = "Provider development overrides are in effect"
# What AWS answers to a create: Lambda API (CreateFunction, CreateAlias, CreateFunctionUrlConfig), CloudWatch Logs API
# (CreateLogGroup), IAM API (CreateRole), ECR API (CreateRepository)
_EXISTS = re.compile(
    r"EntityAlreadyExists|ResourceAlreadyExistsException|RepositoryAlreadyExistsException"
    r"|ResourceConflictException: .*(already exist|FunctionUrlConfig exists)",
    re.DOTALL,
)
_ADOPTED = (  # modules/image_function; `bootstrap --adopt` looks for these
    "aws_lambda_function.this",
    "aws_lambda_alias.live",
    "aws_lambda_function_url.live",
    "module.image_repository",
    ".aws_cloudwatch_log_group.this",
    ".aws_iam_role.this",
)
# In the message of the provider, or of the API itself: ECR API (DeleteRepository), S3 API (DeleteBucket)
_REPOSITORY = re.compile(r"ECR Repository \(([a-z0-9._/-]+)\)|repository with name '([a-z0-9._/-]+)'")
_BUCKET = re.compile(r"S3 Bucket \(([a-z0-9.-]+)\)")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
_REGION = re.compile(r"StatusCode: 301|PermanentRedirect|BucketRegionError|requested bucket from \"")
_NO_PROVIDER = ("Failed to query available provider packages", "Failed to install provider")


@dataclass
class Diagnostics:
    """Collects the lines of one run; `update` gets the progress."""

    update: Callable[[str], None]
    providers: tuple[str, ...] = ()
    """The locked providers, such as hashicorp/aws; one of this machine in the place of a locked one is an error."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    planned: list[tuple[str, str]] = field(default_factory=list)
    """Action and address of each planned change."""
    code: int = 0
    """The exit code; below 0, a signal ended the run, which could not release its lock."""

    @property
    def left_lock(self) -> bool:
        """Whether its lock may still be held: a signal ended the run, or its credentials expired before its end."""
        return self.code < 0 or any(_UNRELEASED in error["summary"] for error in self.errors)

    def feed(self, line: str) -> None:
        """Take one line of Terraform's output."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self.other.append(line)
            return
        if message.get("type") == "diagnostic" and self._is_failure(message["diagnostic"]):
            self.errors.append(message["diagnostic"])
        elif message.get("type") == "planned_change":
            self.planned.append((message["change"]["action"], message["change"]["resource"]["addr"]))
        elif message.get("type") in _PROGRESS:
            self.update(message["@message"])

    def _is_failure(self, diagnostic: dict[str, Any]) -> bool:
        replaced = any(f" - {provider} in " in diagnostic.get("detail", "") for provider in self.providers)
        return diagnostic["severity"] == "error" or (replaced and diagnostic["summary"] == _OVERRIDES)

    @property
    def providers_unreachable(self) -> bool:
        """Whether the run failed because no provider could be fetched."""
        return any(error["summary"] in _NO_PROVIDER for error in self.errors)

    def error(self, doing: str, stack: Stack) -> DeliveryError:
        """The error of this run. `doing`: a verb, such as plan; `stack`: the root module."""
        text = "\n".join(_text(error, stack) for error in self.errors) or "\n".join(self.other[-5:])
        if any(error["summary"] == _OVERRIDES for error in self.errors):
            hint = "remove dev_overrides from ~/.terraformrc, or from the file that TF_CLI_CONFIG_FILE names"
            return RefusedError("A provider of this machine would replace the locked one.", text, hint)
        if session.CLOCK.search(text):
            return session.wrong_clock(f"{doing} {stack.name}", text)
        if re.search(r"ExpiredToken|InvalidClientTokenId", text):  # S3 answers with 403, as for a missing permission
            hint = "`aws sso login` (or renew the credentials), then run the same command again"
            return TerraformError(f"The credentials expired before Terraform could {doing} {stack.name}.", text, hint)
        if NO_SPACE in text:
            return disk_full(text)
        if self.errors and all(error["summary"] in (_WRONG_VALUE, *_WRONG_RESULT) for error in self.errors):
            hint = f"correct {_file(self.errors[0], stack)}"
            return ConfigurationError(f"Terraform refuses a value for {stack.name}.", text, hint)
        if actions := permissions.missing(text):  # before the lock, whose object may be the one that cannot be written
            return TerraformError(f"Terraform may not {doing} {stack.name}: {actions}", text, permissions.hint(actions))
        if "Error acquiring the state lock" in text or ("state lock" in text and "Lock Info" in text):
            return _locked(text, stack)
        if failure := _existing(self.errors, text, stack) or _not_empty(text) or _other_region(text, stack):
            return failure
        if "Saved plan is stale" in text:
            what = f"The plan of {stack.name} is stale: another run changed the state meanwhile."
            return TerraformError(what, "Nothing was applied.", "the same command again, which makes a new plan")
        if "NoSuchBucket" in text or re.search(r"S3 bucket .* does not exist", text):
            return TerraformError("The state bucket does not exist.", text, stack.environment.command("bootstrap"))
        if self.providers_unreachable:
            hint = "check the network, or unpack the provider below a folder named registry.terraform.io"
            return TerraformError("Terraform's provider cannot be fetched, and no local mirror has it.", text, hint)
        return TerraformError(
            f"Terraform could not {doing} {stack.name}.",
            text,
            "correct the cause above, then run the same command again",
        )


def _file(error: dict[str, Any], stack: Stack) -> str:
    """The file to correct: that of a module block, or the values of the environment."""
    file = (error.get("range") or {}).get("filename", "")
    in_code = file.endswith(".tf") and file != "variables.tf"
    if error["summary"] == _WRONG_RESULT[1] or (in_code and "/" in file):
        return f"the module block in infrastructure/{stack.name}, or add what the message names"
    return f"infrastructure/{stack.name}/{file if in_code else f'{stack.environment.name}.tfvars'}"


def _existing(errors: list[dict[str, Any]], text: str, stack: Stack) -> DeliveryError | None:
    """The error for resources that AWS has and the state has not, and for a wrong import; None for any other error."""
    named = {error.get("address", ""): f"{error['summary']} {error.get('detail', '')}" for error in errors}
    addresses = [address for address, message in named.items() if _EXISTS.search(message)]
    adopt = stack.environment.command("bootstrap", "--adopt")
    if any("aws_iam_openid_connect_provider" in address for address in addresses):
        what = "The account has GitHub's OIDC provider already; an account can have it only once."
        file = f"infrastructure/{stack.name}/{stack.environment.name}.tfvars"
        return TerraformError(what, text, f"{adopt}; or create_oidc_provider = false in {file}, which uses it")
    if addresses:
        what = "AWS has already what Terraform would create."
        if any(each.partition("[")[0].endswith(_ADOPTED) for each in addresses):
            return TerraformError(what, text, f"{adopt}, which writes the import blocks")
        block = f"an import block for {addresses[0]} in infrastructure/{stack.name}"
        return TerraformError(what, text, f"{block}; or remove it in AWS, if nobody uses it")
    if "Configuration for import target does not exist" in text:
        what = f"An import block of {stack.name} names what no module block makes (any more)."
        return ConfigurationError(what, text, f"remove the block from infrastructure/{stack.name}/adopted.tf")
    if "Cannot import non-existent remote object" in text:
        what = f"An import block of {stack.name} names what AWS does not have (any more)."
        return TerraformError(what, text, f"{adopt}, which writes the blocks again; or remove the block")
    return None


def _not_empty(text: str) -> TerraformError | None:
    """The error for a repository or a bucket that AWS does not delete with its content; None for any other error."""
    if "RepositoryNotEmptyException" in text and (match := _REPOSITORY.search(text)):
        name = match[1] or match[2]
        command = f"aws ecr delete-repository --force --repository-name {name}"
        hint = f"put it back into the configuration; or `{command}`, which deletes its images too"
        return TerraformError(f"ECR deletes no repository that has images: {name}.", text, hint)
    if "BucketNotEmpty" in text and (match := _BUCKET.search(text)):
        command = f"aws s3 rm --recursive s3://{match[1]}"
        hint = f"put it back into the configuration; or `{command}`, which deletes its content"
        return TerraformError(f"S3 deletes no bucket that has objects: {match[1]}.", text, hint)
    return None


def _other_region(text: str, stack: Stack) -> TerraformError | None:
    """The error for a state bucket in another region; None for any other error."""
    if not _REGION.search(text):
        return None
    environment = stack.environment
    key = f"environments.{environment.name}"
    hint = f"{key}.region or {key}.state_bucket in {FILE}; then {environment.command('bootstrap')}"
    what = f"The state bucket is not in {environment.region}, the region of {environment.name}."
    return TerraformError(what, text, hint)


def _text(error: dict[str, Any], stack: Stack) -> str:
    where = f" ({error['address']})" if error.get("address") else ""
    detail = error.get("detail", "").strip()
    if _UNRELEASED in error["summary"]:  # Terraform advises `force-unlock` here; the next run does it
        left = f"The next run of this checkout removes it; elsewhere `{stack.unlock}` does."
        detail = f"{detail.partition('Lock Info')[0].strip()}\n{left}"
    return f"{error['summary']}{where}" + (f": {detail}" if detail else "")


def _locked(text: str, stack: Stack) -> LockedError:
    lock = dict(_LOCK.findall(text))
    who, since = lock.get("Who", "an unknown owner"), lock.get("Created", "an unknown time")
    return locked(stack, f"{who} since {since} ({operation(lock.get('Operation', ''))})")


def operation(name: str) -> str:
    """The operation of a lock's holder, such as `apply`; statemgr.LockInfo has OperationTypeApply."""
    return name.removeprefix("OperationType").lower() or "an operation"


def locked(stack: Stack, holder: str) -> LockedError:
    """The error for a locked state. `holder`: who holds the lock, since when, and for which operation."""
    return LockedError(
        f"The state is locked by {holder}.",
        "Two runs at the same time would overwrite each other.",
        f"--lock-wait 5m waits for that run; if it is dead: {stack.unlock}",
    )
