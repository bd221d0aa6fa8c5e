"""An image with a plain handler and AWS's own runtime client runs here as it is."""

import json

import pytest
from support.local_cloud import HANDLER, INVOKE, URL, Function, LocalCloud, create, opened, permit, push, with_url

from sandbox.emulator.configuration import ACCOUNT, REGION


@pytest.fixture(scope="module")
def handler(local: LocalCloud) -> Function:
    image = push(local.engine, local.cloud, HANDLER, "test-handler")
    create(local, "handler", Code={"ImageUri": image}, Timeout=30)
    function = with_url(local, "handler", "live", "BUFFERED")
    for action in (URL, INVOKE):
        permit(local, function, *action)
    return function


def test_a_buffered_url_answers_what_the_handler_returns(handler: Function) -> None:
    with opened(f"{handler.url}health") as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (201, "text/plain")
        assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert answer.read().decode() == "é well"


def test_a_buffered_url_is_forbidden_unless_the_permissions_are_given(local: LocalCloud, handler: Function) -> None:
    with opened(with_url(local, handler.name, "closed", "BUFFERED").url) as answer:
        assert answer.status == 403


def test_an_event_is_handled_with_lambdas_context(local: LocalCloud, handler: Function) -> None:
    payload = json.dumps({"Records": [1, 2]}).encode()
    answer = local.aws("lambda").invoke(FunctionName=handler.name, Qualifier="live", Payload=payload)
    result = json.loads(answer["Payload"].read())
    assert result["handled"] == 2
    assert result["arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:handler:live"
    assert 0 < result["left"] <= 30_000


def test_an_exception_is_a_function_error_with_its_traceback(local: LocalCloud, handler: Function) -> None:
    answer = local.aws("lambda").invoke(FunctionName=handler.name, Payload=b"{}")
    error = json.loads(answer["Payload"].read())
    assert (answer["FunctionError"], error["errorType"]) == ("Unhandled", "KeyError")
    assert "handler.py" in error["stackTrace"][0]
