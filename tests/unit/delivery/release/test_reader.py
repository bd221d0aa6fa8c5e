"""A reader reads in a thread of its own, and can be closed before the end."""

import threading

import pytest

from delivery.release.reader import Reader


def test_chunks_come_in_order_and_then_the_end():
    reader = Reader(iter([b"a", b"b"]))
    assert [reader.take(10) for _ in range(3)] == [b"a", b"b", None]


def test_an_error_of_the_chunks_is_raised_to_the_reader():
    def chunks():
        yield b"a"
        raise ValueError("broken")

    reader = Reader(chunks())
    assert reader.take(10) == b"a"
    with pytest.raises(ValueError, match="broken"):
        reader.take(10)


def test_a_chunk_that_does_not_come_is_a_timeout():
    release = threading.Event()
    reader = Reader(iter(lambda: release.wait(10) and None, None))
    with pytest.raises(TimeoutError):
        reader.take(0.01)
    release.set()


def test_a_closed_reader_reads_at_most_one_more_chunk_of_an_endless_stream():
    ended, go = threading.Event(), threading.Semaphore(1)

    def endless():
        try:
            while True:
                go.acquire(timeout=10)
                yield b"x"
        finally:
            ended.set()

    reader = Reader(endless())
    assert reader.take(10) == b"x"
    reader.close()
    go.release()
    assert ended.wait(10), "the stream was closed"
