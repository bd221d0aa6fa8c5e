"""Signers: a key of KMS, or a workflow that has no key. Each signs a payload, and knows its own signatures.

The two are named differently in the settings: `awskms:///...`, and `keyless` or the identity of a workflow.
"""

from dataclasses import dataclass
from typing import Protocol

from delivery.attestation import Bundle, signed_bytes
from delivery.aws import kms
from delivery.aws.kms import Key
from delivery.aws.session import Aws
from delivery.context import RunContext


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
    profile = run.settings.sign_profile
    if profile and run.settings.sign_with.startswith(kms.NOTATION):
        aws = run.aws.with_profile(profile)
        return KmsSigner(aws, kms.read(aws, run.settings.sign_with))
    return trusted(run, run.settings.sign_with)


def trusted(run: RunContext, name: str) -> Signer:
    """The signer of this name. Raises ConfigurationError for a key that cannot sign images, or CloudError."""
    return KmsSigner(run.aws, kms.read(run.aws, name))
