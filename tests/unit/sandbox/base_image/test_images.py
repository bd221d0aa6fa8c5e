"""Which base images can be made ready."""

import pytest

from sandbox import lifecycle
from sandbox.base_image import images
from sandbox.engine.client import Engine
from sandbox.errors import BaseImageError, SandboxError
from sandbox.layout import Layout


def test_a_reference_that_is_known_only_at_build_time_is_refused_and_its_dockerfile_is_named(tmp_path):
    folder = tmp_path / "src/lambdas/app"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    engine = Engine(variables={}, description="none", private=True, gateway="")
    with pytest.raises(BaseImageError) as failure:
        images.ensure_all(Layout.of(tmp_path), engine, print)
    assert "src/lambdas/app/Dockerfile: base image ${BASE}" in failure.value.what
    assert failure.value.hint == "give its ARG a default"


PINNED = f"python:3.13-slim@sha256:{'a' * 64}"
MADE = "python:3.13-slim made from Debian packages by the sandbox"


class FakeEngine(Engine):
    """An engine with these images: a name and the history of each."""

    def docker(self, *arguments, timeout=60):
        del timeout
        if arguments[:2] == ("image", "inspect") and arguments[-1] in IMAGES:
            return "sha256:1"
        if arguments[:2] == ("image", "history") and arguments[-1] in IMAGES:
            return IMAGES[arguments[-1]]
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


def test_a_pinned_image_that_cannot_be_made_here_is_named(layout, engine):
    (layout.root / "src/lambdas/app/Dockerfile").write_text("FROM ubuntu:24.04@sha256:ab\n")
    with pytest.raises(BaseImageError, match=r"ubuntu:24\.04@sha256:ab cannot be pulled"):
        images.ensure_all(layout, engine, print)


def test_a_build_gets_each_stand_in_as_a_named_context():
    assert lifecycle.contexts({PINNED: "a:1", "x@sha256:b": "x"}) == {
        "BUILD_CONTEXTS": f"{PINNED}=docker-image://a:1 x@sha256:b=docker-image://x"
    }
    assert lifecycle.contexts({}) == {"BUILD_CONTEXTS": ""}
