"""The health contract in the label of an image: what is accepted, what is refused, and the line that is shown."""

import json

import pytest

from delivery import health
from delivery.errors import ConfigurationError
from delivery.health import Http, Invoke, Stream, Uncalled


def parsed(**document):
    return health.parse(json.dumps(document))


def refused(text):
    with pytest.raises(ConfigurationError) as caught:
        health.parse(text)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_stream_has_a_path_a_first_event_and_a_number_of_events():
    contract = parsed(stream="/events", first="hello", events=3, query={"a": "b c"}, deadline=30)
    assert isinstance(contract, Stream)
    assert (contract.path, contract.first, contract.events, contract.deadline) == ("/events", "hello", 3, 30)
    assert contract.request == "GET /events?a=b+c"


def test_a_stream_with_nothing_else_has_two_events_the_fewest_that_come_one_by_one():
    contract = parsed(stream="/events")
    assert (contract.first, contract.events, contract.query, contract.deadline) == (None, 2, {}, None)


def test_a_request_has_a_path_and_status_200():
    contract = parsed(http="/health", expect={"ok": True})
    assert isinstance(contract, Http)
    assert (contract.path, contract.status, contract.expect) == ("/health", 200, {"ok": True})
    assert contract.expected == 'status 200, with {"ok": true} in the body'
    assert parsed(http="/health", status=204).expected == "status 204"


def test_an_event_may_be_any_object():
    contract = parsed(invoke={"Records": []}, expect={"handled": 0})
    assert isinstance(contract, Invoke)
    assert (contract.event, contract.expect) == ({"Records": []}, {"handled": 0})
    assert parsed(invoke={}).expected == "no error"


def test_a_function_may_be_left_uncalled_for_a_reason():
    contract = parsed(none="it deletes what it finds")
    assert contract == Uncalled(none="it deletes what it finds", deadline=None)


@pytest.mark.parametrize(
    ("text", "why", "line"),
    [
        ("{", "It is no JSON", "http"),
        ("[]", "It must be an object.", "http"),
        ('"x"', "It must be an object.", "http"),
        ("{}", "It has none of them; it must have one of stream, http, invoke, none.", "http"),
        ('{"grpc": "/"}', "It has none of them", "http"),
        ('{"stream": "/a", "http": "/b"}', "It has stream and http", "http"),
        ('{"http": "/a", "none": "x"}', "It has http and none", "http"),
        ('{"http": "health"}', '`http` is "health"; it must be a path that begins with `/`', "http"),
        ('{"http": ""}', "it must be a path", "http"),
        ('{"http": "/a?b=c"}', "it must be a path that begins with `/`, without query.", "http"),
        ('{"http": "/a", "status": "200"}', '`status` is "200"; it must be a status', "http"),
        ('{"http": "/a", "status": 99}', "`status` is 99", "http"),
        ('{"http": "/a", "status": true}', "`status` is true", "http"),
        ('{"http": "/a", "expect": "ok"}', '`expect` is "ok"; it must be an object.', "http"),
        ('{"http": "/a", "expcet": {}}', "`expcet` is unknown; known are deadline, query, http, status,", "http"),
        ('{"http": "/a", "events": 3}', "`events` is unknown", "http"),
        ('{"stream": "events"}', '`stream` is "events"; it must be a path', "stream"),
        ('{"stream": 1}', "`stream` is 1; it must be a path", "stream"),
        ('{"stream": "/a", "events": 0}', "`events` is 0; it must be a whole number, 1 or more.", "stream"),
        ('{"stream": "/a", "events": 2.5}', "`events` is 2.5", "stream"),
        ('{"stream": "/a", "first": ""}', '`first` is ""', "stream"),
        ('{"stream": "/a", "query": {"n": 3}}', "`query.n` is 3; it must be an object of texts", "stream"),
        ('{"stream": "/a", "query": "n=3"}', '`query` is "n=3"', "stream"),
        ('{"invoke": "x"}', '`invoke` is "x"; it must be an object.', "invoke"),
        ('{"invoke": [1]}', "`invoke` is [1]", "invoke"),
        ('{"invoke": null}', "`invoke` is null", "invoke"),
        ('{"invoke": {}, "status": 200}', "`status` is unknown", "invoke"),
        ('{"none": ""}', '`none` is ""; it must be the reason, a text.', "none"),
        ('{"none": " "}', "it must be the reason", "none"),
        ('{"none": true}', "`none` is true", "none"),
        ('{"http": "/a", "deadline": 0}', "`deadline` is 0; it must be seconds, above 0 and at most 900.", "http"),
        ('{"invoke": {}, "deadline": "5"}', '`deadline` is "5"', "invoke"),
        ('{"invoke": {}, "deadline": 901}', "`deadline` is 901", "invoke"),
    ],
)
def test_a_malformed_contract_is_refused_with_the_reason_and_a_correct_line(text, why, line):
    error = refused(text)
    assert error.what == f"The label lambda.health is malformed: {text}"
    assert why in error.why
    assert error.hint == health.line(line)


def test_a_contract_that_is_nested_too_deeply_is_refused():
    assert refused("[" * 100_000).why == "It is nested too deeply."


@pytest.mark.parametrize("kind", ["stream", "http", "invoke", "none"])
def test_the_line_that_is_shown_is_itself_a_contract(kind):
    """With the object in it written as JSON, as `jsonencode` does."""
    inside = health.line(kind).partition("jsonencode(")[2].removesuffix(") }")
    for name in ("stream", "first", "events", "http", "status", "invoke", "expect", "none", "Records"):
        inside = inside.replace(f"{name} =", f'"{name}":')
    assert kind in health.parse(inside).model_dump(by_alias=True)


def test_a_missing_contract_is_refused_with_a_line_of_each_kind():
    error = health.missing()
    assert error.exit_code == 2
    assert all(health.line(kind) in error.why for kind in ("stream", "http", "invoke", "none"))


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": None}}, {"a": {"b": None, "c": 1}}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}),
        ({"body": {"ok": True}}, {"statusCode": 200, "body": '{"ok": true, "at": 1}'}),
        ({"ok": True}, '{"ok": true}'),
        ({"n": 1}, {"n": 1.0}),
        ({"text": "{}"}, {"text": "{}"}),
    ],
)
def test_what_is_expected_is_within_an_answer_that_has_more(expected, actual):
    assert health.within(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": 2}),
        ({"a": None}, {}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": {}}, {"a": []}),
        ({"a": {"b": 1}}, {"a": "no JSON"}),
        ({}, "[]"),
        ({}, None),
    ],
)
def test_what_is_expected_and_missing_or_another_is_not_within_an_answer(expected, actual):
    assert not health.within(expected, actual)


def test_a_long_answer_is_cut_off_with_its_length():
    assert health.shortened({"a": 1}) == '{"a": 1}'
    assert health.shortened("x" * 1000, 10) == "xxxxxxxxxx… (1,000 characters)"


def test_a_version_without_the_label_is_the_first_function_that_was_shipped():
    assert (health.UNLABELLED.path, health.UNLABELLED.first, health.UNLABELLED.events) == ("/api/v2/stream", "hello", 3)
