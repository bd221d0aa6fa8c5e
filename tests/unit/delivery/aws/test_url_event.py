"""A request as a Function URL passes it on, and the answer as the URL would send it."""

import json

import pytest

from delivery.aws import url_event
from delivery.aws.url_event import Answer


def test_a_request_is_an_event_of_payload_format_2_0():
    event = url_event.request("/health", {"deep": "yes & no", "n": "1"}, "text/plain")
    assert (event["version"], event["rawPath"], event["routeKey"]) == ("2.0", "/health", "$default")
    assert event["rawQueryString"] == "deep=yes+%26+no&n=1"
    assert event["queryStringParameters"] == {"deep": "yes & no", "n": "1"}
    assert event["headers"]["accept"] == "text/plain"
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["requestContext"]["http"]["path"] == "/health"
    assert event["requestContext"]["timeEpoch"] > 0
    assert event["isBase64Encoded"] is False


def test_a_request_without_a_query_has_no_parameters():
    event = url_event.request("/", {})
    assert event["rawQueryString"] == ""
    assert "queryStringParameters" not in event


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b'{"statusCode": 201, "body": "made"}', Answer(201, "made")),
        (b'{"statusCode": 200, "body": "eyJhIjogMX0=", "isBase64Encoded": true}', Answer(200, '{"a": 1}')),
        (b'{"statusCode": 204}', Answer(204, "")),
        (b'{"statusCode": "404", "body": null}', Answer(404, "")),
        (b'{"statusCode": 200, "body": {"a": 1}}', Answer(200, '{"a": 1}')),
        (b'{"a": 1}', Answer(200, '{"a": 1}')),
        (b'"text"', Answer(200, "text")),
        (b"null", Answer(200, "null")),
        (b'{"statusCode": 500, "headers": {}}' + b"\0" * 8 + b"oops", Answer(500, "oops")),
    ],
)
def test_an_answer_is_what_the_url_would_send(payload, answer):
    assert url_event.answer(payload) == answer


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "Expecting value"),
        (b"<html>", "Expecting value"),
        (b'{"statusCode": "ok"}', "its statusCode is 'ok'"),
        (b'{"statusCode": 200, "body": "%", "isBase64Encoded": true}', "its body is no base64"),
        (b"[]" + b"\0" * 8, "no prelude"),
    ],
)
def test_a_result_that_is_no_answer_of_http_is_refused(payload, why):
    with pytest.raises(ValueError, match=why):
        url_event.answer(payload)


def test_an_event_can_be_sent_as_json():
    assert json.loads(json.dumps(url_event.request("/ü", {"ü": "ß"})))["rawPath"] == "/ü"
