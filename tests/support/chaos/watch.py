"""Sample the arguments of every process in the background."""

import contextlib
import threading
from pathlib import Path


class Watch:
    """Sample `/proc/*/cmdline` in a thread: `command_lines` has each one once; `samples` counts the rounds."""

    def __init__(self) -> None:
        self.command_lines: set[bytes] = set()
        self.samples = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _sample(self) -> None:
        while not self._over.wait(0.02):
            self.samples += 1
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.command_lines.add(entry.read_bytes())

    def ran(self, program: str) -> bool:
        """Whether the program was sampled: a watch that sampled nothing proves nothing about secrets."""
        return any(Path(line.split(b"\0")[0].decode(errors="replace")).name == program for line in self.command_lines)
