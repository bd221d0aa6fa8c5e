"""template-name streams as its health contract says."""

import json

from template_name import app, runtime


def streamed(**query):
    """The chunks of one answer."""
    return list(runtime.body(app.events, {"queryStringParameters": {"interval": "0", **query}}))


def test_the_first_event_is_hello_and_the_others_follow_one_by_one():
    head, *events = streamed(events="3")
    assert [event.split(b"\n")[0] for event in events] == [b"event: hello", b"event: tick", b"event: tick"]
    prelude, nothing = head[:-8], head[-8:]
    assert nothing == bytes(8)
    assert json.loads(prelude)["headers"]["content-type"] == "text/event-stream"


def test_a_stream_without_a_query_begins_with_hello_and_says_when_to_connect_again():
    first = next(app.events({}))
    assert first.startswith(b"event: hello\n")
    assert first.endswith(b"\nretry: 1000\n\n")
