"""KMS: signs with a key that never leaves it. Only those whom the policy of the key allows kms:Sign can sign.

A key is named as cosign names it, `awskms:///alias/NAME` or `awskms:///ARN`: settings.py has the forms. KMS verifies as
well, so nothing here computes a signature, and a verifier needs no package.
"""

import base64
import hashlib
from dataclasses import dataclass

from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import ConfigurationError
from delivery.settings import FILE

NOTATION = "awskms:///"
# The one algorithm that cosign and the libraries of sigstore take for each kind of key, and its hash.
# https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
_RSA = ("RSASSA_PKCS1_V1_5_SHA_256", "sha256")
_ALGORITHMS = {
    "ECC_NIST_P256": ("ECDSA_SHA_256", "sha256"),
    "ECC_NIST_P384": ("ECDSA_SHA_384", "sha384"),
    "ECC_NIST_P521": ("ECDSA_SHA_512", "sha512"),
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
}
_LONGEST = 6144  # bytes of a signature: https://docs.aws.amazon.com/kms/latest/APIReference/API_Verify.html


@dataclass(frozen=True)
class Key:
    """A key that signs. `name`: as in the settings. `spec`: the kind of key, as KMS names it.

    `hint`: the digest of the public key, by which a bundle names its key.
    """

    name: str
    spec: str
    hint: str

    @property
    def id(self) -> str:
        """The key as KMS names it: an alias, an id, or the ARN of one of them."""
        return self.name.removeprefix(NOTATION)

    @property
    def region(self) -> str:
        """The region of an ARN; empty for any other name, which is of the region of the environment."""
        return _region(self.name)


def read(aws: Aws, name: str) -> Key:
    """The key of this name. Raises ConfigurationError for a key that cannot sign images, or CloudError."""
    with aws.explained(f"read the public key of {name} (kms:GetPublicKey)"):
        try:
            answer = aws.kms(_region(name)).get_public_key(KeyId=name.removeprefix(NOTATION))
        except ClientError as error:
            if error_code(error) == "UnsupportedOperationException":  # a symmetric key has no public one
                raise _unusable(name, "a symmetric key") from error
            raise
    spec = answer["KeySpec"]
    if answer["KeyUsage"] != "SIGN_VERIFY" or spec not in _ALGORITHMS:
        raise _unusable(name, f"a key {spec} for {answer['KeyUsage']}")
    # As sigstore's libraries name a key: github.com/sigstore/sigstore-go, pkg/sign/keys.go
    return Key(name, spec, base64.b64encode(hashlib.sha256(answer["PublicKey"]).digest()).decode())


def sign(aws: Aws, key: Key, message: bytes) -> bytes:
    """The signature of a message. Raises CloudError, which names kms:Sign."""
    with aws.explained(f"sign with {key.name} (kms:Sign)"):
        algorithm, digest = _algorithm(key, message)
        answer = aws.kms(key.region).sign(
            KeyId=key.id, Message=digest, MessageType="DIGEST", SigningAlgorithm=algorithm
        )
    signature: bytes = answer["Signature"]
    return signature


def verifies(aws: Aws, key: Key, message: bytes, signature: bytes) -> bool:
    """Whether the key signed the message. Raises CloudError, which names kms:Verify."""
    if not 0 < len(signature) <= _LONGEST:
        return False
    with aws.explained(f"verify a signature with {key.name} (kms:Verify)"):
        algorithm, digest = _algorithm(key, message)
        try:
            answer = aws.kms(key.region).verify(
                KeyId=key.id, Message=digest, MessageType="DIGEST", Signature=signature, SigningAlgorithm=algorithm
            )
        except ClientError as error:
            if error_code(error) == "KMSInvalidSignatureException":
                return False
            raise
    return answer["SignatureValid"] is True


def _region(name: str) -> str:
    id_ = name.removeprefix(NOTATION)
    return id_.split(":")[3] if id_.startswith("arn:") else ""


def _algorithm(key: Key, message: bytes) -> tuple[str, bytes]:
    """The algorithm of the key, and the digest of the message: KMS takes at most 4,096 bytes of a message itself."""
    algorithm, hashing = _ALGORITHMS[key.spec]
    return algorithm, hashlib.new(hashing, message).digest()


def _unusable(name: str, what: str) -> ConfigurationError:
    why = f"It is {what}. Images are signed by keys for SIGN_VERIFY: {', '.join(_ALGORITHMS)}."
    return ConfigurationError(f"{name} cannot sign images.", why, f"name another key in {FILE}")
