"""An image that Lambda would refuse, or that does not start, is built for real and refused before a push."""

import pytest
from support.image_project import edit

from delivery.errors import BuildError
from delivery.image import start_check

FROM_SCRATCH = "FROM scratch\nCOPY app.py /app\nUSER 65532\n"
START = 'CMD ["/app"]\n'


def require_refusal(call):
    """Require that `call` raises BuildError with a hint; return the error."""
    with pytest.raises(BuildError) as raised:
        call()
    assert raised.value.hint
    return raised.value


def test_the_unchanged_image_passes_and_streams_with_a_read_only_root(project):
    assert "3 events after" in project.start_check()
    assert project.start_check_containers() == []


def test_the_checked_image_is_byte_for_byte_the_image_that_the_engine_would_push(project):
    inspected = project.check()
    assert len({project.build(output) for output in ("digest", "layout", "load")}) == 1
    assert inspected.uncompressed > 3 * sum(layer["size"] for layer in inspected.document["layers"]) / 2


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("bake_file", "type=provenance,disabled=true", "type=provenance,mode=min", "index"),
    ],
    ids=["provenance"],
)
def test_an_image_that_breaks_a_rule_of_lambda_is_refused_with_the_reason(project, file, old, new, reason):
    edit(getattr(project, file), old, new)
    assert reason in require_refusal(project.check).what


def test_an_image_without_a_user_is_started_as_it_is(project):
    edit(project.dockerfile, "USER 65532:65532\n", "")
    assert "3 events after" in project.start_check()


def test_an_image_for_another_architecture_is_refused(project):
    project.dockerfile.write_text(FROM_SCRATCH + START)
    edit(project.bake_file, "[PLATFORM]", '["linux/arm64"]')
    error = require_refusal(project.check)
    assert "sse-streaming" in error.what
    assert "linux/arm64" in error.what


def test_an_image_for_several_architectures_is_refused(project):
    project.dockerfile.write_text(FROM_SCRATCH + START)
    edit(project.bake_file, "[PLATFORM]", '["linux/amd64", "linux/arm64"]')
    assert "index" in require_refusal(project.check).what


def test_an_image_without_a_program_to_start_is_refused(project):
    project.dockerfile.write_text(FROM_SCRATCH)
    error = require_refusal(project.check)
    assert "sse-streaming" in error.what
    assert "ENTRYPOINT" in error.why


def test_an_image_with_too_large_a_manifest_is_refused_with_the_limit(project):
    project.dockerfile.write_text(FROM_SCRATCH + START)
    exporter = "type=oci,tar=false,oci-mediatypes=true,dest=${OUTPUTS}/${image}"
    edit(project.bake_file, exporter, f"{exporter},annotation.note={'x' * 25_400}")
    error = require_refusal(project.check)
    assert "manifest of 25," in error.what
    assert "25,400" in error.why


HANGING_APP = """
import asyncio
async def app(scope, receive, send):
    await asyncio.sleep(3600)

def create(settings, source):
    return app
"""


@pytest.mark.parametrize(
    ("file", "code", "reason"),
    [
        ("main", "raise RuntimeError('crash at import')", "crash at import"),
        ("main", "open('/app/state', 'w')", "Read-only file system"),
        ("main", "open('/var/tmp/state', 'w')", "Read-only file system"),
        ("main", "import time; time.sleep(3600)", "in time"),
    ],
    ids=["crash", "writes-app", "writes-var-tmp", "hangs-at-start"],
)
def test_an_image_that_does_not_start_as_lambda_starts_it_is_refused_with_its_log(project, file, code, reason):
    path = getattr(project, file)
    path.write_text(f"{code}\n{path.read_text()}")
    # A crash is known when it happens; only what hangs has to be waited for.
    seconds = 4 if reason == "in time" else start_check.DEADLINE
    error = require_refusal(lambda: project.start_check(seconds))
    assert reason in str(error), error
    assert project.start_check_containers() == []


def test_a_stream_that_does_not_end_is_only_started(project):
    """The emulator holds it back until it ends; the version has to show that it streams."""
    project.app.write_text(f"{project.app.read_text()}{HANGING_APP}")
    assert "started, its stream goes on" in project.start_check(4)
    assert project.start_check_containers() == []
