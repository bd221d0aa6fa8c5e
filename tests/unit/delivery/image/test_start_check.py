"""The start check: how the image is run, which answers pass, and that the container is removed."""

import json
from dataclasses import replace

import pytest
from support.aws import STREAMED, hello, prelude
from support.build import CONFIG, config
from support.clock import Clock
from support.shell import FakeShell

from delivery.errors import BuildError, CloudError, ConfigurationError
from delivery.image import start_check
from delivery.process.shell import Result

START = start_check.StartCheck("repository:tag", CONFIG["config"], "linux/amd64", lambda: None)
DOCKER = {"docker run": "", "docker port": "127.0.0.1:9\n", "docker rm": "", "docker logs": ""}


def of(contract):
    """The start check of an image with this health contract."""
    return start_check.StartCheck("repository:tag", config(contract)["config"], "linux/amd64", lambda: None)


def started(monkeypatch, tmp_path, answer, start=START, **shell):
    Clock().install(monkeypatch)
    monkeypatch.setattr(start_check.urllib3.PoolManager, "request", lambda *_, **__: answer())
    fake = FakeShell({**DOCKER, **{name.replace("_", " "): text for name, text in shell.items()}})
    try:
        return start_check.run_check(start, tmp_path / "rie", fake, tmp_path)
    finally:
        assert fake.ran[-1].argv[:3] == ("docker", "rm", "--force"), "the container is gone whatever happens"
        assert list(tmp_path.glob("*.env")) == [], "no file with variables stays"


def answering(body, code=200):
    class Answer:
        data, status = body, code

    return lambda: Answer


def test_it_runs_read_only_without_capabilities_and_the_emulator_in_front(tmp_path):
    argv = " ".join(START.command("name", tmp_path / "rie", tmp_path / "env").argv)
    assert "--read-only --tmpfs /tmp:exec,size=512m,mode=1777 --cap-drop ALL" in argv
    assert argv.endswith("--entrypoint /aws-lambda-rie repository:tag python")
    assert f"src={tmp_path}/rie,dst=/aws-lambda-rie,readonly" in argv


def test_entrypoint_and_command_are_both_the_image_s_own(tmp_path):
    own = config(Entrypoint=["/e", "1"], Cmd=["c"])["config"]
    command = start_check.StartCheck("i", own, "linux/arm64", lambda: None).command("name", tmp_path, tmp_path)
    assert command.argv[-4:] == ("i", "/e", "1", "c")


def test_a_variable_stands_in_no_argument_and_keeps_its_lines(tmp_path):
    variables = {"KEY": "one\ntwo", "TOKEN": "hush=1"}
    start = start_check.StartCheck("i", CONFIG["config"], "linux/arm64", lambda: None, variables)
    command = start.command("name", tmp_path, tmp_path / "env")
    assert "hush" not in " ".join(command.argv)
    assert start.lines == "TOKEN=hush=1\n"
    assert " ".join(command.argv).endswith(
        f"--env-file {tmp_path}/env --mount {command.argv[-7]} --entrypoint /aws-lambda-rie --env KEY i python"
    )
    assert command.variables == {"KEY": "one\ntwo"}
    assert "hush" not in repr(start)


def test_all_events_of_a_stream_are_enough(monkeypatch, tmp_path):
    assert started(monkeypatch, tmp_path, answering(STREAMED)).startswith("3 events after")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (prelude(500) + b"oops", "it answered 500, not 200.\n  oops"),
        (prelude(content_type="text/html"), "its content type is text/html"),
        (prelude() + b"event: news\ndata: {}\n\n", "its first event is `news`, not `hello`"),
        (b'{"errorType": "Runtime.ExitError", "errorMessage": "x"}', "it failed: Runtime.ExitError"),
        (prelude() + hello(), "it answered with 1 of 3 events"),
        (b"", "it answered with 0 of 3 events"),
    ],
)
def test_another_stream_is_refused_with_what_it_was(monkeypatch, tmp_path, body, reason):
    with pytest.raises(BuildError) as caught:
        started(monkeypatch, tmp_path, answering(body), docker_logs="a line of its log\n")
    assert reason in str(caught.value)
    assert "a line of its log" in caught.value.why


HTTP = {"http": "/health", "expect": {"ok": True}}
INVOKE = {"invoke": {"Records": []}, "expect": {"handled": 0}}


