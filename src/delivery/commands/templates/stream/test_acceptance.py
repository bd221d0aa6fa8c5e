"""What a client of template-name gets. `invoke acceptance` runs this: docs/functions.md, Acceptance tests."""

import json

import pytest

pytestmark = pytest.mark.function("template-name")


def test_the_stream_says_hello_from_the_version_that_is_live_and_then_ticks(function):
    answer = function.get("/events?events=3&interval=0.1")
    assert answer.status == 200
    events = list(answer.events())
    assert [event.name for event in events] == ["hello", "tick", "tick"]
    assert json.loads(events[0].data)["version"] == function.version
