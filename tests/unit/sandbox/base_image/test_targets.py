"""The Dockerfiles of the bake targets."""

import json

import pytest

from sandbox.base_image import targets
from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout


class Bake(Engine):
    """An engine whose buildx prints these targets; it counts the calls."""

    def docker(self, *arguments, timeout=60):
        del timeout
        assert arguments[:2] == ("buildx", "bake"), arguments
        CALLS.append(arguments)
        if PRINTED["targets"] is None:
            raise SandboxError("`docker buildx bake` failed with code 1", "docker-bake.hcl:1")
        return json.dumps({"target": PRINTED["targets"]})


CALLS = []
PRINTED = {"targets": {}}


@pytest.fixture
def engine():
    CALLS.clear()
    return Bake(variables={}, description="none", private=True, gateway="")


@pytest.fixture
def layout(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Dockerfile").write_text(f"FROM {folder}\n")
    (tmp_path / "docker-bake.hcl").write_text("target a {}")
    return Layout.of(tmp_path)


def printed(monkeypatch, value):
    monkeypatch.setitem(PRINTED, "targets", value)


def test_a_target_counts_with_its_context_its_dockerfile_or_its_inline_text(layout, engine, monkeypatch):
    (layout.root / "b/Other").write_text("FROM other\n")
    inline = {"dockerfile-inline": "FROM inline\n"}
    elsewhere = {"context": "https://example.com/repository.git"}
    value = {"a": {"context": "a"}, "b": {"context": "b", "dockerfile": "Other"}, "c": inline, "d": elsewhere}
    printed(monkeypatch, value)
    assert targets.dockerfiles(layout, engine) == {
        "a/Dockerfile": "FROM a\n",
        "b/Other": "FROM other\n",
        "c": "FROM inline\n",
    }


def test_docker_is_asked_again_only_when_the_bake_file_has_changed(layout, engine, monkeypatch):
    printed(monkeypatch, {"a": {"context": "a"}})
    for _ in range(2):
        assert list(targets.dockerfiles(layout, engine)) == ["a/Dockerfile"]
    assert len(CALLS) == 1
    (layout.root / "docker-bake.hcl").write_text("target b {}")
    printed(monkeypatch, {"b": {"context": "b"}})
    assert list(targets.dockerfiles(layout, engine)) == ["b/Dockerfile"]
    assert len(CALLS) == 2


def test_a_bake_file_that_is_wrong_or_missing_is_no_failure_of_the_sandbox(layout, engine, monkeypatch):
    printed(monkeypatch, None)
    assert targets.dockerfiles(layout, engine) == {}
    (layout.root / "docker-bake.hcl").unlink()
    assert targets.dockerfiles(layout, engine) == {}
