"""`invoke sbom` shows the packages of what is live, not of what was built or published last."""

import json

import pytest
from support.image_layers import layer, metadata, pushed
from support.registry import FakeRegistry
from support.world import FUNCTION, answers, world

from delivery.cli import report
from delivery.commands import sbom
from delivery.errors import MissingToolError, RefusedError
from delivery.process.shell import Result

LIVE = "b" * 40
DIGEST = "sha256:" + "a" * 64
BAKE = "docker buildx bake --file docker-bake.hcl --print"
LOCK = f"h11==0.16.0 --hash=sha256:{'d' * 64}\n"


def package(version):
    return layer((f"dependencies/h11-{version}.dist-info/METADATA", metadata("h11", version)))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Version 1 is live; version 2 has another image."""
    show = f"git show {LIVE}:./"
    files = {"docker-bake.hcl": "", "Dockerfile": f"FROM python:3.13@{DIGEST}\n", "requirements.txt": LOCK}
    target = json.dumps({"target": {"sse-streaming": {"context": "."}}})
    made = world(tmp_path, answers(**{BAKE: target}, **{f"{show}{name}": text for name, text in files.items()}))
    registry = FakeRegistry(made.aws.ecr).install(monkeypatch)
    live, newer = (pushed(made, registry, package(version)) for version in ("0.16.0", "0.17.0"))
    made.aws.functions.images |= {"1": live.uri, "2": newer.uri, "$LATEST": newer.uri}
    made.aws.functions.commits |= {"1": LIVE, "2": "e" * 40}
    return made


def documents(made):
    return json.loads(report.sbom_json(sbom.read(made.run, (FUNCTION,))))


def test_the_packages_are_those_of_the_live_version_with_the_base_and_the_lock_of_its_commit(made):
    base, package = documents(made)["sse-streaming"]["components"]
    assert (base["name"], base["version"]) == ("docker.io/library/python", DIGEST)
    assert package["purl"] == "pkg:pypi/h11@0.16.0"
    assert package["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "d" * 64}]


@pytest.mark.parametrize("bake", [MissingToolError("docker was not found."), Result(1, "", "malformed")])
def test_without_docker_or_a_bake_file_the_packages_are_known_all_the_same(made, bake):
    made.shell.answers[BAKE] = bake
    (package,) = documents(made)["sse-streaming"]["components"]
    assert package["purl"] == "pkg:pypi/h11@0.16.0"


def test_a_clone_without_the_live_commit_knows_no_base(made):
    made.shell.answers["git show"] = Result(128, "", "fatal: bad object")
    for name in [name for name in made.shell.answers if name.startswith("git show ")]:
        del made.shell.answers[name]
    assert [each["name"] for each in documents(made)["sse-streaming"]["components"]] == ["h11"]


def test_a_person_reads_who_made_the_list(made):
    lines = report.sbom_lines(sbom.read(made.run, (FUNCTION,)))
    assert lines[0].endswith(": 1 Python")
    assert lines[-1].startswith("  source    made from the image's layers in the registry: ")


def test_nothing_is_changed(made):
    documents(made)
    changing = ("put_", "update_", "delete_", "add_", "remove_")
    assert not [name for name, _ in made.aws.functions.calls + made.aws.ecr.calls if name.startswith(changing)]


def test_before_a_version_is_live_it_says_so(made):
    made.aws.functions.live = ""
    with pytest.raises(RefusedError, match="Nothing is live in sandbox of sse-streaming") as caught:
        documents(made)
    assert caught.value.hint == "invoke deploy --env sandbox"
