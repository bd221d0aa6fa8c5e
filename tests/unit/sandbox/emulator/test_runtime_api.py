"""The Runtime API of a container, as its runtime sees it, and as the invocation sees it."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.runtime import Runtime

from sandbox.emulator.failures import BrokenError, FunctionError
from sandbox.emulator.runtime_api import LIMIT, RuntimeApi, Task

STREAMING = {"Lambda_Runtime_Function_Response_Mode": "streaming", "Transfer_Encoding": "chunked"}
TYPE, BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"


def task(ident: str = "request-1") -> Task:
    return Task(ident, f"{ident}-nonce", {"Lambda-Runtime-Deadline-Ms": "1000"}, b'{"rawPath": "/"}')


def story(tell: Callable[[RuntimeApi, Runtime], Awaitable[None]]) -> None:
    """Run one test's story with an API and a connection to it; at most five seconds."""

    async def run() -> None:
        api = RuntimeApi()
        runtime = Runtime(api)
        async with asyncio.timeout(5):
            await tell(api, runtime)
        await api.close()
        await runtime.serving

    asyncio.run(run())


async def parts(given: Task) -> list[bytes]:
    read = []
    while (part := await given.answer.part()) is not None:
        read.append(part)
    return read


def test_a_runtime_gets_the_payload_with_its_headers_and_answers_at_once() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        given = task()
        invoked = asyncio.ensure_future(api.invoke(given))
        headers = await runtime.next()
        assert (headers["aws-request-id"], headers["invocation-id"]) == ("request-1", "request-1-nonce")
        assert (headers["deadline-ms"], headers["content-type"]) == ("1000", "application/json")
        status, accepted = await runtime.post("invocation/request-1/response", b'{"a": 1}')
        assert (status, accepted) == (202, {"status": "OK"})
        await invoked
        assert await parts(given) == [b'{"a": 1}']

    story(tell)


def test_the_parts_of_a_streamed_answer_arrive_while_the_runtime_still_sends() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        given = task()
        invoked = asyncio.ensure_future(api.invoke(given))
        await runtime.next()
        runtime.begin("POST", "invocation/request-1/response", **STREAMING)
        runtime.send(b"first")
        await invoked
        assert await given.answer.part() == b"first"
        runtime.send(b"last")
        runtime.end()
        assert await parts(given) == [b"last"]
        assert (await runtime.answer())[0] == 202

    story(tell)


def test_trailers_end_a_streamed_answer_with_the_error_that_they_describe() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        given = task()
        invoked = asyncio.ensure_future(api.invoke(given))
        await runtime.next()
        runtime.begin("POST", "invocation/request-1/response", **STREAMING, Trailer=f"{TYPE}, {BODY}")
        runtime.send(b"first")
        document = json.dumps({"errorType": "Function.Bad", "errorMessage": "midway"}).encode()
        runtime.end({TYPE: "Function.Bad", BODY: base64.b64encode(document).decode()})
        await invoked
        assert await given.answer.part() == b"first"
        with pytest.raises(FunctionError, match="midway") as caught:
            await given.answer.part()
        assert (caught.value.payload, caught.value.usable) == (document, True)

    story(tell)


def test_an_error_report_fails_the_invocation_with_its_own_bytes_and_the_next_one_is_served() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        invoked = asyncio.ensure_future(api.invoke(task()))
        await runtime.next()
        report = b'{"errorMessage":"no","errorType":"KeyError"}'
        assert (await runtime.post("invocation/request-1/error", report))[0] == 202
        with pytest.raises(FunctionError) as caught:
            await invoked
        assert (caught.value.kind, caught.value.payload, caught.value.usable) == ("KeyError", report, True)
        again = asyncio.ensure_future(api.invoke(task("request-2")))
        assert (await runtime.next())["aws-request-id"] == "request-2"
        again.cancel()

    story(tell)


