"""The paths that are built and planned."""

import json

import pytest
from support.shell import FakeShell

from delivery import inputs
from delivery.errors import MissingToolError
from delivery.process.shell import Result

PRINT = "docker buildx bake --file docker-bake.hcl --print"


def find(tmp_path, answer):
    return inputs.find(tmp_path, FakeShell({PRINT: answer}))


def test_the_contexts_and_dockerfiles_of_all_targets_are_inputs(tmp_path):
    first = {"context": "src/a", "dockerfile": "Dockerfile"}
    second = {"context": "../b", "dockerfile": "../b.Dockerfile", "contexts": {"base": "target:a", "shared": "lib"}}
    found = find(tmp_path, json.dumps({"target": {"a": first, "b": second}}))
    assert {"docker-bake.hcl", "infrastructure", "invoke.yaml", "src/a", "src/a/Dockerfile", "../b", "lib"} <= set(
        found
    )
    assert not [path for path in found if ":" in path]


@pytest.mark.parametrize("answer", [MissingToolError("docker was not found."), Result(1, "", "not valid")])
def test_without_docker_the_whole_project_counts(tmp_path, answer):
    assert find(tmp_path, answer) == (".",)
