"""The event stream of InvokeWithResponseStream."""

from botocore.eventstream import EventStreamBuffer

from sandbox.emulator import response_stream


def test_an_sdk_can_read_the_frames() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(
        response_stream.payload_chunk(b"\x00data") + response_stream.invoke_complete(("Runtime.ExitError", "why"))
    )
    chunk, complete = (message.to_response_dict() for message in buffer)
    assert (chunk["headers"][":event-type"], chunk["body"]) == ("PayloadChunk", b"\x00data")
    assert complete["headers"][":event-type"] == "InvokeComplete"
    assert complete["body"] == b'{"ErrorCode": "Runtime.ExitError", "ErrorDetails": "why"}'
