"""Why a build failed: the text of buildx and BuildKit becomes an error with its exit code and what to type."""

import re

from delivery.aws import permissions
from delivery.errors import (
    NO_SPACE,
    BuildError,
    CloudError,
    ConfigurationError,
    DeliveryError,
    MissingToolError,
    disk_full,
)
from delivery.image.build_log import BuildLog
from delivery.settings import Environment

_CORRECT = "correct the Dockerfile, then run the same command again"
_UNREACHABLE = re.compile(r"failed to do request|dial tcp|no such host|connection refused|i/o timeout|x509:")
# The steps before a build (docker/buildx, driver/manager.go and driver/docker-container), and its choice of a builder
_BUILDER = re.compile(
    r"^\[internal\] (waiting for connection|booting buildkit)|failed to initialize builder|no builder \"\S+\" found",
    re.MULTILINE,
)
_STATUS = re.compile(r"\b(401|403|429)\b")
_REFUSED = re.compile(
    r"unauthorized|authorization failed|failed to authorize|access denied|no basic auth|toomanyrequests", re.IGNORECASE
)
_ECR = re.compile(r"\d{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.")


def of_build(log: BuildLog, last: str, environment: Environment, output: str) -> DeliveryError:
    """The error of a failed build. `last`: the last lines of buildx; `output`: see Bake."""
    step, why = log.failure()
    why = why or last
    if "error getting credentials" in why:  # docker/cli, of any helper; BuildKit names no registry
        hint = "correct credsStore and credHelpers in docker's config.json, or install that helper"
        return ConfigurationError("Docker's credential helper failed.", why, hint)
    if builder := _BUILDER.search(f"{step}\n{why}"):
        missing = "no builder" in builder[0]
        what = "There is no such builder." if missing else "The builder does not answer."
        kind = ConfigurationError if missing else MissingToolError
        return kind(what, f"{why}\n{log.builder}".strip(), "docker buildx ls; build.builder in invoke.yaml names one")
    if log.failed_in == "base":
        return _base(step.split()[-1], why)
    if log.failed_in == "step":
        return BuildError(f"The image does not build: {step}", why, _CORRECT)
    if NO_SPACE in why:
        return disk_full(why)
    if "exporting manifest lists" in why:
        why = f"{why}\nLambda accepts a single manifest: no index, no attestations."
        return BuildError("The build makes an index.", why, "keep provenance and sbom disabled in docker-bake.hcl")
    if re.search(r"exporter .*not (currently )?supported", why):
        why = f"{why}\n{log.builder}".strip()
        hint = "`docker buildx create --use` (unset BUILDX_BUILDER, which wins), or the containerd image store"
        return ConfigurationError("This engine and builder cannot write an image to a file.", why, hint)
    if "failed to push" in why or "failed to authorize" in why:
        return _push(why, environment)
    what = "The image could not be pushed." if output == "push" else "The image does not build."
    return BuildError(what, why, _CORRECT if "dockerfile" in why.lower() else environment.command("doctor"))


def _base(image: str, why: str) -> DeliveryError:
    """The engine, not this process, fetches the base image; the logins are those of the person's own docker."""
    host = _registry(image)
    if _UNREACHABLE.search(why):
        hint = "check the network, and the proxy and the certificates of the Docker engine"
        return CloudError(f"The registry of the base image, {host}, cannot be reached.", why, hint)
    status = _STATUS.search(why)
    if status or _REFUSED.search(why):
        what = f"The registry {host} refused the base image{f' ({status[0]})' if status else ''}."
        return CloudError(what, why, f"`{_login(host)}`, then run the same command again; or correct the FROM line")
    return BuildError("The base image is missing.", why, "correct the FROM line of the Dockerfile")


def _registry(image: str) -> str:
    """The registry of an image: the first part of its name, if that is a host, else Docker Hub."""
    first = image.partition("/")[0]
    return first if "/" in image and (first == "localhost" or re.search(r"[.:]", first)) else "docker.io"


def _login(host: str) -> str:
    if host == "docker.io":
        return "docker login"
    if region := _ECR.match(host):
        password = f"aws ecr get-login-password --region {region[2]}"
        return f"{password} | docker login --username AWS --password-stdin {host}"
    return f"docker login {host}"


def _push(why: str, environment: Environment) -> CloudError:
    if re.search(r"does not exist|name unknown|404 Not Found", why, re.IGNORECASE):
        return CloudError("The repository does not exist.", why, environment.command("bootstrap"))
    if "failed to do request" in why:  # the text of containerd for a request without an answer
        return CloudError("The registry cannot be reached.", why, "check the network, then run the same command again")
    actions = permissions.missing(why)
    doctor = environment.command("doctor")
    return CloudError("The registry refused the push.", why, permissions.hint(actions) if actions else doctor)
