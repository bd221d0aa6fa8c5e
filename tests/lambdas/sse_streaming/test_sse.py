"""Events are encoded as the WHATWG HTML standard requires."""

import pytest

from sse_streaming.sse import Event, encode, encode_retry


def test_an_event_is_a_block_that_ends_with_an_empty_line():
    assert encode(Event("hello", "hi", id="7")) == b"id: 7\nevent: hello\ndata: hi\n\n"


def test_an_event_without_an_id_has_no_id_field():
    assert b"id" not in encode(Event("tick", "1"))


def test_only_the_line_ends_of_the_standard_separate_lines_of_data():
    """str.splitlines knows more of them."""
    data = "a\x0bb\x0cc\x1cd\x85e\u2028f"
    assert encode(Event("x", data)) == f"event: x\ndata: {data}\n\n".encode()


def test_lines_of_data_may_be_empty():
    assert encode(Event("x", "\na\r\n\r\rb\n")) == b"event: x\ndata: \ndata: a\ndata: \ndata: \ndata: b\ndata: \n\n"


@pytest.mark.parametrize("data", ["a\nb", "a\r\nb", "a\rb"])
def test_every_kind_of_line_end_in_data_starts_a_new_data_field(data):
    assert encode(Event("x", data)) == b"event: x\ndata: a\ndata: b\n\n"


@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_an_id_and_a_type_with_cr_lf_or_nul_are_refused(character):
    with pytest.raises(ValueError, match="event"):
        encode(Event(f"a{character}b", ""))
    with pytest.raises(ValueError, match="id"):
        encode(Event("a", "", id=f"1{character}2"))


def test_the_reconnection_time_is_a_block_without_an_event():
    assert encode_retry(1500) == b"retry: 1500\n\n"
