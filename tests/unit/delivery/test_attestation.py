"""Attestations: the bytes that are signed and stored, and everything that is not read as an attestation."""

import base64
import json

import pytest

from delivery import attestation
from delivery.attestation import PROVENANCE, Bundle, MalformedError, Statement, signed_bytes

DIGEST = "sha256:" + "a" * 64
STATEMENT = Statement(PROVENANCE, "registry/app", DIGEST, {"b": 1, "a": [True, None]})


def encoded(content):
    return base64.b64encode(content).decode()


def bundle(**changes):
    """The document of a good bundle, with changed members of the envelope and of the bundle."""
    document = json.loads(Bundle.made(STATEMENT.payload(), b"signature", "hint").content)
    for name, value in changes.items():
        where = document if name in document else document["dsseEnvelope"]
        where[name] = value
        if value is ...:
            del where[name]
    return json.dumps(document).encode()


def test_the_signed_bytes_are_those_of_the_specification():
    """The example of DSSE's protocol.md has another type and payload; lengths count bytes, not characters."""
    assert signed_bytes("é".encode()) == b"DSSEv1 28 application/vnd.in-toto+json 2 \xc3\xa9"


def test_the_same_statement_has_the_same_bytes_whatever_the_order_of_its_members():
    other = Statement(PROVENANCE, "registry/app", DIGEST, {"a": [True, None], "b": 1})
    assert other.payload() == STATEMENT.payload()
    assert json.loads(STATEMENT.payload()) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "registry/app", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"a": [True, None], "b": 1},
    }


def test_a_bundle_that_was_made_is_read_as_it_was_made():
    made = Bundle.made(STATEMENT.payload(), b"signature", "hint")
    assert Bundle.parse(made.content) == made
    assert (made.statement(), made.signed) == (STATEMENT, signed_bytes(STATEMENT.payload()))


def test_a_bundle_names_its_format_the_key_and_no_log_entry():
    document = json.loads(Bundle.made(b"{}", b"signature", "hint").content)
    assert document == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "hint"}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": "e30=",
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": "", "sig": encoded(b"signature")}],
        },
    }


def test_a_bundle_with_a_certificate_names_no_key():
    material = {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{"logIndex": "1"}]}
    assert Bundle.parse(bundle(verificationMaterial=material)).hint == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "document is no dict"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"mediaType": "x", "mediaType": "y"}', "twice"),
        (bundle(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"), "a bundle of type"),
        (bundle(mediaType=...), "a bundle of type None"),
        (bundle(dsseEnvelope=...), "no dsseEnvelope"),
        (bundle(dsseEnvelope=[]), "dsseEnvelope is no dict"),
        (bundle(payloadType="text/plain"), "a payload of type 'text/plain'"),
        (bundle(payload="e30"), "payload: Incorrect padding"),
        (bundle(payload="e30=\n"), "payload: "),
        (bundle(payload="é"), "payload: "),
        (bundle(payload=7), "payload is no str"),
        (bundle(signatures=[]), "0 signatures"),
        (bundle(signatures=[{"sig": "AA=="}] * 2), "2 signatures"),
        (bundle(signatures=["AA=="]), "signature is no dict"),
        (bundle(signatures=[{"keyid": ""}]), "no sig"),
        (bundle(verificationMaterial={}), "no certificate"),
        (bundle(verificationMaterial={"publicKey": {}}), "no hint"),
        (bundle(verificationMaterial={"publicKey": "hint"}), "publicKey is no dict"),
    ],
)
def test_what_is_no_bundle_is_not_read_as_one(content, why):
    with pytest.raises(MalformedError, match=why):
        Bundle.parse(content)


def test_a_huge_bundle_is_not_parsed(monkeypatch):
    monkeypatch.setattr(attestation, "LARGEST", 100)
    with pytest.raises(MalformedError, match="101 bytes, more than 100"):
        Bundle.parse(b" " * 101)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "a statement of type"),
        ({"subject": []}, "0 subjects"),
        ({"subject": [{}, {}]}, "2 subjects"),
        ({"subject": [DIGEST]}, "subject is no dict"),
        ({"subject": [{"name": "x", "digest": {"sha512": "a"}}]}, "no sha256"),
        ({"subject": [{"name": 7, "digest": {"sha256": "a"}}]}, "name is no str"),
        ({"predicateType": None}, "predicateType is no str"),
        ({"predicate": "x"}, "predicate is no dict"),
    ],
)
def test_what_is_no_statement_about_one_image_is_not_read_as_one(changes, why):
    document = {**json.loads(STATEMENT.payload()), **changes}
    with pytest.raises(MalformedError, match=why):
        Bundle.made(json.dumps(document).encode(), b"signature", "hint").statement()
