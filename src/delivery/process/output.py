"""Reads the two outputs of a child line by line while it runs."""

import threading
from collections.abc import Callable
from typing import IO

_LATE = 2.0  # seconds that a grandchild may hold a pipe after the child has ended


def collect(stdout: IO[str], stderr: IO[str], on_line: Callable[[str], None]) -> Callable[[], tuple[str, str]]:
    """Read both outputs in threads; `on_line` gets each line. The returned function waits for the end of both texts.

    It also raises the errors of `on_line`: a reader that stopped at an error would fill the pipe and block the child.
    """
    texts: tuple[list[str], list[str]] = ([], [])
    failed: list[BaseException] = []

    def pump(stream: IO[str], lines: list[str]) -> None:
        with stream:
            for line in stream:
                lines.append(line)
                try:
                    on_line(line.rstrip("\n"))
                except BaseException as error:  # noqa: BLE001 - see above
                    failed.append(error)

    threads = [
        threading.Thread(target=pump, args=pair, daemon=True) for pair in zip((stdout, stderr), texts, strict=True)
    ]
    for thread in threads:
        thread.start()

    def finish() -> tuple[str, str]:
        for thread in threads:
            thread.join(_LATE)
        if failed:
            raise failed[0]
        return "".join(texts[0]), "".join(texts[1])

    return finish
