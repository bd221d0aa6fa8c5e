"""Which base images can be made ready."""

import json

import pytest

from sandbox import lifecycle
from sandbox.base_image import images
from sandbox.engine.client import Engine
from sandbox.errors import BaseImageError, SandboxError
from sandbox.layout import Layout

PINNED = f"python:3.13-slim@sha256:{'a' * 64}"
MADE = images.python.comment()
OLDER = f"{images.python.MADE}, of older code"
TARGETS = {"target": {"app": {"context": "src/lambdas/app", "dockerfile": "Dockerfile"}}}


class FakeEngine(Engine):
    """An engine with these images: a name and the history of each."""

    def docker(self, *arguments, timeout=60):
        del timeout
        if arguments[:2] == ("image", "inspect") and arguments[-1] in IMAGES:
            return "sha256:1"
        if arguments[:2] == ("image", "history") and arguments[-1] in IMAGES:
            return IMAGES[arguments[-1]]
        if arguments[:2] == ("buildx", "bake"):
            return json.dumps(TARGETS)
        if arguments[0] == "load":
            IMAGES["python:3.13-slim"] = MADE
            return ""
        raise SandboxError(f"no such image: {arguments[-1]}", "")


IMAGES = {}


@pytest.fixture
def engine(monkeypatch):
    IMAGES.clear()

    def no_registry(*_, **__):
        raise SandboxError("no registry answers", "")

    monkeypatch.setattr(images, "_from_registry", no_registry)
    monkeypatch.setattr(images.python, "archive", lambda _, reference: f"{reference}.tar")
    return FakeEngine(variables={}, description="none", private=True, gateway="")


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "src/lambdas/app"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(f"FROM {PINNED} AS base\nFROM base\n")
    (tmp_path / "docker-bake.hcl").write_text("")
    return Layout.of(tmp_path)


def test_an_image_made_here_stands_in_for_a_pinned_one_and_says_so(layout, engine):
    printed = []
    assert images.ensure_all(layout, engine, printed.append) == {PINNED: "python:3.13-slim"}
    assert any("making python:3.13-slim from Debian packages" in line for line in printed)
    assert f"base     python:3.13-slim, made here, stands in for {PINNED}" in printed


def test_an_image_that_was_made_here_before_is_used_without_asking_a_registry(layout, engine, monkeypatch):
    IMAGES["python:3.13-slim"] = f"x\n{MADE}\n"
    monkeypatch.delattr(images, "_from_registry")
    assert images.ensure_all(layout, engine, print) == {PINNED: "python:3.13-slim"}


def test_a_pinned_image_that_is_there_needs_no_stand_in(layout, engine):
    IMAGES[PINNED] = ""
    assert images.ensure_all(layout, engine, print) == {}


def test_a_pulled_image_of_the_same_tag_does_not_stand_in_for_another_digest(layout, engine, monkeypatch):
    IMAGES["python:3.13-slim"] = "CMD python3"
    monkeypatch.setattr(images, "_from_registry", lambda *_, **__: "")  # a registry answers
    assert images.ensure_all(layout, engine, print) == {}


def test_an_image_that_older_code_made_is_made_again(layout, engine):
    IMAGES["python:3.13-slim"] = OLDER
    assert images.ensure_all(layout, engine, print) == {PINNED: "python:3.13-slim"}
    assert IMAGES["python:3.13-slim"] == MADE
    IMAGES["python:3.13-slim"] = OLDER
    assert images.ensure(layout, engine, "python:3.13-slim", print) == "python:3.13-slim"
    assert IMAGES["python:3.13-slim"] == MADE


@pytest.mark.parametrize(
    ("dockerfile", "reason"),
    [
        ("FROM ubuntu:24.04@sha256:ab\n", "base image ubuntu:24.04@sha256:ab cannot be pulled"),
        ("ARG BASE\nFROM ${BASE}\n", "base image ${BASE} is not known before the build\n  try: give its ARG a default"),
    ],
)
def test_an_image_that_cannot_be_made_ready_is_named_and_only_its_build_fails(layout, engine, dockerfile, reason):
    (layout.root / "src/lambdas/app/Dockerfile").write_text(f"FROM {PINNED} AS base\n{dockerfile}")
    printed = []
    assert images.ensure_all(layout, engine, printed.append) == {PINNED: "python:3.13-slim"}
    (line,) = [line for line in printed if "will fail" in line]
    assert line.startswith(f"base     src/lambdas/app/Dockerfile: {reason}")
    assert line.endswith("The build of src/lambdas/app/Dockerfile will fail.")
    with pytest.raises(BaseImageError):
        images.ensure(layout, engine, dockerfile.split()[-1], print)


def test_a_dockerfile_that_no_bake_target_builds_does_not_count(layout, engine):
    other = layout.root / "src/lambdas/other"
    other.mkdir()
    (other / "Dockerfile").write_text("FROM registry.invalid/odd:1\n")
    printed = []
    images.ensure_all(layout, engine, printed.append)
    assert not [line for line in printed if "odd" in line]


def test_a_build_gets_each_stand_in_as_a_named_context():
    assert lifecycle.contexts({PINNED: "a:1", "x@sha256:b": "x"}) == {
        "BUILD_CONTEXTS": f"{PINNED}=docker-image://a:1 x@sha256:b=docker-image://x"
    }
    assert lifecycle.contexts({}) == {"BUILD_CONTEXTS": ""}