@pytest.mark.parametrize(
    ("contract", "body"),
    [
        (HTTP, b'{"statusCode": 200, "body": "{\\"ok\\": true}"}'),
        (HTTP, b'{"ok": true}'),
        (HTTP, prelude() + b'{"ok": true}'),
        ({"http": "/health", "status": 404}, b'{"statusCode": 404}'),
        (INVOKE, b'{"handled": 0, "at": 1}'),
        ({"invoke": {}}, b"null"),
        ({"invoke": {}}, b""),
    ],
)
def test_an_answer_that_the_contract_expects_is_enough(monkeypatch, tmp_path, contract, body):
    assert started(monkeypatch, tmp_path, answering(body), of(contract)).startswith("answered after")


@pytest.mark.parametrize(
    ("contract", "body", "reasons"),
    [
        (HTTP, b'{"statusCode": 502, "body": "x"}', ["it answered 502, not 200.", "Came: 502 x"]),
        (HTTP, b'{"statusCode": 200, "body": "[]"}', ['Expected: status 200, with {"ok": true} in the body']),
        (HTTP, b"<html>", ["it sent no answer", "<html>"]),
        (HTTP, b'{"errorType": "E", "errorMessage": "boom"}', ["it failed: E.", "boom"]),
        (INVOKE, b'{"handled": 1}', ['Expected: {"handled": 0}', 'Came: {"handled": 1}']),
        (INVOKE, b'{"errorType": "E", "errorMessage": "boom", "stackTrace": []}', ["it failed: E.", "boom"]),
    ],
)
def test_another_answer_is_refused_with_what_was_expected_and_what_came(monkeypatch, tmp_path, contract, body, reasons):
    with pytest.raises(BuildError) as caught:
        started(monkeypatch, tmp_path, answering(body), of(contract))
    assert [reason for reason in reasons if reason not in str(caught.value)] == []


def test_a_program_that_ends_is_told_from_one_that_answers(monkeypatch, tmp_path):
    """The emulator answers 502 for it: without a body, or with the error that the runtime has reported."""
    with pytest.raises(BuildError, match="its program ended without an answer"):
        started(monkeypatch, tmp_path, answering(b"", 502))
    with pytest.raises(BuildError, match=r"it failed: Function\.SettingsError"):
        started(monkeypatch, tmp_path, answering(b'{"errorType": "Function.SettingsError", "errorMessage": ""}', 502))


def test_an_image_is_called_with_the_event_of_its_contract(monkeypatch, tmp_path):
    sent = []
    Clock().install(monkeypatch)

    def request(pool, method, url, body, timeout):
        del pool, timeout
        sent.append((method, url, json.loads(body)))
        return answering(b'{"handled": 0}')()

    monkeypatch.setattr(start_check.urllib3.PoolManager, "request", request)
    start_check.run_check(of(INVOKE), tmp_path, FakeShell(DOCKER), tmp_path)
    assert sent == [("POST", "http://127.0.0.1:9/2015-03-31/functions/function/invocations", {"Records": []})]


def test_the_engine_tells_what_the_image_runs_and_its_contract():
    fake = FakeShell({"docker image inspect": json.dumps(CONFIG["config"])})
    assert start_check.settings("repository:tag", fake) == CONFIG["config"]
    assert fake.ran[0].argv[-1] == "repository:tag"


def test_an_image_that_the_engine_has_not_is_not_started():
    with pytest.raises(BuildError, match="is not in the engine") as caught:
        start_check.settings("repository:tag", FakeShell({"docker image inspect": Result(1, "", "No such image")}))
    assert caught.value.why == "No such image"


def test_an_image_without_a_contract_is_not_started(tmp_path):
    start = start_check.StartCheck("i", config(Labels=None)["config"], "linux/amd64", lambda: None)
    with pytest.raises(ConfigurationError, match=r"lambda\.health is missing"):
        start_check.run_check(start, tmp_path, FakeShell(DOCKER), tmp_path)


READY = "2026-01-01 [INFO] (rapid) INIT RTDONE(status: success)\n"


def late():
    raise start_check.urllib3.exceptions.ReadTimeoutError(None, "", "late")


def test_a_stream_that_goes_on_is_enough_once_its_runtime_has_asked_for_an_event(monkeypatch, tmp_path):
    """The emulator shows a stream at its end."""
    result = started(monkeypatch, tmp_path, late, docker_logs=READY)
    assert result.startswith("started, its stream goes on after")


@pytest.mark.parametrize("contract", [HTTP, INVOKE])
def test_an_answer_that_does_not_come_is_refused_even_of_a_ready_runtime(monkeypatch, tmp_path, contract):
    with pytest.raises(BuildError, match="it did not answer in time"):
        started(monkeypatch, tmp_path, late, of(contract), docker_logs=READY)


