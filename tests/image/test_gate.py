"""Images that must never reach AWS: each is built for real, and refused before anything is pushed."""

import pytest

from delivery.errors import BuildError
from delivery.process.shell import Command

FROM_SCRATCH = "FROM scratch\nCOPY app.py /app\nUSER 65532\n"
START = 'CMD ["/app"]\n'


def refused(do):
    with pytest.raises(BuildError) as caught:
        do()
    assert caught.value.hint
    return caught.value


def rehearsals(shell):
    """The containers that rehearsals left."""
    listing = shell.run(Command(("docker", "ps", "--all", "--quiet", "--filter", "name=rehearsal-")))
    assert listing.code == 0
    return listing.stdout.split()


def test_the_image_as_it_is_passes_and_says_hello_on_a_read_only_root(project, shell):
    assert project.rehearsed().startswith("hello after ")
    assert rehearsals(shell) == []


def test_what_is_looked_at_is_what_the_engine_would_push_byte_for_byte(project):
    seen = project.gated()
    assert project.build("load") == project.build()
    assert seen.uncompressed > 3 * sum(layer["size"] for layer in seen.document["layers"]) / 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (("bake_file", "type=provenance,disabled=true", "type=provenance,mode=min"), "The build makes an index."),
        (("dockerfile", "USER 65532:65532\n", ""), "runs as root"),
        (("dockerfile", "USER 65532:65532\n", "USER 0\n"), "runs as root"),
    ],
)
def test_a_line_that_spoils_the_image_is_refused(project, spoil, said):
    name, old, new = spoil
    file = getattr(project, name)
    assert file.read_text().count(old) == 1
    file.write_text(file.read_text().replace(old, new))
    assert said in refused(project.gated).what


def test_another_architecture_is_refused(project):
    project.dockerfile.write_text(FROM_SCRATCH + START)
    project.bake_file.write_text(project.bake_file.read_text().replace("[PLATFORM]", '["linux/arm64"]'))
    assert refused(project.gated).what == "sse-streaming was built for linux/arm64."


def test_several_architectures_are_refused(project):
    project.dockerfile.write_text(FROM_SCRATCH + START)
    both = '["linux/amd64", "linux/arm64"]'
    project.bake_file.write_text(project.bake_file.read_text().replace("[PLATFORM]", both))
    assert refused(project.gated).what == "The build makes an index."


def test_no_program_to_start_is_refused(project):
    project.dockerfile.write_text(FROM_SCRATCH)
    assert refused(project.gated).what == "sse-streaming names no program to start."


def test_too_large_a_manifest_is_refused_by_its_bytes(project):
    project.dockerfile.write_text(FROM_SCRATCH + START)
    archived = "type=docker,dest=${ARCHIVES}/${image}.tar"
    noted = f"{archived},oci-mediatypes=true,annotation.note={'x' * 25_400}"
    assert archived in project.bake_file.read_text()
    project.bake_file.write_text(project.bake_file.read_text().replace(archived, noted))
    error = refused(project.gated)
    assert error.what.startswith("sse-streaming has a manifest of 25,")
    assert "25,400" in error.why


HANGING = """
import asyncio
async def app(scope, receive, send):
    await asyncio.sleep(3600)

def create(settings):
    return app
"""


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("main", "raise RuntimeError('crash at import')", "crash at import"),
        ("main", "open('/app/state', 'w')", "Read-only file system"),
        ("main", "open('/var/tmp/state', 'w')", "Read-only file system"),
        ("main", "import time; time.sleep(3600)", "it did not answer in time"),
        ("app", HANGING, "it did not answer in time"),
    ],
    ids=["crash", "writes-app", "writes-var-tmp", "hangs-at-start", "hangs-later"],
)
def test_an_image_that_cannot_start_as_lambda_starts_it_is_refused_with_its_log(project, shell, name, code, said):
    file = getattr(project, name)
    file.write_text(f"{code}\n{file.read_text()}" if name == "main" else f"{file.read_text()}{code}")
    error = refused(lambda: project.rehearsed(patience=4))
    assert said in str(error), error
    assert rehearsals(shell) == []


def test_an_image_of_another_commit_is_refused(project):
    project.commit, asked = "another", project.commit
    project.gated()
    project.commit = asked
    file = project.dockerfile
    file.write_text(file.read_text().replace("ENV COMMIT=$COMMIT", "ENV COMMIT=another"))
    assert f"does not name commit {asked}" in refused(project.rehearsed).what
