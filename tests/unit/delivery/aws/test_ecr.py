"""ECR: the login, repositories, images by tag, release tags, and the check of a pushed image."""

import json

import pytest
import urllib3
from support.aws import FakeAws, FakeEcr, refusal
from support.build import DIGEST, manifest
from support.world import IMAGE, NAME, PUSHED, URI, blobs

from delivery.aws import distribution, ecr
from delivery.aws.ecr import Login
from delivery.errors import BuildError, CloudError, RefusedError
from delivery.image import check
from delivery.reference import Image

ACCESS = Login("http://registry.test:5000", "hush")
OTHER = "sha256:" + "e" * 64
INDEX = "application/vnd.oci.image.index.v1+json"


def aws(text=None, tags=()):
    images = {DIGEST: text or manifest(), OTHER: "another"}
    return FakeAws(FakeEcr({NAME: images}, {(NAME, tag): DIGEST for tag in tags}))


def refused(monkeypatch, text=None, platform="linux/amd64", **config):
    blobs(monkeypatch, **config)
    with pytest.raises((BuildError, CloudError)) as caught:
        check.require_pushed(aws(text), PUSHED, platform, ACCESS)
    return caught.value


def test_a_login_shows_the_endpoint_and_not_the_password():
    access = ecr.authorize(FakeAws())
    assert (access.endpoint, access.password) == ("http://registry.test:5000", "hush")
    assert repr(access) == "Login(http://registry.test:5000)"


def test_a_good_image_is_reported_with_its_size(monkeypatch):
    requests = blobs(monkeypatch)
    assert check.require_pushed(aws(), PUSHED, "linux/amd64", ACCESS).size == "26.5 MB compressed, 2 layers"
    ((method, url, headers),) = requests
    config = "sha256:" + "c" * 64
    assert (method, url) == ("GET", f"http://registry.test:5000/v2/{NAME}/blobs/{config}")
    assert headers == urllib3.make_headers(basic_auth="AWS:hush")


@pytest.mark.parametrize("media_type", distribution.MANIFEST_TYPES)
def test_both_manifests_that_lambda_takes_are_accepted(monkeypatch, media_type):
    blobs(monkeypatch)
    assert check.require_pushed(aws(manifest(mediaType=media_type)), PUSHED, "linux/amd64", ACCESS)


