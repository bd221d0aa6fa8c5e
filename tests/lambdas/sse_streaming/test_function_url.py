"""A Function URL's payload becomes an ASGI scope, and the head of a response becomes a prelude."""

import json
import time

import pytest
from support.function_url import payload, response

from sse_streaming import function_url
from sse_streaming.context import Context

CONTEXT = Context("request", deadline=1.0, trace_id="Root=1-2", tenant_id="blue")


def parse(**fields):
    return function_url.parse(json.dumps(payload(**fields)).encode(), CONTEXT)


def test_a_payload_becomes_an_asgi_scope():
    scope = parse(path="/a%20b", query="x=1&x=2", method="POST", headers={"x-one": "1"}).scope
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b", b"/a%20b")
    assert scope["query_string"] == b"x=1&x=2"
    assert (b"x-one", b"1") in scope["headers"]


def test_the_scope_carries_the_payload_and_the_context_under_the_names_that_mangum_uses():
    scope = parse(query="x=1").scope
    assert scope["aws.event"] == payload(query="x=1")
    assert scope["aws.context"].aws_request_id == "request"
    assert (scope["aws.context"].trace_id, scope["aws.context"].tenant_id) == ("Root=1-2", "blue")


def test_the_context_says_how_much_time_an_invocation_has_left():
    assert CONTEXT.get_remaining_time_in_millis() == 0
    assert 58_000 < Context("request", deadline=time.time() + 60).get_remaining_time_in_millis() <= 60_000


def test_the_cookies_of_a_payload_become_a_cookie_header():
    document = payload() | {"cookies": ["a=1", "b=2"]}
    assert (b"cookie", b"a=1; b=2") in function_url.parse(json.dumps(document).encode(), CONTEXT).scope["headers"]


def test_a_base64_body_is_decoded():
    assert parse(body=b"\xff\x00").body == b"\xff\x00"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"{}",
        b'{"version": "1.0"}',
        b'{"version": "2.0"}',
        json.dumps(payload() | {"rawPath": None}).encode(),
        json.dumps(payload() | {"headers": ["x"]}).encode(),
        json.dumps(payload() | {"rawPath": "/\ud800"}).encode(),
        json.dumps(payload() | {"body": "!", "isBase64Encoded": True}).encode(),
        json.dumps(payload() | {"body": ["x"], "isBase64Encoded": True}).encode(),
        json.dumps(payload(method=None)).encode(),
        b"[" * 100_000,
    ],
)
def test_every_other_payload_is_refused_with_the_name_of_the_expected_format(raw):
    with pytest.raises(function_url.UnknownEventError, match=r"payload format 2\.0 .*try:"):
        function_url.parse(raw, CONTEXT)


def test_a_prelude_is_json_and_eight_nuls():
    raw = function_url.prelude(201, [(b"Content-Type", b"text/plain"), (b"vary", b"a"), (b"vary", b"b")])
    assert raw.endswith(b"}" + b"\0" * 8)
    assert response(raw).status == 201
    assert response(raw).headers == {"content-type": "text/plain", "vary": "a, b"}


def test_a_prelude_lists_cookies_apart_from_the_headers():
    raw = function_url.prelude(200, [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
    assert response(raw).cookies == ["a=1", "b=2"]
    assert response(raw).headers == {}


def test_a_prelude_omits_the_headers_of_the_connection():
    headers = [(b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"content-length", b"1")]
    assert response(function_url.prelude(200, headers)).headers == {}
