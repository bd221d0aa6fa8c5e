"""An independent judge: sigstore's own verifier for JavaScript accepts what the suite signs, and nothing else."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support import sigstore_double

from delivery.attestation import PROVENANCE, SBOM, Bundle, Statement, signed_bytes
from delivery.aws.connections import Connections
from delivery.image.keyless import KeylessSigner

JUDGE = Path(__file__).parents[1] / "support" / "judge"
WORKFLOW = "o/n/.github/workflows/deploy.yml@refs/heads/main"
IDENTITY = f"https://github.com/{WORKFLOW}"
DIGEST = "sha256:" + "a" * 64

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="the judge needs node and npm, which are not installed")


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """Asks the judge; its packages are locked with their hashes."""
    folder = tmp_path_factory.mktemp("judge")
    for file in JUDGE.iterdir():
        shutil.copy(file, folder)
    install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    subprocess.run(install, cwd=folder, check=True, timeout=120)

    def ask(bundle, **asked):
        document = json.dumps({"bundle": json.loads(bundle.content), **asked})
        argv = ("node", "judge.js")
        result = subprocess.run(
            argv, cwd=folder, input=document, capture_output=True, text=True, check=True, timeout=60
        )
        return result.stdout.strip()

    return ask


class LocalKey:
    """A key as KMS has one: it signs a digest, and gives its public key as DER."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        self.public = self._key.public_key().public_bytes(der, spki)
        self.hint = base64.b64encode(hashlib.sha256(self.public).digest()).decode()  # as aws/kms.py names it

    def bundle(self, kind, predicate):
        payload = Statement(kind, "app", DIGEST, predicate).payload()
        signature = self._key.sign(signed_bytes(payload), ec.ECDSA(hashes.SHA256()))
        return Bundle.made(payload, signature, self.hint)

    def as_hint(self, hint):
        return {hint: base64.b64encode(self.public).decode()}


@pytest.mark.parametrize("kind", [SBOM, PROVENANCE])
def test_a_bundle_of_a_key_is_accepted_by_its_key_and_refused_by_another(judge, kind):
    key, other = LocalKey(), LocalKey()
    bundle = key.bundle(kind, {"a": "é"})
    assert judge(bundle, keys=key.as_hint(key.hint)) == "accepted"
    assert judge(bundle, keys=other.as_hint(key.hint)) == "refused: SIGNATURE_ERROR"
    assert judge(bundle, keys=other.as_hint(other.hint)) == "refused: PUBLIC_KEY_ERROR"


def test_a_changed_payload_is_refused(judge):
    key = LocalKey()
    document = json.loads(key.bundle(PROVENANCE, {"a": 1}).content)
    document["dsseEnvelope"]["payload"] = json.loads(key.bundle(PROVENANCE, {"a": 2}).content)["dsseEnvelope"][
        "payload"
    ]
    changed = Bundle.parse(json.dumps(document).encode())
    assert judge(changed, keys=key.as_hint(key.hint)) == "refused: SIGNATURE_ERROR"


def test_a_bundle_of_a_workflow_is_accepted_for_this_workflow_and_refused_for_another(judge, tmp_path):
    with sigstore_double.served(WORKFLOW) as store:
        (tmp_path / "trust.json").write_text(store.trust())
        variables = {**store.variables(), "SIGSTORE_TRUST_CONFIG": str(tmp_path / "trust.json")}
        payload = Statement(PROVENANCE, "app", DIGEST, {"a": 1}).payload()
        bundle = KeylessSigner(IDENTITY, variables, Connections()).sign(payload)
        trust = json.loads(store.trust())["trustedRoot"]
    assert judge(bundle, trust=trust, identity=IDENTITY) == "accepted"
    another = IDENTITY.replace("main", "feature")
    assert judge(bundle, trust=trust, identity=another) == "refused: UNTRUSTED_SIGNER_ERROR"
    with sigstore_double.served(WORKFLOW) as other:
        trust = json.loads(other.trust())["trustedRoot"]
    assert judge(bundle, trust=trust, identity=IDENTITY).startswith("refused: ")