@pytest.mark.parametrize("media_type", [INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"])
def test_an_index_is_refused_with_its_media_type_and_the_setting_that_avoids_it(monkeypatch, media_type):
    error = refused(monkeypatch, json.dumps({"mediaType": media_type, "manifests": []}))
    assert (error.exit_code, error.what) == (5, f"{URI} is a {media_type}.")
    assert "provenance" in error.hint


def test_another_platform_is_refused_by_name(monkeypatch):
    error = refused(monkeypatch, architecture="arm64")
    assert (error.exit_code, error.what) == (5, f"{URI} was built for linux/arm64.")
    assert error.why == "build.platform in invoke.yaml is linux/amd64."


def test_an_image_above_ten_gib_is_refused_with_its_size(monkeypatch):
    error = refused(monkeypatch, manifest(layers=[{"size": 6 * 1024**3}, {"size": 5 * 1024**3}]))
    assert (error.exit_code, error.what) == (5, f"{URI} has 11.0 GiB of compressed layers.")


def test_an_image_of_exactly_ten_gib_is_accepted(monkeypatch):
    blobs(monkeypatch)
    assert check.require_pushed(aws(manifest(layers=[{"size": 10 * 1024**3}])), PUSHED, "linux/amd64", ACCESS)


def test_a_digest_that_the_registry_does_not_have_is_reported(monkeypatch):
    blobs(monkeypatch)
    with pytest.raises(BuildError, match=f"{URI} does not exist"):
        check.require_pushed(FakeAws(FakeEcr({NAME: {}})), PUSHED, "linux/amd64", ACCESS)


def test_a_registry_that_refuses_a_blob_is_reported(monkeypatch):
    blobs(monkeypatch, status=503)
    with pytest.raises(CloudError, match="The registry answered 503"):
        check.require_pushed(aws(), PUSHED, "linux/amd64", ACCESS)


def test_a_registry_that_cannot_be_reached_is_reported_without_the_password(monkeypatch):
    def request(*_, **__):
        raise urllib3.exceptions.ConnectTimeoutError("timed out")

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    with pytest.raises(CloudError, match="The registry cannot be reached") as caught:
        check.require_pushed(aws(), PUSHED, "linux/amd64", ACCESS)
    assert "hush" not in str(caught.value)


def test_an_index_without_a_media_type_is_refused(monkeypatch):
    refused(monkeypatch, json.dumps({"schemaVersion": 2, "manifests": [{"digest": DIGEST}]}))


@pytest.mark.parametrize(("tags", "image"), [(("v1",), PUSHED), ((), None), (("other",), None)])
def test_an_image_with_the_tag_is_returned_by_its_digest(tags, image):
    assert ecr.find(aws(tags=tags), IMAGE, "v1") == image


def test_missing_repositories_are_named_with_the_command_that_creates_them():
    empty = FakeAws()
    assert ecr.missing_repositories(empty, (IMAGE,)) == (NAME,)
    with pytest.raises(CloudError) as caught:
        ecr.require_repositories(empty, (IMAGE,))
    assert str(caught.value) == f"The repository does not exist: {NAME}\n  try: invoke bootstrap --env sandbox"


def test_one_call_asks_for_all_repositories_and_a_missing_one_is_still_named():
    images = tuple(Image(name, f"registry.test:5000/{name}") for name in ("one", "two", "six"))
    fake = FakeAws(FakeEcr({image.name: {} for image in images}))
    assert ecr.missing_repositories(fake, images) == ()
    assert fake.ecr.called("describe_repositories") == [{"repositoryNames": ["one", "two", "six"]}]
    del fake.ecr.repositories["two"]
    assert ecr.missing_repositories(fake, images) == ("two",)
    assert ecr.missing_repositories(FakeAws(), images) == ("one", "two", "six")
    assert ecr.missing_repositories(fake, ()) == ()


def test_a_call_names_no_more_repositories_than_ecr_takes():
    images = tuple(Image(name, f"registry.test:5000/{name}") for name in map(str, range(100, 201)))
    fake = FakeAws(FakeEcr({image.name: {} for image in images}))
    assert ecr.missing_repositories(fake, images) == ()
    assert [len(given["repositoryNames"]) for given in fake.ecr.called("describe_repositories")] == [100, 1]


def test_an_existing_repository_is_not_missing():
    ecr.require_repositories(aws(), (IMAGE,))


def test_a_forbidden_read_is_not_a_missing_repository():
    fake = aws()
    fake.ecr.refuses["describe_repositories"] = refusal("AccessDeniedException")
    with pytest.raises(CloudError, match="AccessDenied"):
        ecr.missing_repositories(fake, (IMAGE,))


def test_a_release_is_tagged_with_its_version_and_a_second_time_changes_nothing():
    fake = aws()
    for _ in range(2):
        ecr.tag_release(fake, PUSHED, "7")
    assert fake.ecr.tags == {(NAME, "release-7"): DIGEST}
    assert [given["imageManifest"] for given in fake.ecr.called("put_image")] == [manifest()], "byte for byte"


def test_a_tag_that_names_another_image_moves_and_one_that_names_the_image_is_not_put_again():
    fake = aws(tags=("latest",))
    ecr.tag(fake, PUSHED, "latest")
    assert fake.ecr.called("put_image") == []
    fake.ecr.tags[NAME, "latest"] = OTHER
    ecr.tag(fake, PUSHED, "latest")
    assert fake.ecr.tags == {(NAME, "latest"): DIGEST}


def test_the_tag_of_a_commit_is_never_taken_from_another_image():
    fake = aws()
    fake.ecr.tags[NAME, "c"] = OTHER
    with pytest.raises(RefusedError, match=f"{NAME}:c is another image already"):
        ecr.claim(fake, PUSHED, "c")
    ecr.claim(fake, PUSHED, "d")
    ecr.claim(fake, PUSHED, "d")
    assert fake.ecr.tags == {(NAME, "c"): OTHER, (NAME, "d"): DIGEST}
    assert len(fake.ecr.called("put_image")) == 1


def test_a_refused_release_tag_is_reported():
    fake = aws()
    fake.ecr.refuses["put_image"] = refusal("ImageTagAlreadyExistsException")
    with pytest.raises(CloudError, match="as release-7: AWS refused"):
        ecr.tag_release(fake, PUSHED, "7")


def test_release_tags_are_read_from_every_page_without_other_tags():
    fake = aws(tags=("release-1", "latest", "release-2", "c" * 40))
    fake.ecr.tags[NAME, "release-3"] = OTHER
    assert ecr.release_tags(ecr.tags(fake, NAME)) == {"1": DIGEST, "2": DIGEST, "3": OTHER}


def test_the_password_is_read_from_the_token_of_ecr():
    assert ecr.password("QVdTOmh1c2g6eA==") == "hush:x"


def test_an_image_that_ecr_does_not_delete_is_an_error_with_the_reason():
    fake = FakeEcr({NAME: {DIGEST: "x"}})
    failure = {"failureCode": "ImageReferencedByManifestList", "failureReason": "an index names it"}
    fake.batch_delete_image = lambda **_: {"failures": [failure]}
    with pytest.raises(CloudError) as caught:
        ecr.delete_image(FakeAws(fake), NAME, DIGEST)
    assert (caught.value.why, caught.value.hint) == ("an index names it", "invoke prune --env sandbox")


def test_the_deletion_of_a_missing_image_is_no_error():
    fake = FakeEcr({NAME: {DIGEST: "x"}})
    fake.batch_delete_image = lambda **_: {"failures": [{"failureCode": "ImageNotFound"}]}
    ecr.delete_image(FakeAws(fake), NAME, DIGEST)


def test_the_commits_of_an_image_are_its_tags_of_commits_with_the_clean_ones_first():
    dirty, clean = f"{'a' * 40}-dirty", "c" * 40
    others = ("latest", "release-1", f"keep-{DIGEST[7:19]}", "live-20260101T000000.000000Z-v1-by-ann", "d" * 39)
    fake = aws(tags=(dirty, clean, *others))
    fake.ecr.tags[NAME, "e" * 40] = OTHER
    assert ecr.commits(ecr.image_tags(fake, PUSHED)) == (clean, dirty)


def test_an_image_that_the_registry_lost_has_no_commits_and_no_age():
    fake = FakeAws(FakeEcr({NAME: {}}))
    assert (ecr.commits(ecr.image_tags(fake, PUSHED)), ecr.age(fake, PUSHED), ecr.exists(fake, PUSHED)) == (
        (),
        None,
        False,
    )


@pytest.mark.parametrize("read", [ecr.image_tags, ecr.exists])
def test_a_read_that_is_refused_does_not_mean_that_the_image_is_gone(read):
    fake = aws()
    fake.ecr.refuses |= {name: refusal("ServerException") for name in ("describe_images", "batch_get_image")}
    with pytest.raises(CloudError, match="look up"):
        read(fake, PUSHED)


def test_an_image_that_disappears_before_it_gets_its_tag_is_reported():
    with pytest.raises(BuildError, match="does not exist"):
        ecr.tag(FakeAws(FakeEcr({NAME: {}})), PUSHED, "latest")


def test_a_tag_that_another_run_gives_the_same_image_first_is_no_failure():
    fake = aws()
    fake.ecr.refuses["put_image"] = refusal("ImageAlreadyExistsException")
    ecr.tag(fake, PUSHED, "latest")
    assert len(fake.ecr.called("put_image")) == 1
