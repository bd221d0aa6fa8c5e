import json

import function_url
import pytest

from sse_streaming import event


def parse(**given):
    return event.parse(json.dumps(function_url.event(**given)).encode(), deadline=1.0)


def test_the_event_becomes_an_asgi_request():
    scope = parse(path="/a%20b", query="x=1&x=2", method="POST", headers={"x-one": "1"}).scope
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b", b"/a%20b")
    assert scope["query_string"] == b"x=1&x=2"
    assert (b"x-one", b"1") in scope["headers"]
    assert scope[event.DEADLINE] == 1.0


def test_cookies_come_back_as_the_header_they_were():
    made = function_url.event() | {"cookies": ["a=1", "b=2"]}
    assert (b"cookie", b"a=1; b=2") in event.parse(json.dumps(made).encode(), 0).scope["headers"]


def test_a_base64_body_is_decoded():
    assert parse(body=b"\xff\x00").body == b"\xff\x00"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"{}",
        b'{"version": "1.0"}',
        b'{"version": "2.0"}',
        json.dumps(function_url.event() | {"rawPath": None}).encode(),
        json.dumps(function_url.event() | {"headers": ["x"]}).encode(),
        json.dumps(function_url.event() | {"body": "!", "isBase64Encoded": True}).encode(),
    ],
)
def test_any_other_payload_is_refused_and_says_what_was_expected(payload):
    with pytest.raises(event.UnknownEventError, match=r"not a Function URL event .*try:"):
        event.parse(payload, deadline=0)


def test_the_prelude_is_json_and_eight_nuls():
    raw = event.prelude(201, [(b"Content-Type", b"text/plain"), (b"vary", b"a"), (b"vary", b"b")])
    assert raw.endswith(b"}" + b"\0" * 8)
    assert function_url.answer(raw).status == 201
    assert function_url.answer(raw).headers == {"content-type": "text/plain", "vary": "a, b"}


def test_cookies_keep_their_own_place_in_the_prelude():
    raw = event.prelude(200, [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
    assert function_url.answer(raw).cookies == ["a=1", "b=2"]


def test_headers_of_one_connection_do_not_reach_the_prelude():
    raw = event.prelude(200, [(b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"content-length", b"1")])
    assert function_url.answer(raw).headers == {}
