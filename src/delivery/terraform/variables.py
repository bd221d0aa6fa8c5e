"""The values of the root modules' variables, from the settings; invoke.yaml has the last word over tfvars."""

from collections.abc import Mapping

from delivery.aws.kms import NOTATION
from delivery.settings import Environment, Settings

_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}  # OCI's platform to Lambda's architecture


def common(environment: Environment) -> dict[str, object]:
    """The variables that every root module has: environment, account, region."""
    return {"environment": environment.name, "account": environment.account, "region": environment.region}


def foundation(settings: Settings, images: tuple[str, ...], existing: tuple[str, ...]) -> dict[str, object]:
    """The variables of `infrastructure/foundation`.

    `images`: the names that have or get a repository. `existing`: those whose repository exists, to be adopted.
    """
    signers = settings.requires.signed_by  # a workflow that signs without a key is none of KMS
    return {
        **common(settings.environment),
        "state_bucket": settings.environment.state_bucket,
        "images": images,
        "existing_images": existing,
        "default_branch": settings.default_branch,
        "verification_keys": [each.removeprefix(NOTATION) for each in signers if each.startswith(NOTATION)],
        "verifying_accounts": settings.verifying_accounts,
    }


def service(settings: Settings, images: Mapping[str, str], live_versions: Mapping[str, str]) -> dict[str, object]:
    """The variables of `infrastructure/service`.

    `images`: image name to `repository@sha256:...`, one for each function.
    `live_versions`: image name to the verified version that is live; a function without one gets no alias and no URL.
    """
    return {
        **common(settings.environment),
        "images": dict(images),
        "live_versions": dict(live_versions),
        "architecture": _ARCHITECTURES[settings.platform],
    }
