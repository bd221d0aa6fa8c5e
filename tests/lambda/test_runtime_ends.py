"""How the runtime starts, ends, and what it leaves in the log."""

import logging
import socket

import broken_apps
import function_url
import pytest

from sse_streaming import runtime
from sse_streaming.exchange import RuntimeApiError
from sse_streaming.settings import SettingsError

pytestmark = pytest.mark.anyio
START = broken_apps.START


async def test_a_function_that_cannot_start_says_why(api):
    def create():
        raise SettingsError("HEARTBEAT_SECONDS must be a number")

    with pytest.raises(SettingsError):
        await runtime.run(api.address, create)
    headers, told = api.init_error
    assert headers["lambda-runtime-function-error-type"] == "Function.SettingsError"
    assert told["errorMessage"] == "HEARTBEAT_SECONDS must be a number"


async def test_a_runtime_whose_api_is_gone_ends():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(RuntimeApiError, match="no connection"):
        await runtime.run(address, lambda: broken_apps.forgets_to_answer)


async def test_what_the_api_says_against_a_response_is_in_the_log(api, serving, function, caplog):
    async with serving(function):
        await api.invoke(function_url.event(query="interval=60"), answer_early=413).ended()
        assert await function_url.answers_next(api)
    assert "did not reach Lambda: the Runtime API answered 413" in caplog.text


async def test_failures_are_in_the_log_with_their_traceback(api, serving, caplog):
    with caplog.at_level(logging.ERROR):
        async with serving(broken_apps.fails_before_its_response):
            await api.invoke(function_url.event()).ended()
    assert "KeyError: 'before'" in caplog.text
