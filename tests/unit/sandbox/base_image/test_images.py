"""Which base images can be made ready."""

import pytest

from sandbox.base_image import images
from sandbox.engine.client import Engine
from sandbox.errors import BaseImageError
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
