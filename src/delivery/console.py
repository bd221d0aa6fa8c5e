"""Our `@task`: a failure becomes a message and an exit code here, and nowhere else."""

import contextlib
import errno
import functools
import io
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import invoke.tasks
from invoke.config import DataProxy
from invoke.context import Context
from invoke.exceptions import Exit

from delivery import interrupts, scratch, settings, summary
from delivery.errors import INTERRUPTED, Interrupted, RefusedError, disk_full, naming
from delivery.progress import Progress, Screen
from delivery.shell import SIGNALS, Shell
from delivery.workbench import Request, Workbench, open_bench

ENV = {"env": "the environment, one of those in invoke.yaml"}


def task(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """`invoke.task`, with errors told in words; `--debug` shows the traceback too.

    Any exception that carries an `exit_code` is a message for the person at the keyboard.
    """

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def told(context: Context, *args: Any, **kwargs: Any) -> None:
            try:
                _prepare_process()
                body(context, *args, **kwargs)
            except KeyboardInterrupt as error:
                _end(_words(error, kwargs.get("env")), INTERRUPTED)
            except Exception as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    error = disk_full(str(error))
                if not hasattr(error, "exit_code"):
                    raise
                _end(_words(error, kwargs.get("env")), error.exit_code)

        return invoke.tasks.task(**options)(told)

    return decorate


@contextlib.contextmanager
def bench(root: Path, context: Context, env: str | None, quiet: bool = False) -> Iterator[Workbench]:
    """The workbench of one environment; see `opening`."""
    with opening(root, context, env, quiet=quiet) as (_, opened):
        yield opened(env)


@contextlib.contextmanager
def benches(root: Path, context: Context, *environments: str | None) -> Iterator[tuple[Workbench, ...]]:
    """A workbench for each environment; see `opening`."""
    with opening(root, context, *environments) as (_, opened):
        yield tuple(map(opened, environments))


@contextlib.contextmanager
def opening(
    root: Path, context: Context, *environments: str | None, quiet: bool = False
) -> Iterator[tuple[Shell, Callable[[str | None], Workbench]]]:
    """The shell, and what opens workbenches; progress is shown and signals are forwarded as long as this is open.

    `quiet`: progress goes to stderr, so that stdout has the answer alone. Their scratch folder is gone afterwards: a
    plan or a login in it may hold secrets, and is good for one run only.
    """
    shell = Shell(os.environ)
    progress = Progress(Screen(stderr=quiet))
    config = _plain(context.config)
    with (
        shell.forwarding(lambda: _raw(interrupts.STILL)),
        scratch.folder(root / ".deploy", shell) as mine,
        progress.showing(),
        _summarised(progress, environments),
        _situated(progress, shell),
    ):

        def opened(name: str | None) -> Workbench:
            with naming(name or ""):
                return open_bench(Request(root, name, config, mine), shell, progress)

        yield shell, opened


@contextlib.contextmanager
def _summarised(progress: Progress, environments: tuple[str | None, ...]) -> Iterator[None]:
    """Tells GitHub at the end, however it comes."""
    try:
        yield
    finally:
        failure = _words(error, next(iter(environments), None)) if (error := sys.exception()) else ""
        summary.publish(os.environ, summary.page(sys.argv[1:], progress, failure), progress.facts)


def chosen(context: Context, names: Sequence[str]) -> tuple[str, ...]:
    """The environments that were named, or all that need not be started. Raises ConfigurationError."""
    return settings.chosen(_plain(context.config), names)


@contextlib.contextmanager
def _situated(progress: Progress, shell: Shell) -> Iterator[None]:
    """An interrupt says what it leaves."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(interrupts.words(progress.reached(), shell.killed, _command())) from error


def confirmed(bench: Workbench, yes: bool, question: str) -> None:
    """Ask before a protected environment changes. Raises RefusedError without a yes."""
    if bench.settings.environment.protected:
        asked(bench, yes, question, f"{bench.settings.environment.name} is protected.")


def asked(bench: Workbench, yes: bool, question: str, unasked: str) -> None:
    """Ask in any environment; `unasked`: what is said where nobody can answer. Raises RefusedError without a yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError(unasked, "", "the same command with --yes")
    answer = ""
    with bench.progress.asking(), contextlib.suppress(EOFError):
        answer = input(f"{question} [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise RefusedError("Not confirmed; nothing was changed.")


def say(text: str) -> None:
    """A line for the person, outside any stage."""
    Screen().print(text, markup=False, soft_wrap=True)


def _plain(value: Any) -> Any:
    """Invoke's configuration as ordinary dicts: its proxies are no Mapping."""
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, DataProxy) else value


def _words(error: BaseException, environment: str | None) -> str:
    if isinstance(error, KeyboardInterrupt) and not isinstance(error, Interrupted):
        return "Interrupted; the same command again continues."
    if not isinstance(error, Interrupted) and not hasattr(error, "exit_code"):
        return repr(error)
    return str(error).replace("--env ...", f"--env {environment or ''}")


def _command() -> str:
    return f"invoke {shlex.join(sys.argv[1:])}"


def _raw(text: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text)


def _prepare_process() -> None:
    """Every way to be asked to stop is one, and a terminal that cannot show a character shows another."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _end(message: str, code: int) -> NoReturn:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second one must not change how we end
    if {"--debug", "-d"} & set(sys.argv):  # invoke takes it before and after the task's name, and keeps it to itself
        traceback.print_exc()
    Screen(stderr=True).print(message, style="red", markup=False, soft_wrap=True)
    raise Exit(code=code)
