"""One invocation: its runtime answers, is late, or has gone."""

import asyncio
from typing import Any

import pytest
from support.runtime import Runtime

from sandbox.emulator import containers, invocation, runtime_loop
from sandbox.emulator.failures import FunctionError
from sandbox.emulator.invocation import Invocation
from sandbox.emulator.runtime_api import RuntimeApi

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
RECORD = {"config": {"FunctionName": "f", "Timeout": 1, "FunctionArn": ARN}}


class FakeLease:
    """A container whose runtime the test plays."""

    def __init__(self, api: RuntimeApi, fresh: bool = True) -> None:
        self.api, self.fresh, self.record, self.address = api, fresh, RECORD, "10.9.8.1:4000"
        self.discarded = self.given_back = False
        self.reports: list[bool] = []

    def lines(self) -> list[Any]:
        return []

    def failure(self) -> FunctionError:
        return FunctionError("Runtime.ExitError", "Runtime exited with error: exit status 3")

    def discard(self) -> None:
        self.discarded = True

    def give_back(self) -> None:
        self.given_back = True

    def report(self, *report: Any) -> None:
        self.reports.append(report[-1])


async def new_api() -> RuntimeApi:
    return RuntimeApi()


def taken(monkeypatch: pytest.MonkeyPatch, *leases: FakeLease) -> None:
    waiting = list(leases)
    monkeypatch.setattr(containers, "in_scope_of", lambda _, call, *args: call(*args))
    monkeypatch.setattr(containers, "take", lambda *_: waiting.pop(0))


async def collected() -> bytes:
    begun = await Invocation.begin(RECORD, {"a": 1}, "request-1")
    return b"".join([chunk async for chunk in begun.chunks()])


async def answering(api: RuntimeApi) -> dict[str, str]:
    runtime = Runtime(api)
    headers = await runtime.next()
    await runtime.post("invocation/request-1/response", b"well")
    runtime.hang_up()
    await runtime.serving
    return headers


async def beginning(api: RuntimeApi) -> None:
    runtime = Runtime(api)
    await runtime.next()
    streaming = {"Lambda_Runtime_Function_Response_Mode": "streaming"}
    runtime.begin("POST", "invocation/request-1/response", Transfer_Encoding="chunked", **streaming)
    runtime.send(b"well")


def test_an_invocation_returns_what_its_runtime_answers_and_gives_the_container_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lease = FakeLease(runtime_loop.call(new_api()))
    taken(monkeypatch, lease)

    async def both() -> tuple[bytes, dict[str, str]]:
        body, headers = await asyncio.gather(collected(), runtime_loop.run(answering(lease.api)))
        return body, headers

    body, headers = asyncio.run(both())
    assert body == b"well"
    assert headers["invoked-function-arn"] == ARN
    assert (lease.given_back, lease.discarded) == (True, False)


def test_a_runtime_that_never_asks_for_an_invocation_fails_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "INIT_SECONDS", 0.05)
    lease = FakeLease(runtime_loop.call(new_api()))
    taken(monkeypatch, lease)
    with pytest.raises(FunctionError, match=r"asked for no invocation .* http://10\.9\.8\.1:4000") as caught:
        asyncio.run(collected())
    assert caught.value.kind == "Sandbox.Timedout"
    assert not lease.given_back


def test_a_runtime_that_exits_at_once_fails_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = FakeLease(runtime_loop.call(new_api()))
    taken(monkeypatch, lease)
    runtime_loop.call(lease.api.exited())
    with pytest.raises(FunctionError, match="exit status 3"):
        asyncio.run(collected())


def test_a_runtime_that_does_not_answer_in_time_is_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = FakeLease(runtime_loop.call(new_api()))
    taken(monkeypatch, lease)

    async def asking() -> None:
        await Runtime(lease.api).next()

    async def both() -> None:
        await asyncio.gather(collected(), runtime_loop.run(asking()))

    with pytest.raises(FunctionError, match=r"Task timed out after 1\.00 seconds"):
        asyncio.run(both())
    runtime_loop.call(lease.api.close())
    assert not lease.given_back


def test_an_invocation_whose_warm_container_has_gone_takes_another(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = FakeLease(runtime_loop.call(new_api()), fresh=False)
    fresh = FakeLease(runtime_loop.call(new_api()))
    taken(monkeypatch, gone, fresh)
    runtime_loop.call(gone.api.exited())

    async def both() -> bytes:
        return (await asyncio.gather(collected(), runtime_loop.run(answering(fresh.api))))[0]

    assert asyncio.run(both()) == b"well"
    assert (gone.discarded, fresh.given_back) == (True, True)


@pytest.mark.parametrize("ends", [True, False])
def test_a_function_whose_client_has_gone_may_end_and_is_used_again(
    monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    """One that does not end within two seconds is removed; Lambda would let it go on."""
    monkeypatch.setattr(invocation, "_GOES_ON", 0.2)
    lease = FakeLease(runtime_loop.call(new_api()))
    taken(monkeypatch, lease)

    async def left() -> None:
        begun = await Invocation.begin(RECORD, {}, "request-1")
        begun.leave()
        while not (lease.discarded or lease.given_back):
            await asyncio.sleep(0.01)

    async def both() -> None:
        plays = answering if ends else beginning
        await asyncio.gather(left(), runtime_loop.run(plays(lease.api)))

    asyncio.run(both())
    assert (lease.given_back, lease.discarded) == (ends, not ends)
