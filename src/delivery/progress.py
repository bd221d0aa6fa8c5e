"""The progress of a command: one line for each stage, its current activity, and the time that each stage took."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from delivery import clock, times

Update = Callable[[str], None]
"""Shows the current activity of a stage."""

UNCHANGED = "nothing was changed"
"""What an interrupted stage leaves that only reads."""

_QUIET = 2.0  # seconds between two lines of one stage, where lines cannot be redrawn (CI logs)
_WIDTH = 10  # of a stage's name
_LONGEST = 100  # characters of an activity
_LONGEST_WARNING = 400  # characters; the reason of BuildKit may quote a whole answer
_BAR = 20  # characters for the longest stage in the summary


@dataclass
class Stage:
    """One stage of a command: `update` shows its current activity, `done` sets its result.

    `interrupted`: what is true after an interrupt in this stage. `after`: what is true after an interrupt in a later
    stage that only reads. `keeps`: whether it leaves that as true as a stage that only reads.
    """

    name: str
    progress: "Progress"
    interrupted: str
    after: str = ""
    started: float = field(default_factory=lambda: clock.monotonic())
    activity: str = ""
    result: str = ""
    details: tuple[str, ...] = ()
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    keeps: bool = False
    mark: str = ""
    """How it ended: `✓` or `✗`; empty while it runs."""
    _shown: float = field(default_factory=lambda: clock.monotonic())

    @property
    def ended(self) -> float:
        """When it ended, on the clock of `started`."""
        return self.started + self.seconds

    def update(self, text: str) -> None:
        """Show the current activity; where lines cannot be redrawn, at most one every two seconds."""
        self.activity = " ".join(text.split())[:_LONGEST]
        if not self.progress.redraws and clock.monotonic() - self._shown > _QUIET:
            self._shown = clock.monotonic()
            self.progress.line(f"  {self.name:<{_WIDTH}} {self.activity}", "dim")

    def warn(self, *texts: str) -> None:
        """Print warnings, each one line; they are on GitHub's page, too."""
        for text in texts:
            warning = " ".join(text.split())[:_LONGEST_WARNING]
            self.warnings.append(warning)
            self.progress.line(f"! {self.name:<{_WIDTH}} {warning}", "yellow")

    def done(self, text: str, *details: str) -> None:
        """Set the result, which stays on the screen with the `details` below it."""
        self.result, self.details = text, details

    def __rich__(self) -> RenderableType:
        seconds = clock.monotonic() - self.started
        return Spinner("dots", Text(f"{self.name:<{_WIDTH}} {self.activity} {seconds:.0f} s", overflow="ellipsis"))


class Screen(Console):
    """A console that ignores a closed pipe: `invoke deploy | head` must not end the deploy."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def on_broken_pipe(self) -> None:
        """Write nothing more."""
        self.quiet = True


class Progress:
    """Draws the running stages on a terminal; writes plain lines elsewhere. Several threads may use it at once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: list[Stage] = []
        self._lock = threading.Lock()
        self._started = clock.monotonic()
        self.redraws = console.file.isatty()  # not is_terminal: FORCE_COLOR asks for colour, not for redrawn lines
        self.stages: list[Stage] = []
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

    def begun(self) -> tuple[Stage, ...]:
        """The stages that have begun, in that order, finished or not."""
        with self._lock:
            begun = [*self.stages, *self._running]
        return tuple(sorted(begun, key=lambda stage: stage.started))

    @contextlib.contextmanager
    def stage(self, name: str, *, interrupted: str, after: str = "", keeps: bool = False) -> Iterator[Stage]:
        """Time one stage, and print a line with its result. `interrupted`, `after` and `keeps`: see Stage."""
        stage = Stage(name, self, interrupted, after, keeps=keeps)
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
            for text in stage.details:
                self.detail(text)

    def detail(self, text: str) -> None:
        """Print an indented line that belongs to the stage above it."""
        self.line(f"    {text}")

    def line(self, text: str, style: str = "", right: str = "") -> None:
        """Print a line that stays on the screen."""
        whole = style in ("dim", "bold")
        line = Text(text, style=style if whole else "")
        if style and not whole:
            line.stylize(style, 0, 1)  # the mark
        if right:
            line.pad_right(max(1, 72 - len(line)))
            line.append(f" {right}", style="dim")
        self._console.print(line, soft_wrap=True)

    def summary(self, title: str, lines: Iterable[str]) -> None:
        """Print where the time went (times.py), one line for each name of a stage, then `lines`."""
        total = clock.monotonic() - self._started
        self.line("")
        self.line(f"{title} in {total:.1f} s", "bold")
        spans = times.spans(self._started, total, [(stage.name, stage.started, stage.seconds) for stage in self.stages])
        longest = max((span.seconds for span in spans), default=1.0) or 1.0
        for span in spans:
            bar = "█" * max(1, round(span.seconds / longest * _BAR))
            note = f"  {span.note}" if span.note else ""
            self.line(f"  {span.name:<{_WIDTH}} {span.seconds:6.1f} s  {bar:<{_BAR if note else 0}}{note}")
        for line in lines:
            self.line(f"  {line}")

    def _draw(self) -> RenderableType:
        with self._lock:
            return Group(*self._running)
