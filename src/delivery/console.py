"""Our `@task`: a failure becomes a message and an exit code here, and nowhere else."""

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import invoke.tasks
from invoke.config import DataProxy
from invoke.context import Context
from invoke.exceptions import Exit
from rich.console import Console

from delivery import summary, terraform
from delivery.errors import INTERRUPTED, RefusedError, naming
from delivery.progress import Progress
from delivery.shell import Shell
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
                body(context, *args, **kwargs)
            except KeyboardInterrupt as error:
                _end(_words(error, None), INTERRUPTED)
            except Exception as error:
                if not hasattr(error, "exit_code"):
                    raise
                _end(_words(error, kwargs.get("env")), error.exit_code)

        return invoke.tasks.task(**options)(told)

    return decorate


@contextlib.contextmanager
def bench(root: Path, context: Context, env: str | None) -> Iterator[Workbench]:
    """The workbench of one environment; see `benches`."""
    with benches(root, context, env) as (opened,):
        yield opened


@contextlib.contextmanager
def benches(root: Path, context: Context, *environments: str | None) -> Iterator[tuple[Workbench, ...]]:
    """A workbench for each environment, with progress shown and signals forwarded while they are open.

    No saved plan outlives it: a plan may hold secrets, and a stale one is good for nothing.
    """
    shell = Shell(os.environ)
    progress = Progress(Console(highlight=False))
    config = _plain(context.config)

    def opened(name: str | None) -> Workbench:
        with naming(name or ""):
            return open_bench(Request(root, name, config), shell, progress)

    try:
        with shell.forwarding(), progress.showing():
            yield tuple(map(opened, environments))
    finally:
        terraform.forget_plans(root / ".deploy")
        failure = _words(error, environments[0]) if (error := sys.exception()) else ""
        summary.publish(os.environ, summary.page(sys.argv[1:], progress, failure), progress.facts)


def confirmed(bench: Workbench, yes: bool, question: str) -> None:
    """Ask before a protected environment changes. Raises RefusedError without a yes."""
    if yes or not bench.settings.environment.protected:
        return
    if not sys.stdin.isatty():
        raise RefusedError(f"{bench.settings.environment.name} is protected.", "", "the same command with --yes")
    with bench.progress.asking():
        answer = input(f"{question} [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise RefusedError("Not confirmed; nothing was changed.")


def say(text: str) -> None:
    """A line for the person, outside any stage."""
    Console(highlight=False).print(text, markup=False, soft_wrap=True)


def _plain(value: Any) -> Any:
    """Invoke's configuration as ordinary dicts: its proxies are no Mapping."""
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, DataProxy) else value


def _words(error: BaseException, environment: str | None) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted; nothing is left running."
    known = hasattr(error, "exit_code")
    return str(error).replace("--env ...", f"--env {environment or ''}") if known else repr(error)


def _end(message: str, code: int) -> NoReturn:
    if {"--debug", "-d"} & set(sys.argv):  # invoke takes it before and after the task's name, and keeps it to itself
        traceback.print_exc()
    Console(stderr=True, highlight=False).print(message, style="red", markup=False, soft_wrap=True)
    raise Exit(code=code)