@pytest.mark.parametrize("command", ["docker_run", "docker_port", "docker_inspect"])
def test_an_interrupt_during_any_command_removes_the_container(monkeypatch, tmp_path, command):
    with pytest.raises(KeyboardInterrupt):  # the helper asserts that `docker rm` comes last
        started(monkeypatch, tmp_path, closed, **{command: KeyboardInterrupt()})


def test_no_answer_in_time_is_refused(monkeypatch, tmp_path):
    with pytest.raises(BuildError, match="it did not answer in time"):
        started(monkeypatch, tmp_path, late)


def test_no_answer_from_a_port_that_opened_late_is_the_image_and_not_the_engine(monkeypatch, tmp_path):
    tries = iter((CLOSED, start_check.urllib3.exceptions.ReadTimeoutError(None, "", "late")))

    def late():
        raise next(tries)

    with pytest.raises(BuildError, match="it did not answer in time"):
        started(monkeypatch, tmp_path, late, docker_inspect="true\n")


def test_a_port_that_nothing_listens_on_yet_is_asked_again(monkeypatch, tmp_path):
    answers = [start_check.urllib3.exceptions.ProtocolError("reset"), STREAMED]
    monkeypatch.setattr(start_check.clock, "pause", lambda _: None)

    def soon():
        if isinstance(answers[0], Exception):
            raise answers.pop(0)
        return answering(answers[0])()

    assert started(monkeypatch, tmp_path, soon).startswith("3 events after")


CLOSED = start_check.urllib3.exceptions.NewConnectionError(None, "Connection refused")


def test_a_closed_port_is_tried_again_while_the_container_runs(monkeypatch, tmp_path):
    answers = [CLOSED, CLOSED, STREAMED]

    def soon():
        if isinstance(answers[0], Exception):
            raise answers.pop(0)
        return answering(answers[0])()

    assert started(monkeypatch, tmp_path, soon, docker_inspect="true\n").startswith("3 events after")


def closed():
    raise CLOSED


def test_a_port_that_stays_closed_is_the_engine_s_and_not_the_function_s(monkeypatch, tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing listens on 127\.0\.0\.1:9") as caught:
        started(monkeypatch, tmp_path, closed, docker_inspect="true\n")
    assert "docker context ls" in caught.value.hint


def test_a_container_that_ended_is_not_waited_for(monkeypatch, tmp_path):
    with pytest.raises(BuildError, match="it ended at once"):
        started(monkeypatch, tmp_path, closed, docker_inspect="false\n", docker_logs="Traceback\n")


def test_a_platform_that_the_engine_cannot_run_is_no_fault_of_the_image(monkeypatch, tmp_path):
    log = "exec /aws-lambda-rie: exec format error"
    with pytest.raises(ConfigurationError, match="cannot run an image of linux/amd64"):
        started(monkeypatch, tmp_path, answering(b""), docker_port="", docker_logs=log)


def test_an_engine_that_cannot_start_it_is_quoted(monkeypatch, tmp_path):
    why = "docker: Error response from daemon: invalid mount"
    with pytest.raises(BuildError, match="invalid mount"):
        started(monkeypatch, tmp_path, answering(b""), docker_run=Result(125, "", why))


def test_the_emulator_that_cannot_be_fetched_is_reported(tmp_path):
    (tmp_path / "cache").mkdir()
    with pytest.raises(CloudError, match="no such host"):
        start_check.emulator(
            tmp_path / "cache", "linux/amd64", FakeShell({start_check.sys.executable: Result(1, "", "no such host")})
        )


COLLECTED = Result(1, "", "parent snapshot sha256:4e does not exist: not found")


def test_an_image_that_lost_a_layer_to_the_garbage_collector_of_the_engine_is_loaded_again(monkeypatch, tmp_path):
    loads = []
    start = replace(START, load=lambda: loads.append("load"))
    lost = [COLLECTED, COLLECTED, Result(0, "", "")]
    assert started(monkeypatch, tmp_path, answering(STREAMED), start, docker_run=lost).startswith("3 events after")
    assert loads == ["load", "load"]


def test_a_layer_that_the_engine_never_finds_is_an_error(monkeypatch, tmp_path):
    with pytest.raises(BuildError, match="cannot be started"):
        started(monkeypatch, tmp_path, answering(b""), docker_run=COLLECTED)
