"""How an image is built: its files, its base and its lock, from the files that are built or from a commit."""

import json

import pytest
from support.build import printed
from support.shell import FakeShell
from support.world import settings, world

from delivery.errors import MissingToolError
from delivery.image import recipe
from delivery.image.dockerfile import Base
from delivery.image.recipe import Recipe
from delivery.process.shell import Result

A = "sha256:" + "a" * 64
DOCKERFILE = f"ARG TAG=3.13\nFROM python:$TAG@{A} AS base\nFROM base\n"
BASE = Base(f"python:3.13@{A}", f"docker.io/library/python:3.13@{A}", A)
PRINT = "docker buildx bake --file docker-bake.hcl --print"
TARGET = {"context": "src/orders", "dockerfile": "Dockerfile"}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src/orders").mkdir(parents=True)
    (tmp_path / "docker-bake.hcl").write_text("# targets")
    (tmp_path / "src/orders/Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "src/orders/requirements.txt").write_text("a==1")
    return tmp_path


def read(project, target=TARGET, **changes):
    shell = FakeShell({PRINT: json.dumps({"target": {"orders": target}})})
    return recipe.read(settings(project, **changes), shell)["orders"]


def test_a_recipe_has_the_bake_file_the_dockerfile_the_lock_and_the_base(project):
    assert read(project) == Recipe(
        "orders",
        {
            "docker-bake.hcl": b"# targets",
            "src/orders/Dockerfile": DOCKERFILE.encode(),
            "src/orders/requirements.txt": b"a==1",
        },
        "a==1",
        (BASE,),
        BASE,
    )


def test_the_files_are_those_that_are_built_not_those_of_the_work_tree(project, tmp_path_factory):
    exported = tmp_path_factory.mktemp("commit")
    (exported / "docker-bake.hcl").write_text("# of the commit")
    assert read(project, exported=exported).files == {"docker-bake.hcl": b"# of the commit"}


def test_the_arguments_the_stage_and_the_contexts_of_the_target_count(project):
    target = {
        **TARGET,
        "args": {"TAG": "3.14"},
        "contexts": {f"python:3.14@{A}": "docker-image://mirror.test/python:3"},
    }
    assert read(project, target).base == Base(f"python:3.14@{A}", "mirror.test/python:3", "")


def test_the_stand_ins_of_the_environment_count(project):
    stand_in = f"docker-image://mirror.test/python:3@{A}"
    made = read(project, variables={"BUILD_CONTEXTS": f"python:3.13@{A}={stand_in}"})
    assert made.base == Base(BASE.name, f"mirror.test/python:3@{A}", A)


def test_an_inline_dockerfile_and_a_context_elsewhere_have_no_file(project):
    inline = {"context": "src/orders", "dockerfile-inline": f"FROM python@{A}"}
    assert read(project, inline).base.name == f"python@{A}"
    assert "src/orders/Dockerfile" not in read(project, inline).files
    elsewhere = read(project, {"context": "https://git.test/orders.git"})
    assert (list(elsewhere.files), elsewhere.base) == (["docker-bake.hcl"], None)


def test_a_digest_that_the_dockerfile_lacks_is_that_of_the_build(project):
    (project / "src/orders/Dockerfile").write_text("FROM python:3.13 AS base\nFROM base")
    unknown = read(project)
    assert unknown.base.digest == ""
    resolved = unknown.resolved({"docker.io/library/python:3.13": A, "docker.io/library/other:1": "x"})
    assert (resolved.base.digest, resolved.images[0].digest) == (A, A)
    assert unknown.resolved({}) == unknown


def test_a_digest_of_the_dockerfile_is_never_replaced(project):
    assert read(project).resolved({BASE.reference: "sha256:" + "b" * 64}).base == BASE


def of_commit(project, answers, **changes):
    run = world(project, {PRINT: printed(orders=TARGET), **answers}, **changes).run
    return recipe.of_commit(run, recipe.definitions(run), "orders", "abc-dirty")


AT_COMMIT = {
    "git show abc:./src/orders/Dockerfile": f"FROM old:1@{A}",
    "git show abc:./src/orders/requirements.txt": Result(128, "", "fatal: path does not exist"),
    "git show abc:./docker-bake.hcl": "# old",
}


def test_the_recipe_of_a_commit_has_the_files_of_that_commit(project):
    old = of_commit(project, AT_COMMIT)
    assert (old.base.name, old.base.digest, old.lock) == (f"old:1@{A}", A, "")
    assert set(old.files) == {"docker-bake.hcl", "src/orders/Dockerfile"}


def test_a_stand_in_of_now_gives_an_old_commit_no_digest(project):
    stand_ins = {"BUILD_CONTEXTS": f"old:1@{A}=docker-image://mirror.test/old@{A}"}
    old = of_commit(project, AT_COMMIT, variables=stand_ins)
    assert (old.base.replaced, old.base.digest, old.images[0].digest) == (True, "", "")


@pytest.mark.parametrize("bake", [MissingToolError("docker was not found."), Result(1, "", "x"), printed(other=TARGET)])
def test_without_the_definition_of_a_target_its_recipe_is_empty(project, bake):
    assert of_commit(project, {PRINT: bake}) == Recipe("orders", {})
