"""Answers that stream: through a function URL and through InvokeWithResponseStream."""

import http.client
import json

import pytest
from support.local_cloud import (
    INVOKE,
    URL,
    Function,
    LocalCloud,
    completion,
    create,
    invoke,
    opened,
    permit,
    signal,
    with_url,
)

from sandbox import processes


@pytest.mark.parametrize(("alias", "given"), [("gate", ()), ("half", (URL,)), ("other-half", (INVOKE,))])
def test_a_url_is_forbidden_unless_both_permissions_are_given(
    local: LocalCloud, function: Function, alias: str, given: tuple[tuple[str, dict[str, object]], ...]
) -> None:
    gated = with_url(local, function.name, alias)
    for action in given:
        permit(local, gated, *action)
    with opened(gated.url) as answer:
        assert answer.status == 403
        assert b"Forbidden" in answer.read()


def test_permissions_of_another_alias_do_not_open_a_url(local: LocalCloud, public: Function) -> None:
    with opened(with_url(local, public.name, "closed").url) as answer:
        assert answer.status == 403


def test_a_url_passes_on_the_first_event_while_the_function_still_runs(local: LocalCloud, public: Function) -> None:
    with opened(f"{public.url}wait?key=url") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert answer.readline() == b"first from 1\n"
        signal(local, "url")
        assert answer.read() == b"last\n"


def test_an_invocation_passes_on_the_first_event_while_the_function_still_runs(
    local: LocalCloud, function: Function
) -> None:
    events = invoke(local, function.name, "2", {"rawPath": "/wait", "queryStringParameters": {"key": "invoke"}})
    received = b""
    while b"first" not in received:
        received += next(events)["PayloadChunk"]["Payload"]
    prelude, _, body = received.partition(bytes(8))
    assert json.loads(prelude)["statusCode"] == 200
    assert body == b"first from 2\n"
    signal(local, "invoke")
    rest = list(events)
    assert b"".join(event["PayloadChunk"]["Payload"] for event in rest[:-1]) == b"last\n"
    assert rest[-1] == {"InvokeComplete": {}}


def test_a_url_follows_its_alias_at_the_next_request(local: LocalCloud, public: Function) -> None:
    served = []
    for version in ("2", "1"):
        local.aws("lambda").update_alias(FunctionName=public.name, Name="live", FunctionVersion=version)
        with opened(f"{public.url}quick") as answer:
            served.append(answer.readline())
    assert served == [b"first from 2\n", b"first from 1\n"]


def test_each_of_two_streams_at_the_same_time_gets_a_container(local: LocalCloud, public: Function) -> None:
    with (
        opened(f"{public.url}wait?key=two") as first,
        opened(f"{public.url}wait?key=two") as second,
    ):
        assert first.readline() == second.readline() == b"first from 1\n"
        assert len(local.function_containers()) >= 2
        signal(local, "two")
        assert first.read() == second.read() == b"last\n"


def test_an_update_of_the_function_does_not_break_streams_of_older_versions(
    local: LocalCloud, public: Function
) -> None:
    with opened(f"{public.url}wait?key=update") as answer:
        answer.readline()
        local.aws("lambda").update_function_configuration(FunctionName=public.name, Description="newer")
        local.aws("lambda").update_function_code(FunctionName=public.name, ImageUri=local.image)
        signal(local, "update")
        assert answer.read() == b"last\n"


def test_the_container_of_a_client_that_disconnects_is_removed(local: LocalCloud, public: Function) -> None:
    with opened(f"{public.url}wait?key=leave") as answer:
        answer.readline()
        busy = local.function_containers()
    assert processes.wait_until(lambda: len(local.function_containers()) < len(busy), 20)
    with opened(f"{public.url}quick") as answer:
        assert answer.status == 200


def test_a_function_that_exits_during_its_answer_leaves_a_body_without_an_end(public: Function) -> None:
    with opened(f"{public.url}exit") as answer:
        assert answer.readline() == b"first from 1\n"
        with pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_an_invocation_reports_the_exit_status_of_a_function(local: LocalCloud, function: Function) -> None:
    end = completion(invoke(local, function.name, "1", {"rawPath": "/exit"}))
    assert end["ErrorCode"] == "Runtime.ExitError"
    assert "exit status 3" in end["ErrorDetails"]


def test_an_error_before_the_answer_is_a_502_with_its_reason(public: Function) -> None:
    with opened(f"{public.url}fail") as answer:
        assert answer.status == 502
        assert json.load(answer)["errorMessage"] == "no such thing"


def test_an_answer_without_a_prelude_is_the_body(public: Function) -> None:
    with opened(f"{public.url}raw") as answer:
        assert (answer.status, answer.read()) == (200, b"no prelude")


@pytest.mark.parametrize("path", ["/hang", "/stall"])
def test_the_timeout_of_the_function_bounds_the_whole_answer(local: LocalCloud, path: str) -> None:
    name = f"short{path.replace('/', '-')}"
    create(local, name, Timeout=1)
    end = completion(invoke(local, name, "1", {"rawPath": path}))
    assert end["ErrorCode"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in end["ErrorDetails"]


def test_an_error_midway_ends_an_invocation_with_its_reason_and_the_next_one_is_served(
    local: LocalCloud, function: Function
) -> None:
    for _ in range(2):
        end = completion(invoke(local, function.name, "1", {"rawPath": "/midway"}))
        assert end["ErrorCode"] == "Function.ValueError"
        assert json.loads(end["ErrorDetails"])["errorMessage"] == "midway"
