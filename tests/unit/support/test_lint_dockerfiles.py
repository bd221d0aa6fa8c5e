"""The lint of Dockerfiles: every image that one starts or copies from has a digest."""

import pytest
from support.lint_dockerfiles import findings
from support.messages import ROOT

PINNED = f"python:3.13-slim@sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM python:3.13-slim\n", ["python:3.13-slim"]),
        (f"FROM {PINNED} AS base\nFROM base\n", []),
        (f"FROM {PINNED}\nCOPY --from=ghcr.io/astral-sh/uv:0.9 /uv /uv\n", ["ghcr.io/astral-sh/uv:0.9"]),
        ("FROM python@sha256:abc\n", ["python@sha256:abc"]),
        ("ARG BASE=python:3.13\nFROM $BASE\n", ["python:3.13"]),
        ("ARG BASE\nFROM $BASE\n", ["$BASE"]),
        ("FROM scratch\nCOPY x /x\n", []),
    ],
)
def test_an_image_without_a_digest_is_found_with_the_command_that_shows_it(tmp_path, text, images):
    (tmp_path / "Dockerfile").write_text(text)
    found = list(findings(str(tmp_path / "Dockerfile")))
    assert [line.splitlines()[0].split(": ")[1] for line in found] == [f"{name} has no digest" for name in images]
    assert all("docker buildx imagetools inspect" in line for line in found)


def test_every_dockerfile_of_the_sources_and_of_the_templates_is_pinned():
    files = sorted((ROOT / "src").rglob("Dockerfile"))
    assert any("templates" in str(file) for file in files)
    assert [line for file in files for line in findings(str(file))] == []
