"""The image's tests use a real engine with the base image, and no emulator of AWS."""

import os

import pytest
from support.image_project import ROOT, ImageProject

from delivery.process.shell import Shell
from sandbox import lifecycle
from sandbox.base_image import images
from sandbox.engine import choice
from sandbox.layout import Layout


@pytest.fixture(scope="session")
def shell():
    """A shell whose docker commands reach the engine. The engine stops afterwards unless it already ran."""
    layout = Layout.of(ROOT)
    was_up = choice.status(layout)[0] == "up"
    running = choice.start(layout, print)
    stand_ins = images.ensure_all(layout, running, print)
    try:
        yield Shell({**os.environ, **running.variables, **lifecycle.contexts(stand_ins)})
    finally:
        if not was_up:
            choice.stop(layout, print)


@pytest.fixture
def project(tmp_path, shell):
    return ImageProject(tmp_path, shell)
