"""The image's tests use a real engine with the base image, and no emulator of AWS."""

import os

import pytest
from support.image_project import ROOT, ImageProject

from delivery.process.shell import Shell
from sandbox import base_image, engine
from sandbox.layout import Layout


@pytest.fixture(scope="session")
def shell():
    """A shell whose docker commands reach the engine. The engine stops afterwards unless it already ran."""
    layout = Layout.of(ROOT)
    was_up = engine.status(layout)[0] == "up"
    running = engine.start(layout, print)
    base_image.ensure_all(layout, running, print)
    try:
        yield Shell({**os.environ, **running.variables})
    finally:
        if not was_up:
            engine.stop(layout, print)


@pytest.fixture
def project(tmp_path, shell):
    return ImageProject(tmp_path, shell)
