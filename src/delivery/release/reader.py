"""Reads what a function sends in a thread of its own, so that a deadline holds even while a read blocks."""

import queue
import threading
from collections.abc import Iterator


class Reader:
    """Reads `chunks` as they come. Once closed, it reads at most one more chunk."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue()
        self._closed = threading.Event()
        threading.Thread(target=self._read, args=(chunks,), daemon=True).start()

    def take(self, seconds: float) -> bytes | None:
        """The next chunk, None at the end. Raises TimeoutError after `seconds`, and the errors of `chunks`."""
        try:
            item = self._queue.get(timeout=max(0.0, seconds))
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        """Leave the rest unread: an endless stream would be read until the function's time-out."""
        self._closed.set()

    def _read(self, chunks: Iterator[bytes]) -> None:
        try:
            for chunk in chunks:
                self._queue.put(chunk)
                if self._closed.is_set():
                    break
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._queue.put(error)
