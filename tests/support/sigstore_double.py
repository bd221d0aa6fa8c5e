"""A Sigstore of one process: GitHub's tokens, Fulcio with its log of certificates, and Rekor (version 1).

It issues what the real one issues for a workflow; `trust` is the configuration with which sigstore-python trusts it.
"""

import base64
import contextlib
import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER = "https://token.actions.githubusercontent.com"
# https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
_FULCIO = "1.3.6.1.4.1.57264.1."
_SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")  # RFC 6962, 3.3
_P256 = "PKIX_ECDSA_P256_SHA_256"
_SHA256 = ec.ECDSA(hashes.SHA256())


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(der, spki)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _der(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else struct.pack("!BH", 0x82, size)
    return tag + length + content


class Sigstore:
    """The keys of one Sigstore. `workflow`: OWNER/NAME/.github/workflows/FILE@REF, of the job that asks."""

    def __init__(self, workflow: str) -> None:
        self.workflow, self.url = workflow, ""
        self.authority, self.certificates, self.log = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.since = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        names = ((NameOID.COMMON_NAME, "test"), (NameOID.ORGANIZATION_NAME, "test"))
        name = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.authority.public_key())
        self.root = (
            self._issued(name, name, self.authority.public_key(), self.since, timedelta(days=3650))
            .add_extension(x509.BasicConstraints(True, 1), True)
            .add_extension(usage, True)
            .add_extension(identifier, False)
            .sign(self.authority, hashes.SHA256())
        )

    def variables(self) -> dict[str, str]:
        """What GitHub gives to a job that may sign."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "hush",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKFLOW_REF": self.workflow,
        }

    def token(self) -> str:
        """A token of the job, without a signature: Fulcio alone would check it."""
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": ISSUER, "aud": "sigstore", "sub": "repo:o/n:ref:refs/heads/main", "iat": now, "exp": now + 300}
        parts = ({"alg": "RS256", "typ": "JWT"}, {**claims, "nbf": now, "job_workflow_ref": self.workflow})
        return ".".join([*(base64.urlsafe_b64encode(_canonical(part)).decode().rstrip("=") for part in parts), "AA"])

    def certificate(self, request: bytes) -> list[str]:
        """The chain of a certificate for the key of a signing request, with the proof that it was logged."""
        key = x509.load_pem_x509_csr(request).public_key()
        san = x509.UniformResourceIdentifier(f"https://github.com/{self.workflow}")
        builder = (
            self._issued(x509.Name([]), self.root.subject, key, datetime.now(UTC), timedelta(minutes=10))
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), False)
            .add_extension(x509.SubjectAlternativeName([san]), True)
            .add_extension(x509.UnrecognizedExtension(ObjectIdentifier(f"{_FULCIO}1"), ISSUER.encode()), False)
            .add_extension(
                x509.UnrecognizedExtension(ObjectIdentifier(f"{_FULCIO}8"), _der(b"\x0c", ISSUER.encode())), False
            )
        )
        scts = self._logged(builder.sign(self.authority, hashes.SHA256()).tbs_certificate_bytes)
        leaf = builder.add_extension(x509.UnrecognizedExtension(_SCTS, scts), False)
        chain = (leaf.sign(self.authority, hashes.SHA256()), self.root)
        return [each.public_bytes(serialization.Encoding.PEM).decode() for each in chain]

    def entry(self, proposed: Any) -> dict[str, Any]:
        """The entry of Rekor for a proposed one of kind dsse 0.0.1, in a tree of one."""
        content = proposed["spec"]["proposedContent"]
        envelope = json.loads(content["envelope"])
        hashed = (content["envelope"].encode(), base64.b64decode(envelope["payload"]))
        digests = [{"algorithm": "sha256", "value": hashlib.sha256(each).hexdigest()} for each in hashed]
        signatures = [
            {"signature": each["sig"], "verifier": content["verifiers"][0]} for each in envelope["signatures"]
        ]
        spec = {"envelopeHash": digests[0], "payloadHash": digests[1], "signatures": signatures}
        body = _canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        log, leaf = hashlib.sha256(_public(self.log)).hexdigest(), hashlib.sha256(b"\0" + body).digest()
        at = int(datetime.now(UTC).timestamp())
        entry = {"body": _text(body), "integratedTime": at, "logID": log, "logIndex": 0}
        note = f"127.0.0.1 - 1\n1\n{_text(leaf)}\n"
        mark = _text(bytes.fromhex(log)[:4] + self.log.sign(note.encode(), _SHA256))
        checkpoint = f"{note}\n\N{EM DASH} 127.0.0.1 {mark}\n"
        proof = {"checkpoint": checkpoint, "hashes": [], "logIndex": 0, "rootHash": leaf.hex(), "treeSize": 1}
        promise = _text(self.log.sign(_canonical(entry), _SHA256))
        return {leaf.hex(): {**entry, "verification": {"inclusionProof": proof, "signedEntryTimestamp": promise}}}

    def trust(self) -> str:
        """The configuration of a client, as `sigstore --trust-config` reads it."""
        since = {"start": self.since.isoformat().replace("+00:00", "Z")}
        chain = {"certificates": [{"rawBytes": _text(self.root.public_bytes(serialization.Encoding.DER))}]}
        subject = {"organization": "test", "commonName": "test"}
        authority = {"subject": subject, "uri": self.url, "certChain": chain, "validFor": since}
        service = [{"url": self.url, "majorApiVersion": 1, "validFor": since, "operator": "test"}]
        selector = {"selector": "ANY"}
        signing = {"caUrls": service, "oidcUrls": service, "rekorTlogUrls": service, "tsaUrls": []}
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._log(self.log, since)],
            "ctlogs": [self._log(self.certificates, since)],
            "certificateAuthorities": [authority],
            "timestampAuthorities": [],
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": root,
                "signingConfig": {
                    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                    **signing,
                    "rekorTlogConfig": selector,
                    "tsaConfig": selector,
                },
            }
        )

    def _issued(
        self, subject: Any, issuer: Any, key: Any, begin: datetime, lives: timedelta
    ) -> x509.CertificateBuilder:
        start = begin.replace(microsecond=0)
        return (
            x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + lives)
        )

    def _logged(self, before: bytes) -> bytes:
        """The extension with the timestamp of the log of certificates: RFC 6962, 3.2 and 3.3."""
        at = int(datetime.now(UTC).timestamp() * 1000)
        issuer, size = hashlib.sha256(_public(self.authority)).digest(), struct.pack("!I", len(before))[1:]
        signed = struct.pack("!BBQH", 0, 0, at, 1) + issuer + size + before + b"\0\0"
        signature = self.certificates.sign(signed, _SHA256)
        head = b"\0" + hashlib.sha256(_public(self.certificates)).digest() + struct.pack("!QH", at, 0) + b"\4\3"
        sct = head + struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!H", len(sct)) + sct
        return _der(b"\x04", struct.pack("!H", len(listed)) + listed)

    def _log(self, key: ec.EllipticCurvePrivateKey, since: dict[str, str]) -> dict[str, Any]:
        public = {"rawBytes": _text(_public(key)), "keyDetails": _P256, "validFor": since}
        identifier = {"keyId": _text(hashlib.sha256(_public(key)).digest())}
        return {"baseUrl": self.url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": identifier}


@contextlib.contextmanager
def served(workflow: str) -> Iterator[Sigstore]:
    """A Sigstore that answers while this is open."""
    store = Sigstore(workflow)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer hush"
            assert self.path.endswith("&audience=sigstore"), self.path
            self.answer(200, {"value": store.token()})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/api/v2/signingCert":
                chain = store.certificate(base64.b64decode(asked["certificateSigningRequest"]))
                self.answer(200, {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})
            else:
                self.answer(201, store.entry(asked))

        def answer(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not on the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        serving.join(5)
