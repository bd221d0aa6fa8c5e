"""An image is copied byte for byte, also after an interrupted copy and through temporary failures."""

import pytest
import urllib3
from support.aws import FakeEcr
from support.registry import CONFIG, KIND, LAYERS, FakeRegistry, digest_of, image, response

from delivery.aws import transfer
from delivery.aws.distribution import Login, Manifest, Repository
from delivery.aws.transfer import Copied
from delivery.errors import CloudError, RefusedError

ACCESS = Login("http://registry.test:5000", "hush")
BASE, APP, CONFIGURATION = map(digest_of, (*LAYERS, CONFIG))
TEXT, BLOBS = image()
MANIFEST = Manifest(TEXT.encode(), KIND)
WHOLE = sum(map(len, BLOBS.values()))
LOST = urllib3.exceptions.ProtocolError("Connection aborted.")


@pytest.fixture
def registry(monkeypatch):
    made = FakeRegistry(FakeEcr({"from": {MANIFEST.digest: TEXT}, "to": {}}))
    made.blobs["from"] = dict(BLOBS)
    return made.install(monkeypatch)


def copy(access=ACCESS, update=str):
    source, destination = Repository(ACCESS, "from"), Repository(access, "to")
    return transfer.copy(source, destination, MANIFEST, update)


def manifests(registry):
    return registry.ecrs[0].repositories["to"]


def test_an_image_is_copied_byte_for_byte_and_its_manifest_last(registry):
    assert copy() == Copied(sent=WHOLE)
    assert registry.blobs["to"] == BLOBS
    assert manifests(registry) == {MANIFEST.digest: TEXT}
    assert registry.typed("PUT")[-1] == f"/v2/to/manifests/{MANIFEST.digest}"
    put = registry.headers[registry.asked.index(("PUT", registry.typed("PUT")[-1]))]
    assert put["Content-Type"] == KIND


def test_each_blob_is_sent_in_one_request_of_known_length(registry):
    copy()
    assert registry.typed("PATCH") == []
    uploads = [
        (path, given)
        for (method, path), given in zip(registry.asked, registry.headers, strict=True)
        if method == "PUT" and "uploads" in path
    ]
    assert [given["Content-Length"] for _, given in uploads] == [str(len(BLOBS[d])) for d in (BASE, APP, CONFIGURATION)]
    assert all("?state=x&digest=sha256" in path for path, _ in uploads)


def test_progress_is_shown_in_bytes_of_the_total(registry):
    del registry
    output = []
    copy(update=output.append)
    assert output[0] == "0.0 of 2.5 MB"
    assert output[-1] == "2.5 of 2.5 MB"
    assert len(set(output)) > 3, "progress is shown during a large layer"


def test_a_blob_that_is_present_is_not_sent_again(registry):
    copy()
    registry.asked.clear()
    assert copy() == Copied(present=WHOLE)
    assert [path for path in registry.typed("PUT") if "blobs" in path] == registry.typed("POST") == []


def test_the_next_copy_completes_an_interrupted_copy(registry):
    registry.answers = [("PUT", "/blobs/uploads/", response(201)), *[("PUT", "/blobs/uploads/", LOST)] * 3]
    registry.blobs["to"] = {}
    with pytest.raises(CloudError, match="cannot be reached"):
        copy()
    assert manifests(registry) == {}, "no manifest names a missing blob"
    registry.blobs["to"] = {BASE: BLOBS[BASE]}
    assert copy() == Copied(sent=WHOLE - len(BLOBS[BASE]), present=len(BLOBS[BASE]))
    assert registry.blobs["to"] == BLOBS


@pytest.mark.parametrize("failure", [LOST, 503, 429])
def test_a_blob_is_sent_again_from_its_beginning_after_a_temporary_failure(registry, failure):
    registry.answers = [("PUT", "/blobs/uploads/", failure)] * 2
    assert copy() == Copied(sent=WHOLE)
    assert registry.blobs["to"] == BLOBS
    assert len(registry.typed("POST")) == 5


def test_a_refusal_is_reported_at_once_with_the_text_of_the_registry(registry):
    registry.answers = [("POST", "/blobs/uploads/", response(403, b"User is not authorized: ecr:InitiateLayerUpload"))]
    with pytest.raises(CloudError) as caught:
        copy()
    assert caught.value.what == "The registry answered 403 to POST to."
    assert "ecr:InitiateLayerUpload" in caught.value.why
    assert len(registry.typed("POST")) == 1


def test_a_registry_that_mounts_blobs_sends_none_over_the_network(registry):
    registry.mounts = True
    assert copy() == Copied(mounted=WHOLE)
    assert registry.blobs["to"] == BLOBS
    assert [path for path in registry.typed("GET") if "blobs" in path] == []


def test_another_registry_is_not_asked_to_mount(registry):
    copy(Login("https://elsewhere.test", "other"))
    assert all("mount" not in path for path in registry.typed("POST"))


def test_bytes_with_another_digest_are_refused_before_the_last_piece_is_sent(registry):
    registry.blobs["from"][BASE] = LAYERS[0][:-1] + b"!"
    with pytest.raises(RefusedError, match="other bytes"):
        copy()
    assert registry.blobs.get("to", {}) == {}
    assert manifests(registry) == {}


def test_a_manifest_that_the_registry_returns_with_other_bytes_is_refused(registry):
    registry.answers = [("GET", "to/manifests", response(200, TEXT.replace(" ", "").encode(), {"Content-Type": KIND}))]
    with pytest.raises(RefusedError, match="does not hold the same manifest"):
        copy()


def test_the_password_is_sent_to_its_registry_only_and_is_not_shown(registry):
    elsewhere = {"Location": "https://storage.test/upload?signature=s"}
    registry.answers = [("POST", "/blobs/uploads/", response(202, b"", elsewhere))]
    copy()
    (elsewhere,) = [path for path in registry.typed("PUT") if path.startswith("/upload?signature=s&digest=")]
    shown = {asked: "authorization" in given for asked, given in zip(registry.asked, registry.headers, strict=True)}
    assert [asked for asked, password in shown.items() if not password] == [("PUT", elsewhere)]
    assert "hush" not in repr(Repository(ACCESS, "from"))


@pytest.mark.parametrize(
    ("copied", "text"),
    [
        (Copied(sent=31_300_000), "31.3 MB copied"),
        (Copied(sent=1_000_000, present=2_000_000), "1.0 MB copied, 2.0 MB present before"),
        (Copied(mounted=5_000_000), "5.0 MB mounted"),
    ],
)
def test_a_copy_is_reported_in_mb(copied, text):
    assert str(copied) == text
