"""Attestations: a signed statement about an image, in the format that cosign, GitHub and npm share.

    predicate -> Statement (in-toto) -> payload -> signed bytes (DSSE) -> signature -> Bundle (sigstore)

A Bundle that was read is a value that nobody has verified yet: image/trust.py does. Reading is strict, because the
bytes come from a registry to which somebody else may have pushed.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
"""https://docs.sigstore.dev/about/bundle/"""
PROVENANCE = "https://slsa.dev/provenance/v1"
SBOM = "https://cyclonedx.org/bom"
"""Predicate types: https://slsa.dev/spec/v1.0/provenance, https://cyclonedx.org/specification/overview/"""
LARGEST = 16 << 20  # bytes of a bundle that is read; an SBOM of ten thousand packages has a third of it

_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"


class MalformedError(ValueError):
    """Bytes that are no bundle, or a payload that is no statement about one image."""


@dataclass(frozen=True)
class Statement:
    """What somebody states about an image; https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.

    `kind`: the type of the predicate. `name`: of the image, for people. `digest`: of the image, `sha256:...`.
    """

    kind: str
    name: str
    digest: str
    predicate: Mapping[str, Any]

    def payload(self) -> bytes:
        """The bytes that are signed: the same for the same statement."""
        subject = [{"name": self.name, "digest": {"sha256": self.digest.removeprefix("sha256:")}}]
        return _json({"_type": _STATEMENT, "subject": subject, "predicateType": self.kind, "predicate": self.predicate})

    @classmethod
    def parse(cls, payload: bytes) -> "Statement":
        """The statement of a payload. Raises MalformedError for anything but a statement about one sha256 digest."""
        document = _document(payload)
        if document.get("_type") != _STATEMENT:
            raise MalformedError(f"a statement of type {document.get('_type')!r}")
        subjects = _a(list, document, "subject")
        if len(subjects) != 1:
            raise MalformedError(f"{len(subjects)} subjects")
        subject = _is(dict, subjects[0], "subject")
        digest = _a(str, _a(dict, subject, "digest"), "sha256")
        kind, predicate = _a(str, document, "predicateType"), _a(dict, document, "predicate")
        return cls(kind, _is(str, subject.get("name", ""), "name"), f"sha256:{digest}", predicate)


@dataclass(frozen=True)
class Bundle:
    """A payload with its signature. `hint`: which key made it; empty if a certificate in the bundle names who did.

    `content`: the bytes of the bundle, as they are stored.
    """

    payload: bytes
    signature: bytes
    hint: str
    content: bytes

    @classmethod
    def made(cls, payload: bytes, signature: bytes, hint: str) -> "Bundle":
        """The bundle of a signature by a key that lives long, which the verifier has to know."""
        envelope = {
            "payload": _base64(payload),
            "payloadType": _PAYLOAD,
            "signatures": [{"keyid": "", "sig": _base64(signature)}],
        }
        material = {"publicKey": {"hint": hint}, "tlogEntries": []}
        document = {"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}
        return cls(payload, signature, hint, _json(document))

    @classmethod
    def parse(cls, content: bytes) -> "Bundle":
        """The bundle in these bytes. Raises MalformedError for any that is not a DSSE envelope with one signature."""
        document = _document(content)
        if document.get("mediaType") != BUNDLE:
            raise MalformedError(f"a bundle of type {document.get('mediaType')!r}")
        envelope = _a(dict, document, "dsseEnvelope")
        if envelope.get("payloadType") != _PAYLOAD:
            raise MalformedError(f"a payload of type {envelope.get('payloadType')!r}")
        signatures = _a(list, envelope, "signatures")
        if len(signatures) != 1:
            raise MalformedError(f"{len(signatures)} signatures")
        signature = _decoded(_is(dict, signatures[0], "signature"), "sig")
        return cls(_decoded(envelope, "payload"), signature, _hint(document), content)

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers."""
        return signed_bytes(self.payload)

    def statement(self) -> Statement:
        """The statement, which counts only after the signature was verified. Raises MalformedError."""
        return Statement.parse(self.payload)


def signed_bytes(payload: bytes) -> bytes:
    """The pre-authentication encoding of a statement: github.com/secure-systems-lab/dsse, protocol.md."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _hint(document: Mapping[str, Any]) -> str:
    material = _a(dict, document, "verificationMaterial")
    if "publicKey" in material:
        return _a(str, _a(dict, material, "publicKey"), "hint")
    _a(dict, material, "certificate")
    return ""


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _document(content: bytes) -> dict[str, Any]:
    """A JSON object, read so that two readers cannot read it differently: RFC 8259 leaves repeated names open."""
    if len(content) > LARGEST:
        raise MalformedError(f"{len(content)} bytes, more than {LARGEST}")
    try:
        document = json.loads(content, object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"no JSON: {error}") from error
    return _is(dict, document, "document")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedError("a name that stands there twice")
    return result


def _no_number(text: str) -> NoReturn:
    raise MalformedError(f"{text} is no number of JSON")


def _a(kind: type[T], document: Mapping[str, Any], name: str) -> T:
    if name not in document:
        raise MalformedError(f"no {name}")
    return _is(kind, document[name], name)


def _is(kind: type[T], value: object, name: str) -> T:
    if not isinstance(value, kind):
        raise MalformedError(f"{name} is no {kind.__name__}")
    return value


def _decoded(document: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(_a(str, document, name), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"{name}: {error}") from error


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
