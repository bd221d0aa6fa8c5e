"""The reader of a streamed response: the same items for every cut of the bytes."""

import pytest

from delivery.aws.sse import Event, Parser, Prelude, events
from delivery.errors import UnhealthyError

NULS = b"\0" * 8
HEAD = b'{"statusCode": 200, "headers": {"Content-Type": "text/event-stream", "X-N": 1}, "cookies": []}'
BODY = "event: hello\ndata: {}\n\n: a comment\n\nid: 7\nevent: tick\ndata: één\ndata:two\n\ndata: x\n\nretry: 1000\n\n"
ITEMS = [
    Prelude(200, {"content-type": "text/event-stream", "x-n": "1"}),
    Event("hello", "{}"),
    Event("tick", "één\ntwo"),
    Event("message", "x"),
]
LF = HEAD + NULS + BODY.encode()
CRLF = HEAD + NULS + BODY.replace("\n", "\r\n").encode()


def read(*chunks):
    parser = Parser()
    return [item for chunk in chunks for item in parser.feed(chunk)], parser.unfinished


@pytest.mark.parametrize("text", [LF, CRLF], ids=["LF", "CRLF"])
def test_a_cut_at_any_byte_changes_nothing(text):
    for cut in range(len(text) + 1):
        assert read(text[:cut], text[cut:]) == (ITEMS, b""), f"cut at byte {cut}"


@pytest.mark.parametrize("text", [LF, CRLF], ids=["LF", "CRLF"])
def test_one_byte_at_a_time_changes_nothing(text):
    assert read(*(text[at : at + 1] for at in range(len(text)))) == (ITEMS, b"")


def test_an_event_is_complete_when_its_blank_line_arrives():
    parser = Parser()
    assert list(parser.feed(HEAD + NULS)) == ITEMS[:1]
    assert list(parser.feed(b"data: x\n")) == []
    assert list(parser.feed(b"\n")) == [Event("message", "x")]


@pytest.mark.parametrize(
    ("block", "event"),
    [
        (b"data: x", Event("message", "x")),
        (b"data:x", Event("message", "x")),
        (b"data:  x", Event("message", " x")),
        (b"data: a: b", Event("message", "a: b")),
        (b"data", Event("message", "")),
        (b"data: 1\ndata: 2", Event("message", "1\n2")),
        (b"event: e\ndata: x", Event("e", "x")),
        (b"event: e\nevent: f\ndata: x", Event("f", "x")),
        (b": ping\ndata: x", Event("message", "x")),
        (b"id: 1\nretry: 2\ndata: x\nother: y", Event("message", "x")),
    ],
)
def test_a_block_is_read_as_the_standard_defines(block, event):
    assert read(HEAD + NULS + block + b"\n\n")[0][1:] == [event]


@pytest.mark.parametrize("block", [b": ping", b"retry: 1000", b"event: e", b"id: 1", b""])
def test_a_block_without_data_is_no_event(block):
    assert read(HEAD + NULS + block + b"\n\n") == (ITEMS[:1], b"")


@pytest.mark.parametrize("rest", [b"data: x", b"data: x\n", b"data: x\r\n", b"ev"])
def test_a_block_without_its_blank_line_is_unfinished(rest):
    items, unfinished = read(LF + rest)
    assert items == ITEMS
    assert unfinished == rest.strip()


def test_bytes_that_are_not_utf8_do_not_stop_the_parser():
    assert read(HEAD + NULS + b"data: \xff\n\ndata: x\n\n")[0][2] == Event("message", "x")


def test_bytes_without_a_separator_are_no_prelude():
    assert read(b"Internal Server Error") == ([], b"Internal Server Error")


@pytest.mark.parametrize("head", [b"{", b"", b'{"statusCode": "ok"}'])
def test_a_malformed_prelude_is_a_value_error(head):
    with pytest.raises(ValueError, match=r".+"):
        read(head + NULS)


@pytest.mark.parametrize(
    "head", [b"[" * 100_000, b"[]", b'"x"', b'{"statusCode": null}', b'{"statusCode": 200, "headers": null}']
)
def test_a_prelude_of_another_shape_is_a_value_error(head):
    with pytest.raises(ValueError, match=r".+"):
        read(head + NULS)


def test_the_events_of_a_response_come_without_its_prelude():
    assert list(events([LF[:50], LF[50:]])) == ITEMS[1:]


def test_a_lone_cr_ends_a_line_too():
    body = b"event: e\rdata: x\r\rdata: y\r\rretry: 1\n\n"
    for cut in range(len(body)):
        items, _ = read(HEAD + NULS + body[:cut], body[cut:])
        assert items[1:] == [Event("e", "x"), Event("message", "y")], f"cut at byte {cut}"


def test_an_event_with_an_empty_name_is_a_message():
    assert read(HEAD + NULS + b"event:\ndata: x\n\n")[0][1:] == [Event("message", "x")]


def test_a_refusal_is_reported_with_its_whole_body():
    refused = b'{"statusCode": 400, "headers": {}}' + NULS
    with pytest.raises(UnhealthyError, match="answered 400") as caught:
        list(events([refused, b'{"message": "events ', b'must be 1 to 1000"}']))
    assert caught.value.why == '{"message": "events must be 1 to 1000"}'


@pytest.mark.parametrize("chunks", [[b"Internal Server Error"], [b"[]" + NULS], []])
def test_a_response_that_is_no_stream_is_refused(chunks):
    with pytest.raises(UnhealthyError, match="no stream"):
        list(events(chunks))
