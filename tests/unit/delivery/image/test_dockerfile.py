"""The images that a Dockerfile uses, and the one whose layers the built image has."""

import pytest

from delivery.image import dockerfile
from delivery.image.dockerfile import Base

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PYTHON = Base(f"python:3.13@{A}", f"docker.io/library/python:3.13@{A}", A)


def used(text, **options):
    """The names of all images, and the name of the base."""
    images = dockerfile.images(text, **options)
    return [base.name for base in images.all], images.base and images.base.name


def test_the_base_is_the_image_below_the_last_stage():
    text = f"""
    # FROM commented:1
    FROM --platform=$BUILDPLATFORM golang:1.25 AS Build
    FROM python:3.13@{A} AS base
    RUN echo \\
      # a comment between two lines
      FROM nothing
    FROM base
    COPY --from=build /tool /tool
    """
    images = dockerfile.images(text)
    assert [base.name for base in images.all] == ["golang:1.25", PYTHON.name]
    assert images.base == PYTHON


def test_images_of_copy_and_of_mounts_are_used_and_are_no_base():
    text = f"""
    FROM python:3.13@{A}
    FROM scratch
    COPY --chmod=0755 --from=ghcr.io/astral-sh/uv:0.9 /uv /uv
    COPY --from=0 /usr /usr
    RUN --mount=type=bind,from=busybox:1.37,source=/bin,target=/mnt cp /mnt/true /
    """
    assert used(text) == ([PYTHON.name, "ghcr.io/astral-sh/uv:0.9", "busybox:1.37"], None)


def test_an_argument_has_its_default_unless_the_target_gives_another_value():
    text = 'ARG VERSION="3.13"\nARG UNSET\nFROM python:${VERSION}-slim\n'
    assert used(text) == (["python:3.13-slim"], "python:3.13-slim")
    assert used(text, arguments={"VERSION": "3.14"})[1] == "python:3.14-slim"
    assert used("FROM $UNKNOWN")[1] == "$UNKNOWN"


def test_a_target_may_build_an_earlier_stage():
    assert used("FROM a:1 AS first\nFROM b:1 AS second\n", stage="first")[1] == "a:1"


def test_a_named_context_stands_in_for_an_image_however_its_name_is_written():
    contexts = {f"docker.io/library/python:3.13@{A}": f"docker-image://mirror.test/python:3.13@{B}"}
    (base,) = dockerfile.images(f"FROM python:3.13@{A}", contexts=contexts).all
    assert base == Base(PYTHON.name, f"mirror.test/python:3.13@{B}", B)
    assert base.replaced
    assert not PYTHON.replaced


def test_a_named_context_stands_in_for_a_stage():
    (base, stage) = dockerfile.images("FROM a:1 AS base\nFROM base", contexts={"base": "target:other"}).all
    assert base.name == "a:1"
    assert stage == Base("base", "target:other", "", is_image=False)


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.13", "docker.io/library/python:3.13"),
        (f"python@{A}", f"docker.io/library/python@{A}"),
        ("docker.io/python:3", "docker.io/library/python:3"),
        ("bitnami/python:3", "docker.io/bitnami/python:3"),
        ("localhost/python:3", "localhost/python:3"),
        ("mirror.test:5000/python", "mirror.test:5000/python:latest"),
        ("public.ecr.aws/lambda/python:3.13", "public.ecr.aws/lambda/python:3.13"),
    ],
)
def test_a_reference_has_one_full_name(reference, full):
    assert dockerfile.full_name(reference) == full
