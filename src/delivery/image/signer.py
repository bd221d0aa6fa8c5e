"""Signers: a key of KMS, or a workflow that has no key. Each signs a payload, and knows its own signatures.

The two are named differently in the settings: `awskms:///...`, and `keyless` or the identity of a workflow.
"""

from dataclasses import dataclass
from typing import Protocol

import delivery.image  # which imports a module at its first use: sigstore takes a second
from delivery.attestation import Bundle, signed_bytes
from delivery.aws import kms
from delivery.aws.kms import Key
from delivery.aws.session import Aws
from delivery.context import RunContext
from delivery.errors import ConfigurationError
from delivery.settings import KEYLESS


class Signer(Protocol):
    """Who signs."""

    def sign(self, payload: bytes) -> Bundle:
        """The bundle of a payload. Raises CloudError."""

    def verifies(self, bundle: Bundle) -> bool:
        """Whether this signer made the bundle. Raises CloudError."""


@dataclass(frozen=True)
class KmsSigner:
    """A key of KMS, asked with the credentials of one environment."""

    aws: Aws
    key: Key

    def sign(self, payload: bytes) -> Bundle:
        """The bundle of a payload, with the hint of the key. Raises CloudError."""
        return Bundle.made(payload, kms.sign(self.aws, self.key, signed_bytes(payload)), self.key.hint)

    def verifies(self, bundle: Bundle) -> bool:
        """Whether the key signed it. KMS is asked only for a bundle that names a key. Raises CloudError.

        A hint proves nothing, and other tools write other hints, so a hint of another key does not matter.
        """
        return bool(bundle.hint) and kms.verifies(self.aws, self.key, bundle.signed, bundle.signature)


def of_settings(run: RunContext) -> Signer:
    """The signer of `build.sign_with`, which may need other credentials than those of the environment.

    Raises ConfigurationError or CloudError.
    """
    require_possible(run)
    name, profile = run.settings.sign_with, run.settings.sign_profile
    if name == KEYLESS:
        return trusted(run, f"{run.shell.variables['GITHUB_SERVER_URL']}/{run.shell.variables['GITHUB_WORKFLOW_REF']}")
    if profile:
        aws = run.aws.with_profile(profile)
        return KmsSigner(aws, kms.read(aws, name))
    return trusted(run, name)


def require_possible(run: RunContext) -> None:
    """Raises ConfigurationError for a signature without a key outside of a workflow: nobody says who signs there.

    GitHub sets the two variables of a job that has the permission; docs, "OpenID Connect reference".
    """
    needed = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_SERVER_URL")
    absent = [name for name in (*needed, "GITHUB_WORKFLOW_REF") if not run.shell.variables.get(name)]
    if run.settings.sign_with == KEYLESS and absent:
        raise ConfigurationError(
            f"build.sign_with is {KEYLESS}, and this is no job of GitHub that may sign.",
            f"{', '.join(absent)} is not set. Without a key, the workflow is the signer.",
            "in a workflow `id-token: write`; on a laptop a key of KMS, or `INVOKE_BUILD_SIGN_WITH=` for no signature",
        )


def trusted(run: RunContext, name: str) -> Signer:
    """The signer of this name: a key of KMS, or the identity of a workflow.

    Raises ConfigurationError for a key that cannot sign images, or CloudError.
    """
    if name.startswith(kms.NOTATION):
        return KmsSigner(run.aws, kms.read(run.aws, name))
    return delivery.image.keyless.KeylessSigner(name, run.shell.variables, run.aws.connections())
