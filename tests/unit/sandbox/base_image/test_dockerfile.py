"""The image references in a Dockerfile."""

import pytest

from sandbox.base_image import dockerfile


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM python:3.13-slim\n", ("python:3.13-slim",)),
        ("# FROM no\n  from --platform=linux/amd64 python:3.13-slim as base\n", ("python:3.13-slim",)),
        ("FROM a AS base\nFROM base AS next\nFROM Next\n", ("a",)),
        ("FROM a\nFROM b\nFROM a\n", ("a", "b")),
        ("FROM scratch\nCOPY --from=x . .\n", ()),
        ("FROM \\\n  a:1 \\\n  AS base\n", ("a:1",)),
        ("ARG VERSION=3.13\nARG KIND='slim'\nFROM python:${VERSION}-$KIND\n", ("python:3.13-slim",)),
        ("ARG BASE\nFROM ${BASE}\n", ("${BASE}",)),
        ("RUN echo FROM nowhere\n", ()),
    ],
)
def test_references_are_the_images_that_a_dockerfile_does_not_build_itself(text, images):
    assert dockerfile.references(text) == images