def test_an_answer_that_is_too_large_is_refused_and_fails_the_invocation() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        invoked = asyncio.ensure_future(api.invoke(task()))
        await runtime.next()
        status, refusal = await runtime.post("invocation/request-1/response", bytes(LIMIT + 1))
        assert (status, refusal["errorType"]) == (413, "RequestEntityTooLarge")
        with pytest.raises(FunctionError, match="ResponseSizeTooLarge"):
            await invoked

    story(tell)


def test_an_init_error_fails_every_invocation_of_this_runtime() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        waiting = asyncio.ensure_future(api.initialised())
        report = b'{"errorMessage":"no settings"}'
        assert (await runtime.post("init/error", report, **{TYPE: "Function.Settings"}))[0] == 202
        for work in (waiting, api.invoke(task())):
            with pytest.raises(FunctionError, match=r"Function\.Settings: no settings") as caught:
                await work
            assert not caught.value.usable

    story(tell)


def test_a_runtime_that_exits_before_it_asks_for_an_invocation_fails_its_start() -> None:
    async def tell(api: RuntimeApi, _: Runtime) -> None:
        waiting = asyncio.ensure_future(api.initialised())
        await api.exited()
        with pytest.raises(BrokenError):
            await waiting

    story(tell)


def test_a_runtime_that_exits_without_an_answer_fails_its_invocation() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        invoked = asyncio.ensure_future(api.invoke(task()))
        await runtime.next()
        await api.exited()
        with pytest.raises(BrokenError):
            await invoked

    story(tell)


def test_an_answer_that_breaks_off_is_broken_not_complete() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        given = task()
        invoked = asyncio.ensure_future(api.invoke(given))
        await runtime.next()
        runtime.begin("POST", "invocation/request-1/response", **STREAMING)
        runtime.send(b"first")
        runtime.hang_up()
        await invoked
        assert await given.answer.part() == b"first"
        with pytest.raises(BrokenError):
            await given.answer.part()

    story(tell)


def test_a_connection_that_closes_while_it_waits_takes_no_invocation_away() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        runtime.begin("GET", "invocation/next")
        runtime.end()
        await api.initialised()
        runtime.hang_up()
        await runtime.serving
        another = Runtime(api)
        invoked = asyncio.ensure_future(api.invoke(task()))
        assert (await another.next())["aws-request-id"] == "request-1"
        invoked.cancel()
        another.hang_up()
        await another.serving

    story(tell)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("invocation/request-9/response", {}, 400),
        ("invocation/request-1/response", {"Lambda_Runtime_Invocation_Id": "of another"}, 400),
        ("init/error", {}, 403),
        ("exit/error", {}, 404),
    ],
)
def test_a_wrong_request_is_refused_and_the_invocation_goes_on(path: str, headers: dict[str, str], status: int) -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        given = task()
        invoked = asyncio.ensure_future(api.invoke(given))
        await runtime.next()
        answered, refusal = await runtime.post(path, b"{}", **headers)
        assert (answered, bool(refusal["errorMessage"])) == (status, True)
        assert (await runtime.post("invocation/request-1/response", b"1"))[0] == 202
        await invoked
        assert (await runtime.post("invocation/request-1/response", b"2"))[0] == 403

    story(tell)


def test_a_runtime_that_asks_again_without_an_answer_is_refused() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        invoked = asyncio.ensure_future(api.invoke(task()))
        await runtime.next()
        runtime.begin("GET", "invocation/next")
        runtime.end()
        status, _, body = await runtime.answer()
        assert (status, json.loads(body)["errorType"]) == (403, "InvalidStateTransition")
        invoked.cancel()

    story(tell)


def test_a_runtime_that_waits_for_100_continue_gets_it() -> None:
    async def tell(api: RuntimeApi, runtime: Runtime) -> None:
        given = task()
        invoked = asyncio.ensure_future(api.invoke(given))
        await runtime.next()
        runtime.begin("POST", "invocation/request-1/response", Content_Length="2", Expect="100-continue")
        interim: Any = await runtime._event()
        assert interim.status_code == 100
        runtime.send(b"{}")
        runtime.end()
        assert (await runtime.answer())[0] == 202
        await invoked

    story(tell)
