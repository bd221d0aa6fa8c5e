"""A signature without a key: what a job is told that gets no token, no configuration or no answer.

What a Sigstore answers, and who verifies it, is in tests/integration/test_keyless.py.
"""

import base64
import json
import urllib.parse
from dataclasses import replace

import pytest
import urllib3
from support.registry import response
from support.sigstore_double import Sigstore

from delivery.attestation import PROVENANCE, Bundle, Statement
from delivery.aws.connections import Connections
from delivery.errors import CloudError, ConfigurationError
from delivery.image.keyless import KeylessSigner

WORKFLOW = "o/n/.github/workflows/deploy.yml@refs/heads/main"
PAYLOAD = Statement(PROVENANCE, "app", "sha256:" + "a" * 64, {"a": 1}).payload()
BUNDLE = Bundle(PAYLOAD, b"signature", "", b"{}")


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The signer in a job, whose request for a token gets `answers`."""
    store = Sigstore(WORKFLOW)
    store.url = "http://sigstore.test"
    (tmp_path / "trust.json").write_text(store.trust())
    answers = [response(200, json.dumps({"value": store.token()}).encode())]
    asked = []

    def request(pool, method, url, **options):
        del pool
        asked.append((method, urllib.parse.urlsplit(url).query, options["headers"]))
        answer = answers[-1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    variables = {**store.variables(), "SIGSTORE_TRUST_CONFIG": str(tmp_path / "trust.json")}
    signer = KeylessSigner(f"https://github.com/{WORKFLOW}", variables, Connections())
    return signer, answers, asked


def test_the_token_is_asked_for_with_the_secret_of_the_job_and_for_sigstore_alone(job):
    signer, _, asked = job
    with pytest.raises(CloudError):
        signer.sign(PAYLOAD)
    assert asked == [("GET", "api-version=2.0&audience=sigstore", {"Authorization": "Bearer hush"})]


@pytest.mark.parametrize(
    "answer",
    [
        response(403, b"no"),
        response(200, b"no JSON"),
        response(200, b"[]"),
        response(200, b"{}"),
        urllib3.exceptions.HTTPError("refused"),
    ],
)
def test_a_job_that_gets_no_token_is_told_which_permission_it_needs(job, answer):
    signer, answers, _ = job
    answers.append(answer)
    with pytest.raises(CloudError, match="token") as caught:
        signer.sign(PAYLOAD)
    assert caught.value.exit_code == 8
    assert caught.value.hint.startswith("`id-token: write`")
    assert "hush" not in str(caught.value)


def test_a_sigstore_that_cannot_be_reached_fails_with_8(job):
    signer, _, _ = job
    with pytest.raises(CloudError, match="Could not sign with Sigstore") as caught:
        signer.sign(PAYLOAD)
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("text", [None, "", "{}", '{"mediaType": "x"}'])
def test_a_trust_configuration_that_cannot_be_read_is_named(job, tmp_path, text):
    signer, _, _ = job
    file = tmp_path / "other.json"
    if text is not None:
        file.write_text(text)
    other = replace(signer, variables={**signer.variables, "SIGSTORE_TRUST_CONFIG": str(file)})
    for call in (lambda: other.verifies(BUNDLE), lambda: other.sign(PAYLOAD)):
        with pytest.raises(ConfigurationError, match="SIGSTORE_TRUST_CONFIG") as caught:
            call()
        assert caught.value.hint == f"correct SIGSTORE_TRUST_CONFIG: {file}"


@pytest.mark.parametrize("rest", [{}, {"certificate": {"rawBytes": base64.b64encode(b"none").decode()}}])
def test_what_sigstore_cannot_read_is_not_verified(job, rest):
    signer, _, _ = job
    document = {**json.loads(Bundle.made(PAYLOAD, b"signature", "hint").content), "verificationMaterial": rest}
    assert not signer.verifies(replace(BUNDLE, content=json.dumps(document).encode()))
