"""A signature without a key: a job of GitHub signs with a Sigstore of this machine, and others verify it."""

import json
from dataclasses import replace

import pytest
from support import sigstore_double

from delivery.attestation import PROVENANCE, Bundle, Statement
from delivery.aws.connections import Connections
from delivery.errors import CloudError
from delivery.image.keyless import KeylessSigner

WORKFLOW = "o/n/.github/workflows/deploy.yml@refs/heads/main"
IDENTITY = f"https://github.com/{WORKFLOW}"
PAYLOAD = Statement(PROVENANCE, "app", "sha256:" + "a" * 64, {"a": 1}).payload()


@pytest.fixture(scope="module")
def store():
    with sigstore_double.served(WORKFLOW) as store:
        yield store


@pytest.fixture(scope="module")
def workflow(store, tmp_path_factory):
    """The signer in a job of the workflow."""
    trust = tmp_path_factory.mktemp("sigstore") / "trust.json"
    trust.write_text(store.trust())
    return KeylessSigner(IDENTITY, {**store.variables(), "SIGSTORE_TRUST_CONFIG": str(trust)}, Connections())


@pytest.fixture(scope="module")
def bundle(workflow):
    return workflow.sign(PAYLOAD)


def test_what_a_workflow_signed_is_verified_as_its_own(workflow, bundle):
    assert (bundle.payload, bundle.hint) == (PAYLOAD, "")
    assert workflow.verifies(bundle)
    assert workflow.verifies(Bundle.parse(bundle.content))


@pytest.mark.parametrize(
    "identity",
    [
        IDENTITY.replace("main", "feature"),
        IDENTITY.replace("deploy", "other"),
        IDENTITY.replace("/o/", "/fork/"),
        f"{IDENTITY}-evil",
        IDENTITY.replace("github.com", "github.example"),
    ],
)
def test_another_workflow_did_not_sign_it(workflow, bundle, identity):
    assert not replace(workflow, identity=identity).verifies(bundle)


def test_another_payload_under_the_same_certificate_is_not_verified(workflow, bundle):
    document = json.loads(bundle.content)
    document["dsseEnvelope"]["payload"] = json.loads(Bundle.made(b"{}", b"x", "x").content)["dsseEnvelope"]["payload"]
    assert not workflow.verifies(Bundle.parse(json.dumps(document).encode()))


@pytest.mark.parametrize("certificate", ["", "AAAA", "no base64"])
def test_a_certificate_that_is_none_is_not_verified(workflow, bundle, certificate):
    document = json.loads(bundle.content)
    document["verificationMaterial"]["certificate"]["rawBytes"] = certificate
    assert not workflow.verifies(Bundle.parse(json.dumps(document).encode()))


def test_a_bundle_without_an_entry_of_the_log_is_not_verified(workflow, bundle):
    document = json.loads(bundle.content)
    document["verificationMaterial"]["tlogEntries"] = []
    assert not workflow.verifies(Bundle.parse(json.dumps(document).encode()))


def test_a_bundle_of_a_key_is_not_verified(workflow):
    assert not workflow.verifies(Bundle.made(PAYLOAD, b"signature", "hint"))


def test_another_sigstore_is_not_trusted(workflow, bundle, tmp_path):
    with sigstore_double.served(WORKFLOW) as other:
        (tmp_path / "trust.json").write_text(other.trust())
    variables = {**workflow.variables, "SIGSTORE_TRUST_CONFIG": str(tmp_path / "trust.json")}
    assert not replace(workflow, variables=variables).verifies(bundle)


def test_a_sigstore_that_does_not_answer_fails_with_8(workflow, tmp_path):
    with sigstore_double.served(WORKFLOW) as gone:
        (tmp_path / "trust.json").write_text(gone.trust())
    variables = {**workflow.variables, "SIGSTORE_TRUST_CONFIG": str(tmp_path / "trust.json")}
    with pytest.raises(CloudError, match="Could not sign with Sigstore") as caught:
        replace(workflow, variables=variables).sign(PAYLOAD)
    assert caught.value.exit_code == 8
