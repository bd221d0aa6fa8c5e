"""A child's two outputs, read line by line while it runs."""

import threading
from collections.abc import Callable
from typing import IO

_LATE = 2.0  # seconds that a grandchild may hold a pipe after the child has ended


def collect(stdout: IO[str], stderr: IO[str], on_line: Callable[[str], None]) -> Callable[[], tuple[str, str]]:
    """Read both in threads, giving `on_line` each line; the result waits for their ends and returns both texts.

    What `on_line` raises is raised by the result: a reader that stopped would leave the pipe full, the child hanging.
    """
    kept: tuple[list[str], list[str]] = ([], [])
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
        threading.Thread(target=pump, args=pair, daemon=True) for pair in zip((stdout, stderr), kept, strict=True)
    ]
    for thread in threads:
        thread.start()

    def finish() -> tuple[str, str]:
        for thread in threads:
            thread.join(_LATE)
        if failed:
            raise failed[0]
        return "".join(kept[0]), "".join(kept[1])

    return finish
