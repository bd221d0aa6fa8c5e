"""How an image was made, as SLSA's provenance says it: the sources, the base, the builder, and no secret."""

import hashlib
import json

import pytest
from support.world import COMMIT, settings, world

from delivery.git import Commit
from delivery.image import bake, provenance
from delivery.image.dockerfile import Base
from delivery.image.provenance import Builder
from delivery.image.recipe import Recipe

A = "sha256:" + "a" * 64
SHA = "c" * 40
PERSON = "arn:aws:sts::111111111111:assumed-role/Admin/alice"
BASE = Base(f"python:3.13@{A}", f"docker.io/library/python:3.13@{A}", A)
RECIPE = Recipe("orders", {"docker-bake.hcl": b"bake", "src/orders/Dockerfile": b"FROM"}, images=(BASE,), base=BASE)
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "octo/shop",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_WORKFLOW_REF": "octo/shop/.github/workflows/deploy.yml@refs/heads/main",
    "GITHUB_RUN_ID": "42",
    "GITHUB_RUN_ATTEMPT": "2",
}
WORKFLOW = Builder(
    "https://github.com/octo/shop/.github/workflows/deploy.yml@refs/heads/main",
    "git+https://github.com/octo/shop@refs/heads/main",
    "https://github.com/octo/shop/actions/runs/42/attempts/2",
)


CLEAN = Commit(SHA, dirty=False)


def predicate(recipe=RECIPE, commit=CLEAN, variables=None, by=WORKFLOW):
    return provenance.predicate(recipe, commit, variables or {"COMMIT": SHA, "PLATFORM": "linux/amd64"}, by)


def sources(document):
    return document["buildDefinition"]["resolvedDependencies"]


def test_the_whole_predicate_of_a_workflow():
    assert predicate() == {
        "buildDefinition": {
            "buildType": "https://docs.docker.com/build/bake/",
            "externalParameters": {"target": "orders", "variables": {"COMMIT": SHA, "PLATFORM": "linux/amd64"}},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/octo/shop@refs/heads/main", "digest": {"gitCommit": SHA}},
                {"name": "docker-bake.hcl", "digest": {"sha256": hashlib.sha256(b"bake").hexdigest()}},
                {"name": "src/orders/Dockerfile", "digest": {"sha256": hashlib.sha256(b"FROM").hexdigest()}},
                {
                    "name": BASE.name,
                    "uri": f"pkg:oci/python@{A}?repository_url=docker.io/library/python&tag=3.13",
                    "digest": {"sha256": "a" * 64},
                },
            ],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/octo/shop/.github/workflows/deploy.yml@refs/heads/main"},
            "metadata": {"invocationId": "https://github.com/octo/shop/actions/runs/42/attempts/2"},
        },
    }


def test_in_a_workflow_the_builder_is_its_file_at_its_ref():
    assert provenance.builder(GITHUB, PERSON) == WORKFLOW


@pytest.mark.parametrize("without", [*list(GITHUB)[:5], "all"])
def test_outside_of_a_workflow_the_builder_is_the_person(without):
    environ = {} if without == "all" else {key: value for key, value in GITHUB.items() if key != without}
    assert provenance.builder(environ, PERSON) == Builder(PERSON)
    assert "metadata" not in predicate(by=Builder(PERSON))["runDetails"]
    assert sources(predicate(by=Builder(PERSON)))[0] == {"uri": "git:local", "digest": {"gitCommit": SHA}}


def test_a_dirty_commit_gives_the_source_no_digest():
    """What was built is in no commit: no environment that requires a commit may take it for one."""
    document = predicate(commit=Commit(SHA, dirty=True), variables={"COMMIT": f"{SHA}-dirty"})
    assert sources(document)[0] == {"uri": WORKFLOW.source}
    assert not any("gitCommit" in each.get("digest", {}) for each in sources(document))


def test_an_image_without_a_known_digest_is_named_without_one():
    unknown = Base("python", "docker.io/library/python:latest", "")
    assert sources(predicate(Recipe("orders", {}, images=(unknown,))))[-1] == {
        "name": "python",
        "uri": "pkg:oci/python?repository_url=docker.io/library/python&tag=latest",
    }


def test_the_same_build_gives_the_same_bytes_without_a_time():
    assert json.dumps(predicate()) == json.dumps(predicate())
    assert "finished" not in json.dumps(predicate())
    assert "started" not in json.dumps(predicate())


def test_a_run_gives_its_commit_its_variables_and_who_it_is(tmp_path):
    document = provenance.make(world(tmp_path).run, RECIPE)
    assert sources(document)[0]["digest"] == {"gitCommit": COMMIT}
    assert document["buildDefinition"]["externalParameters"]["variables"]["COMMIT"] == COMMIT
    assert document["runDetails"]["builder"]["id"].endswith(":assumed-role/Deploy/alice")


def test_no_secret_of_a_build_is_in_its_provenance(tmp_path):
    inherited = {
        "ACTIONS_RUNTIME_TOKEN": "secret-1",
        "AWS_SECRET_ACCESS_KEY": "secret-2",
        "HTTPS_PROXY": "http://me:secret-3@proxy.test",
        "PIP_INDEX_URL": "https://me:secret-4@index.test",
        "GITHUB_TOKEN": "secret-5",
        **GITHUB,
    }
    stand_in = f"{BASE.name}=https://me:secret-6@git.test/x.git?token=secret-7"
    given = settings(tmp_path, builder="secret-8", variables={"BUILD_CONTEXTS": stand_in, "TOKEN": "secret-9"})
    variables = bake.variables(given, Commit(SHA, dirty=False), inherited)
    replaced = Base(BASE.name, stand_in.partition("=")[2], "", is_image=False)
    document = predicate(
        Recipe("orders", {"docker-bake.hcl": b"secret-0"}, images=(replaced,)),
        variables={**variables, "OWN_TOKEN": "secret-10"},
        by=provenance.builder(inherited, PERSON),
    )
    assert "secret" not in json.dumps(document)
    assert sources(document)[-1] == {"name": BASE.name, "uri": "https://git.test/x.git"}
    assert document["buildDefinition"]["externalParameters"]["variables"] == {
        "COMMIT": SHA,
        "ENVIRONMENT": "sandbox",
        "PLATFORM": "linux/amd64",
        "REGISTRY": "registry.test:5000",
    }
