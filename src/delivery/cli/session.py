"""One typed command: its shell, its progress, its scratch folder, and the page that GitHub shows of it."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.config import DataProxy
from invoke.context import Context

import delivery
from delivery import logtext, scratch
from delivery.cli import github, interrupts, notify, summary
from delivery.cli.notify import Message
from delivery.cli.summary import Block, Page
from delivery.errors import BuildError, CloudError, DeliveryError, Interrupted, TerraformError, UnhealthyError
from delivery.process.environment import inherited
from delivery.process.shell import Shell

if TYPE_CHECKING:
    from delivery.context import Request, RunContext
    from delivery.progress import Progress
    from delivery.settings import Sources

_FILES = ("runtime", "project", "user", "system")  # levels of Invoke's configuration
_QUOTING = (BuildError, TerraformError)  # their reason is text of a build or of Terraform, which may show a secret
_HALFWAY = {kind.exit_code for kind in (BuildError, TerraformError, UnhealthyError, CloudError)}
_MOST_LINES = 30  # of an error's message
ROOT = Path(__file__).parents[3]


@dataclass
class Session:
    """What all environments of one command share. `config`: Invoke's merged configuration."""

    root: Path
    config: dict[str, Any]
    scratch: Path
    shell: Shell
    progress: Progress
    sources: Sources = ()
    """Where the values of `config` come from."""
    outputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Output name to values, for later jobs of a workflow."""
    blocks: list[Block] = field(default_factory=list)
    changing: RunContext | None = None
    """The environment that the task changes; those whom it notifies hear of it."""
    news: Message | None = None
    """What they hear after a success."""

    def show(self, title: str, lines: Iterable[str]) -> None:
        """Print lines below the last stage, and put them under `title` on GitHub's page of this task."""
        block = Block(title, tuple(lines))
        self.blocks.append(block)
        for line in block.lines:
            self.progress.detail(line)

    def output(self, digests: Iterable[str], tags: Iterable[str], url: str = "") -> None:
        """Give the digests of images, and the tags of their commits, to later jobs of a workflow.

        `url`: what GitHub shows beside the environment of the job; empty if no function has a URL.
        """
        self.outputs = {"digest": tuple(dict.fromkeys(digests)), "tag": tuple(dict.fromkeys(tags))}
        if url:
            self.outputs["url"] = (url,)

    def announce(self, title: str, lines: Iterable[str] = ()) -> None:
        """Tell those whom the changed environment notifies, once the task has succeeded."""
        self.news = Message(title, tuple(lines))

    def open(self, environment: str | None, lock_wait: str = "", *, changing: bool = False) -> RunContext:
        """The context of one environment. `lock_wait` overrides `terraform.lock_wait` of invoke.yaml.

        `changing`: whether the task changes what serves there, so that people are notified. Raises ConfigurationError,
        MissingToolError, RefusedError or CloudError.
        """
        run = delivery.context.open_context(self.request(environment, lock_wait), self.shell, self.progress)
        self.changing = run if changing else self.changing
        return run

    def request(self, environment: str | None, lock_wait: str = "") -> Request:
        """The environment to open, with the configuration of this command and its sources."""
        config, sources = self.config, tuple(self.sources)
        if lock_wait:
            config = {**config, "terraform": {**(config.get("terraform") or {}), "lock_wait": lock_wait}}
            sources = (("--lock-wait", {"terraform": {"lock_wait": lock_wait}}), *sources)
        return delivery.context.Request(self.root, environment, config, self.scratch, sources)

    def environments(self, names: Sequence[str]) -> tuple[str, ...]:
        """The environments with these names; without names, all that a read need not start.

        Raises ConfigurationError for an unknown name.
        """
        return delivery.settings.chosen(self.config, names)


@contextlib.contextmanager
def session(context: Context, *, quiet: bool = False, root: Path = ROOT) -> Iterator[Session]:
    """Show progress and forward signals as long as the session is open.

    `quiet`: progress goes to stderr, so that stdout holds the answer alone. The scratch folder is removed at the end:
    a plan or a login in it may hold secrets.
    """
    shell = Shell(inherited(os.environ))
    progress = delivery.progress.Progress(delivery.progress.Screen(stderr=quiet))
    with (
        shell.forwarding(lambda: _write_to_terminal(interrupts.STILL_STOPPING)),
        scratch.folder(root / ".deploy", shell) as folder,
        progress.showing(),
    ):
        made = Session(root, _plain(context.config), folder, shell, progress, _sources(context.config))
        with _summary_page(made), _interrupt_message(made), _notification(made):
            yield made


def message(error: BaseException) -> str:
    """The text that a person reads of an error."""
    if isinstance(error, KeyboardInterrupt) and not isinstance(error, Interrupted):
        return "Interrupted; the same command again continues."
    if not isinstance(error, Interrupted) and not hasattr(error, "exit_code"):
        return repr(error)
    return str(error)


@contextlib.contextmanager
def _summary_page(made: Session) -> Iterator[None]:
    """Write GitHub's page at the end, after a failure too."""
    try:
        yield
    finally:
        failure = message(error) if (error := sys.exception()) else ""
        page = summary.page(Page(sys.argv[1:], made.progress.stages, made.blocks, made.outputs, failure))
        summary.write(os.environ, page, made.outputs)


@contextlib.contextmanager
def _notification(made: Session) -> Iterator[None]:
    """Tell people what was changed, or what failed halfway. A refusal before any change sends no message."""
    try:
        yield
    except DeliveryError as error:
        if error.exit_code in _HALFWAY:
            title = f"{shlex.join(('invoke', *sys.argv[1:]))} failed: {error.what}"
            _notify(made, Message(title, _failure_lines(error), failed=True))
        raise
    if made.news:
        _notify(made, made.news)


def _failure_lines(error: DeliveryError) -> tuple[str, ...]:
    """What other people read of an error: without the text of a build, of Terraform or of a function's log."""
    why = () if isinstance(error, _QUOTING) else error.why.splitlines()
    lines = [line for line in why if not line.startswith(logtext.QUOTE)][:_MOST_LINES]
    return (*lines, f"try: {error.hint}") if error.hint else tuple(lines)


def _notify(made: Session, news: Message) -> None:
    run = made.changing
    if run and run.settings.notify:
        if page := github.run_page(os.environ):
            news = replace(news, lines=(*news.lines, page))
        for warning in notify.send(run.settings.notify, os.environ, news):
            made.progress.line(f"! notify     {warning}", "yellow")


@contextlib.contextmanager
def _interrupt_message(made: Session) -> Iterator[None]:
    """Say after an interrupt what it leaves."""
    try:
        yield
    except KeyboardInterrupt as error:
        command = f"invoke {shlex.join(sys.argv[1:])}"
        raise Interrupted(interrupts.message(made.progress.begun(), made.shell.killed, command)) from error


def _sources(config: Any) -> Sources:
    """What Invoke merged, the winner first (docs.pyinvoke.org, "Configuration"); it has no public way to ask."""
    files = {level: (getattr(config, f"_{level}_path"), getattr(config, f"_{level}")) for level in _FILES}
    project = delivery.settings.FILE
    named = [(project if level == "project" else str(path), values) for level, (path, values) in files.items()]
    return ((delivery.settings.VARIABLES, config._env), *((name, values) for name, values in named if values))


def _plain(value: Any) -> Any:
    """Invoke's configuration as ordinary dicts: its proxies are no Mapping."""
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, DataProxy) else value


def _write_to_terminal(text: bytes) -> None:
    """Write without any lock: this runs in a signal handler."""
    with contextlib.suppress(OSError):
        os.write(2, text)
