"""`@task`: the one place where an error becomes a message on stderr and an exit code."""

import errno
import functools
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import invoke.tasks
from invoke.context import Context
from invoke.exceptions import Exit

import delivery
from delivery.cli import github, session
from delivery.errors import INTERRUPTED, disk_full
from delivery.process.shell import SIGNALS, handled_signals


def task(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """`invoke.task` for a body that raises DeliveryError; `--debug` prints the traceback too.

    Any exception with an `exit_code` is printed as a message, and the task exits with that code. `options` are
    Invoke's: https://docs.pyinvoke.org/en/stable/api/tasks.html.
    """

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def run(context: Context, *args: Any, **kwargs: Any) -> None:
            with github.commands_stopped(os.environ, answer=bool(kwargs.get("json")), printed=Exit):
                try:
                    _prepare_process()
                    body(context, *args, **kwargs)
                except KeyboardInterrupt as error:
                    _exit(session.message(error), INTERRUPTED)
                except Exception as error:
                    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                        error = disk_full(str(error))
                    if not hasattr(error, "exit_code"):
                        raise
                    _exit(session.message(error), error.exit_code)

        return invoke.tasks.task(**options)(run)

    return decorate


def _prepare_process() -> None:
    """Treat SIGTERM and SIGHUP like Ctrl-C unless they are ignored; replace characters that cannot be printed."""
    for number in handled_signals():
        signal.signal(number, signal.default_int_handler)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _open_closed_streams() -> None:
    """Give a stream that a shell closed, as `<&-` does, an empty file: else the next opened file gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            file = os.open(os.devnull, os.O_RDWR)
            if file != number:
                os.dup2(file, number)
                os.close(file)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _exit(message: str, code: int) -> NoReturn:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second signal must not change the exit code
    if {"--debug", "-d"} & set(sys.argv):  # Invoke accepts the flag before and after the task, and does not pass it on
        traceback.print_exc()
    delivery.progress.Screen(stderr=True).print(message, style="red", markup=False, soft_wrap=True)
    raise Exit(code=code)
