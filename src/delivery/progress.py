"""What a person sees while a story runs: one line a stage, what it is doing now, and where the time went."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from delivery import clock

Update = Callable[[str], None]
"""Shows what a stage does now."""

_QUIET = 2.0  # seconds between two lines of one stage where nothing can be redrawn (CI logs)
_WIDTH = 10  # of a stage's name
_LONGEST = 100  # characters of what a stage says it is doing
_BAR = 20  # characters for the longest stage in the summary


@dataclass
class Stage:
    """One stage of a story: `say` what is happening, `done` what came out."""

    name: str
    progress: "Progress"
    started: float = field(default_factory=lambda: clock.monotonic())
    now: str = ""
    result: str = ""
    seconds: float = 0.0
    mark: str = ""
    """How it ended: `✓` or `✗`; empty while it runs."""
    _said: float = field(default_factory=lambda: clock.monotonic())

    def update(self, text: str) -> None:
        """Show what is happening now; shown at most every two seconds where lines stay."""
        self.now = " ".join(text.split())[:_LONGEST]
        if not self.progress.redraws and clock.monotonic() - self._said > _QUIET:
            self._said = clock.monotonic()
            self.progress.line(f"  {self.name:<{_WIDTH}} {self.now}", "dim")

    def done(self, text: str) -> None:
        """What came out, for the line that stays."""
        self.result = text

    def __rich__(self) -> RenderableType:
        seconds = clock.monotonic() - self.started
        return Spinner("dots", Text(f"{self.name:<{_WIDTH}} {self.now} {seconds:.0f} s", overflow="ellipsis"))


class Screen(Console):
    """Output that nobody reads any more, as behind `| head`, is no reason to stop half-way."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


class Progress:
    """Draws the running stages on a terminal; writes plain lines elsewhere. Safe to use from several threads."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: list[Stage] = []
        self._lock = threading.Lock()
        self._started = clock.monotonic()
        self.redraws = console.is_terminal
        self.stages: list[Stage] = []
        self.details: list[str] = []
        self.facts: dict[str, list[str]] = {}
        self._live = Live(console=console, get_renderable=self._draw, transient=True, refresh_per_second=8)

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """While open, a terminal shows the running stages below the lines that stay."""
        with self._live if self.redraws else contextlib.nullcontext():
            yield

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """While open, nothing is drawn, so that a person can be asked."""
        if self.redraws:
            self._live.stop()
        try:
            yield
        finally:
            if self.redraws:
                self._live.start()

    def reached(self) -> dict[str, bool]:
        """The stages that began, in that order; whether each came to its end."""
        with self._lock:
            found = [*self.stages, *self._running]
        return {stage.name: stage.mark == "✓" for stage in sorted(found, key=lambda stage: stage.started)}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """One stage, timed; its line says whether it came to its end."""
        stage = Stage(name, self)
        with self._lock:
            self._running.append(stage)
        mark, style, result = "✗", "red", "failed"
        try:
            yield stage
            mark, style, result = "✓", "green", stage.result
        except KeyboardInterrupt:
            result = "stopped"
            raise
        finally:
            stage.seconds = clock.monotonic() - stage.started
            stage.mark, stage.result = mark, result
            with self._lock:
                self._running.remove(stage)
                self.stages.append(stage)
            self.line(f"{mark} {name:<{_WIDTH}} {result}", style, f"{stage.seconds:6.1f} s")

    def detail(self, text: str) -> None:
        """A line that stays and belongs to what was just done, such as a change that is planned."""
        self.details.append(text)
        self.line(f"    {text}")

    def fact(self, name: str, value: str) -> None:
        """What later jobs may build on, such as a digest; kept once, in the order it came."""
        found = self.facts.setdefault(name, [])
        if value not in found:
            found.append(value)

    def line(self, text: str, style: str = "", right: str = "") -> None:
        """A line that stays."""
        whole = style in ("dim", "bold")
        line = Text(text, style=style if whole else "")
        if style and not whole:
            line.stylize(style, 0, 1)  # the mark
        if right:
            line.pad_right(max(1, 72 - len(line)))
            line.append(f" {right}", style="dim")
        self._console.print(line, soft_wrap=True)

    def summary(self, title: str, facts: tuple[str, ...]) -> None:
        """One line a stage with a bar for its share of the time, then `facts`."""
        longest = max((stage.seconds for stage in self.stages), default=1.0) or 1.0
        total = clock.monotonic() - self._started
        self.line("")
        self.line(f"{title} in {total:.1f} s", "bold")
        for stage in self.stages:
            bar = "█" * max(1, round(stage.seconds / longest * _BAR))
            self.line(f"  {stage.name:<{_WIDTH}} {stage.seconds:6.1f} s  {bar}")
        for fact in facts:
            self.line(f"  {fact}")

    def _draw(self) -> RenderableType:
        with self._lock:
            return Group(*self._running)
