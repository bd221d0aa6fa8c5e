"""Image references: the parts of a reference, and the references that are refused."""

import pytest

from delivery.reference import Image, PushedImage, repository_name

DIGEST = "sha256:" + "0123456789abcdef" * 4
REPOSITORY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/preprod-sse-streaming-lambda"


def test_a_reference_with_a_digest_is_parsed_into_its_parts():
    image = PushedImage.parse("sse-streaming", f"{REPOSITORY}@{DIGEST}")
    assert (image.name, image.repository, image.digest) == ("sse-streaming", REPOSITORY, DIGEST)
    assert image.uri == f"{REPOSITORY}@{DIGEST}"
    assert image.short_digest == "sha256:0123456789ab"


@pytest.mark.parametrize("suffix", ["", ":latest", "@", "@sha256:abc", "@sha256:" + "D" * 64, "@sha512:" + "d" * 64])
def test_a_reference_without_a_sha256_digest_is_refused(suffix):
    with pytest.raises(ValueError, match="not a digest"):
        PushedImage.parse("sse-streaming", REPOSITORY + suffix)


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        (REPOSITORY, "preprod-sse-streaming-lambda"),
        ("localhost:5000/team/image", "team/image"),  # a port, and a name with a slash
    ],
)
def test_the_name_of_a_repository_has_no_host(repository, name):
    assert repository_name(repository) == name
    assert Image("image", repository).repository_name == name
    assert PushedImage("image", repository, DIGEST).repository_name == name
