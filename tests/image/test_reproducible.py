"""The same commit gives the same digest: built twice without a cache, from two clones in two folders."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from delivery import docker, settings, source
from delivery.buildlog import BuildLog

ROOT = Path(__file__).parents[2]


def clone(where):
    """A clone of the commit that is checked out here."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(where)], check=True)
    return where


def touched(where):
    """The same clone as a stricter person has it: other times, other permissions."""
    for path in (where / "src").rglob("*"):
        os.utime(path, (978_307_200, 978_307_200))  # the first second of 2001
        path.chmod(0o700 if path.is_dir() else 0o600)
    return where


def digest(root, shell):
    """Build what a deploy of that commit would push, taking nothing from any cache."""
    environment = settings.Environment("prod", "222222222222", "us-east-1", "registry.test", state_bucket="state")
    known = settings.Settings(root, environment, cache="none")
    variables = docker.variables(known, source.read(root, shell), shell.variables)
    bake = docker.Bake(("sse-streaming",), {**variables, "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}, root, "archive")
    bake.network.write_text(bake.networks())
    command = bake.command(root, entitlements=False)
    log = BuildLog()
    result = shell.run(replace(command, argv=(*command.argv, "--no-cache")), log.feed)
    assert result.code == 0, result.stderr
    assert all("] FROM " in step for number, step in log.steps.items() if number in log.cached), "a step was cached"
    return json.loads(bake.metadata.read_text())["sse-streaming"]["containerimage.digest"]


@pytest.fixture(scope="module")
def once(tmp_path_factory, shell):
    """A clone, and the digest that was built from it."""
    root = clone(tmp_path_factory.mktemp("clone") / "one")
    return root, digest(root, shell)


def test_one_commit_is_one_digest_wherever_and_whenever_it_is_built(tmp_path, shell, once, capsys):
    again = digest(touched(clone(tmp_path / "quite" / "another")), shell)
    with capsys.disabled():
        print(f"\n{once[1]}\n{again}")
    assert again == once[1]


def test_another_commit_is_another_digest(shell, once):
    """The control: a digest that never changed would prove nothing."""
    root, before = once
    who = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    subprocess.run(["git", *who, "commit", "--quiet", "--allow-empty", "--message", "again"], cwd=root, check=True)
    assert digest(root, shell) != before
