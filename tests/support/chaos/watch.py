"""Looks at every process's arguments, all the time."""

import contextlib
import threading
from pathlib import Path


class Watch:
    """Samples `/proc/*/cmdline` in a thread while open: `seen`, every command line there was; `samples`, how often."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.samples = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.samples += 1
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.seen.add(entry.read_bytes())

    def ran(self, program: str) -> bool:
        """Whether it was seen at all: who sees nothing finds no secret either."""
        return any(Path(line.split(b"\0")[0].decode(errors="replace")).name == program for line in self.seen)
