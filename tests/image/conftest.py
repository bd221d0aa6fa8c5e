"""An engine with the base image, and nothing else of a cloud."""

import os
import shutil
from pathlib import Path

import pytest

from delivery import archive, docker, gate, rie
from delivery.shell import Shell
from sandbox.base_image import images
from sandbox.engine import choice
from sandbox.layout import Layout

ROOT = Path(__file__).parents[2]
PLATFORM = "linux/amd64"


@pytest.fixture(scope="session")
def shell():
    layout = Layout.of(ROOT)
    was_up = choice.status(layout)[0] == "up"
    running = choice.start(layout, print)
    images.ensure_all(layout, running, print)
    try:
        yield Shell({**os.environ, **running.variables})
    finally:
        if not was_up:
            choice.stop(layout, print)


class Project:
    """A folder with one image's sources, to be spoiled; built, looked at and started as a deploy would."""

    def __init__(self, root, shell):
        self.root, self.shell = root, shell
        self.commit = "a-commit"
        sources = "src/lambdas/sse_streaming"
        shutil.copytree(ROOT / sources, root / sources, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(ROOT / "docker-bake.hcl", root)
        self.dockerfile = root / sources / "Dockerfile"
        self.app = root / sources / "app.py"
        self.main = root / sources / "__main__.py"
        self.bake_file = root / "docker-bake.hcl"

    def bake(self, output):
        """What a task would run, `output` as in docker-bake.hcl."""
        known = self.shell.variables
        variables = {
            "COMMIT": self.commit,
            "CACHE": "none",
            "BUILD_NETWORK": known.get("BUILD_NETWORK") or "default",
            "CA_BUNDLE": known.get("CA_BUNDLE", ""),
            "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
        }
        return docker.Bake(("sse-streaming",), variables, self.root, output)

    def build(self, output="archive"):
        """Build it; returns its digest."""
        return docker.build(self.bake(output), self.root, self.shell, print)[0]["sse-streaming"]

    def gated(self):
        """Build it and let it through the gate; returns what the gate saw."""
        digest = self.build()
        seen = archive.read("sse-streaming", self.root / "sse-streaming.tar", digest)
        gate.require(seen, PLATFORM)
        return seen

    def rehearsed(self, patience=rie.PATIENCE):
        """Build it, and start it as a deploy to a protected environment would."""
        seen = self.gated()
        rie.load(self.root / "sse-streaming.tar", self.shell)
        start = rie.Start(f"sse-streaming:{self.commit}", seen.config, PLATFORM, self.commit)
        return rie.rehearse(start, rie.program(ROOT / ".cache", PLATFORM, self.shell), self.shell, patience)


@pytest.fixture
def project(tmp_path, shell):
    return Project(tmp_path, shell)
