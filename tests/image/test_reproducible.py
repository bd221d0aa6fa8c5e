"""Two builds of one context have the same digest: without a cache, from two clones, in two folders, of two commits."""

import json
import os
import subprocess
from dataclasses import replace

import pytest
from support.image_project import NAME, ROOT, SOURCES

from delivery import git, inputs, settings
from delivery.image import bake, network
from delivery.image.build_log import BuildLog

LEFTOVERS = (".DS_Store", "._app.py", "image/._precompile.py", "app.py~", "#app.py#", ".app.py.swp", "Icon\r")


def clone(folder):
    """Clone the commit that is checked out here."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True)
    return folder


def clone_with_other_metadata(folder):
    """Clone the commit; its files get other times, the permissions of `umask 077`, and leftovers beside them."""
    clone(folder)
    for path in (folder / "src").rglob("*"):
        os.utime(path, (978_307_200, 978_307_200))  # 2001-01-01
        path.chmod(0o700 if path.is_dir() else 0o600)
    function = folder / "src/lambdas/sse_streaming"
    for name in LEFTOVERS:
        (function / name).write_text("left by an editor or by macOS")
    (function / ".#app.py").symlink_to("me@host.42:1")
    return folder


def commit_other_readme(root):
    """Make another commit, which does not touch the context of the image."""
    (root / "README.md").write_text("another text")
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    subprocess.run(["git", *author, "commit", "--quiet", "--message", "again", "README.md"], cwd=root, check=True)


def build(root, shell):
    """Build the image that a deploy of the clone's commit would push, without a cache; return its digest."""
    environment = settings.Environment("prod", "222222222222", "us-east-1", "registry.test", state_bucket="state")
    contexts = {"BUILD_CONTEXTS": shell.variables["BUILD_CONTEXTS"]}
    loaded = settings.Settings(root, environment, cache="none", variables=contexts)
    # The leftovers of an editor are no change of the function.
    commit = replace(git.read_commit(root, shell, lambda: inputs.find(root, shell)), dirty=False)
    variables = bake.variables(loaded, commit, shell.variables)
    layout = bake.Bake(
        (NAME,),
        environment,
        {**variables, "BUILDX_BAKE_ENTITLEMENTS_FS": "0"},
        root,
        "layout",
        network.inherited(shell.variables),
    )
    for file, content in layout.files().items():
        file.write_text(content)
    command = layout.command(root, entitlements=False)
    log = BuildLog()
    result = shell.run(replace(command, argv=(*command.argv, "--no-cache")), log.feed)
    assert result.code == 0, result.stderr
    cached = [step for number, step in log.steps.items() if number in log.cached]
    assert [step for step in cached if "] FROM " not in step and not step.startswith("[context ")] == []  # the base
    return json.loads(layout.metadata.read_text())[NAME]["containerimage.digest"]


@pytest.fixture(scope="module")
def first_build(tmp_path_factory, shell):
    """A clone and the digest of its image."""
    root = clone(tmp_path_factory.mktemp("clone") / "first")
    return root, build(root, shell)


def test_one_context_has_the_same_digest_in_every_folder_at_every_time_and_of_every_commit(
    tmp_path, shell, first_build, capsys
):
    _, digest = first_build
    root = clone_with_other_metadata(tmp_path / "second" / "folder")
    commit_other_readme(root)
    second_digest = build(root, shell)
    with capsys.disabled():
        print(f"\n{digest}\n{second_digest}")
    assert second_digest == digest


def test_a_context_with_one_other_line_has_another_digest(shell, first_build):
    """This control shows that the digest can change: the test above would pass with a constant digest."""
    root, digest = first_build
    app = root / SOURCES / "app.py"
    app.write_text(f"{app.read_text()}\n# one other line\n")
    assert build(root, shell) != digest
