"""The world of one cell of the matrix: tools, requests and a disk that misbehave while it is open."""

import contextlib
import subprocess

from support.chaos.cells import FILLS, HANGS
from support.chaos.faulty_relay import Rule, relaying, through
from support.chaos.place import ENV
from support.chaos.shims import fills, hangs, pushing, shim


@contextlib.contextmanager
def broken(place, row, cell, folder):
    """The variables that lead there, and what tells whether the fault was met."""
    mark, full = folder / "hangs", place.clone.root / ".deploy" / "full"
    actions = {HANGS: hangs(mark), FILLS: fills(full)}
    if row.stage == "push":
        actions = {name: pushing(action) for name, action in actions.items()}
    rules = [(tool, words, actions.get(action, action)) for tool, words, action in (*cell.shims, *row.shims)]
    variables = {}
    for tool in {tool for tool, _, _ in rules}:
        cases = [(words, action) for name, words, action in rules if name == tool]
        variables |= shim(folder / "bin", place.path, tool, *cases)
    if row.stage == "init":
        (place.clone.root / ".deploy" / ENV / "service" / "initialised").unlink(missing_ok=True)  # as on a fresh clone
    with contextlib.ExitStack() as world:
        if cell.disk:
            world.enter_context(_disk(place, cell.disk, folder / "before" if row.shims else None))
        if cell.once:
            world.enter_context(_override(place))
        if not cell.relay:
            yield variables, mark.exists
            return
        relay = world.enter_context(relaying(place.endpoint, *(Rule(*rule) for rule in cell.relay)))
        variables |= through(relay)
        if "/v2/" in cell.relay[0][0]:
            variables |= {"INVOKE_ENVIRONMENTS_PREPROD_REGISTRY": relay.host}
        yield variables, lambda: mark.exists() or relay.all_met


@contextlib.contextmanager
def _override(place):
    """What a person may add to a root module: https://developer.hashicorp.com/terraform/language/files/override."""
    name = "infrastructure/service/retries_override.tf"
    # A clean commit is planned from its own files, so the tree is dirty as long as this file is in it.
    (place.clone.root / name).write_text('provider "aws" {\n  max_retries = 1\n}\n')
    try:
        yield
    finally:
        (place.clone.root / name).unlink()


@contextlib.contextmanager
def _disk(place, options, before):
    """Mount a disk of its own at the runs' folder; with `before`, Terraform's data of earlier runs is on it too."""
    folder = place.clone.root / ".deploy"
    with contextlib.ExitStack() as mounts:
        if before:
            before.mkdir()
            _mount(mounts, before, "--bind", str(folder))
        _mount(mounts, folder, "-t", "tmpfs", "-o", options, "tmpfs")
        if before:
            (folder / ENV).symlink_to(before / ENV)
        yield


def _mount(mounts, where, *options):
    subprocess.run(["mount", *options, str(where)], check=True)
    mounts.callback(subprocess.run, ["umount", str(where)], check=True)
