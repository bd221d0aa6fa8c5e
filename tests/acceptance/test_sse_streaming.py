"""What a client of the stream gets. `invoke acceptance` runs these tests; docs/functions.md, Acceptance tests."""

import itertools
import json

import pytest

pytestmark = pytest.mark.function("sse-streaming")


def test_the_stream_says_hello_from_the_version_that_was_deployed_and_then_ticks(function):
    answer = function.get("/api/v2/stream?events=3&interval=0.1")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = list(itertools.islice(answer.events(), 3))
    assert [event.name for event in events] == ["hello", "heartbeat", "heartbeat"]
    assert json.loads(events[0].data)["version"] == function.version


def test_the_status_names_the_version(function):
    assert function.get("/api/v2/stream/status").json()["version"] == function.version


def test_a_malformed_parameter_is_refused_with_what_to_try(function):
    answer = function.get("/api/v2/stream?events=many")
    assert answer.status == 400
    assert "try: ?events=3" in answer.json()["error"]
