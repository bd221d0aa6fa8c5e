"""What BuildKit prints becomes steps, cache hits and the reason of a failure."""

import pytest
from support.build import BASE_MISSING, BUILT, RUN_FAILED, push_failed

from delivery.image.build_log import BuildLog


def read(text):
    log = BuildLog()
    output = [step for line in text.splitlines() if (step := log.feed(line))]
    return log, output


def test_each_step_is_shown_once_when_it_opens():
    _, output = read(BUILT)
    assert output[2:4] == [
        "[internal] load metadata for docker.io/library/python:3.13-slim",
        "[stdlib 1/2] FROM docker.io/library/python:3.13-slim",
    ]
    assert len(output) == len(set(output))


def test_only_the_dockerfile_s_steps_are_counted():
    log, _ = read(BUILT)
    assert log.counts() == "4 steps, 2 cached"


def test_steps_of_several_targets_are_counted_too():
    log, _ = read(BUILT.replace("[internal]", "[a internal]").replace("[stdlib", "[a stdlib"))
    assert log.counts() == "4 steps, 2 cached"


def test_a_failed_run_step_is_named_with_its_last_20_lines_and_the_reason_last():
    log, _ = read(RUN_FAILED)
    step, text = log.failure()
    lines = text.splitlines()
    assert step == "[dependencies 2/3] RUN pip install --require-hashes -r /tmp/requirements.txt"
    assert lines[:-1] == [f"pip says {number}" for number in range(11, 31)]
    assert lines[-1].endswith('process "/bin/sh -c pip install" did not complete successfully: exit code: 1')


def test_a_missing_base_image_is_named_with_the_registry_s_reason():
    log, _ = read(BASE_MISSING)
    assert log.failure() == (
        "[internal] load metadata for mirror.invalid/python:3.13-slim",
        'failed to do request: Head "https://mirror.invalid/v2/python/manifests/3.13-slim": '
        "dial tcp: lookup mirror.invalid: no such host",
    )


def test_a_refused_push_gives_the_registry_s_reason():
    log, _ = read(push_failed("unexpected status from POST request to http://x/uploads/: 403 Forbidden"))
    assert log.failure()[1].endswith("403 Forbidden")


@pytest.mark.parametrize("line", ["", "------", " > [2/2] RUN x:", "0.225 noise", "#7 sha256:ab 1.2MB / 3MB 0.2s"])
def test_what_is_no_step_opens_none(line):
    log = BuildLog()
    assert log.feed(line) == ""
    assert (log.steps, log.output, log.failure()) == ({}, {}, ("", ""))


def test_a_cache_that_is_not_there_yet_is_no_failure_and_no_warning():
    log, _ = read(BUILT)
    assert (log.failure(), log.warnings) == (("", ""), ())


def test_a_cache_that_cannot_be_read_is_a_warning():
    log, _ = read("#4 [one] importing cache manifest from gha:1\n#4 ERROR: dial tcp: connection refused")
    assert (log.failed, log.warnings) == ("", ("The build cache could not be read: dial tcp: connection refused",))


def test_nor_is_it_when_several_targets_are_built():
    log, _ = read(BUILT.replace("#4 importing", "#4 [one] importing"))
    assert log.failure() == ("", "")


def test_the_digests_that_buildkit_resolved_are_read():
    log = BuildLog()
    for line in f"""\
#4 [base 1/1] FROM docker.io/library/python:3.13-slim@sha256:{"a" * 64}
#4 resolve docker.io/library/python:3.13-slim@sha256:{"a" * 64} 0.1s done
#5 [context python@sha256:{"9" * 64}] mirror.test/python:3@sha256:{"b" * 64}
#5 resolve mirror.test/python:3@sha256:{"b" * 64} 0.0s done
#6 [orders build 1/2] FROM docker.io/library/golang:1@sha256:{"c" * 64}
#7 resolve docker.io/library/busybox:1 0.0s done
#8 0.1 resolve docker.io/library/forged:1@sha256:{"d" * 64}
#9 exporting manifest sha256:{"e" * 64} done
""".splitlines():
        log.feed(line)
    assert log.resolved == {
        "docker.io/library/python:3.13-slim": f"sha256:{'a' * 64}",
        "mirror.test/python:3": f"sha256:{'b' * 64}",
        "docker.io/library/golang:1": f"sha256:{'c' * 64}",
    }
