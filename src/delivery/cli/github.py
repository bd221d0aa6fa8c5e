"""Prevents that GitHub's runner takes printed text, such as a build log or a commit subject, for a command; its page.

The runner takes a line such as `::error::` of either output of a step for a command. Between `::stop-commands::TOKEN`
and `::TOKEN::` it takes none. Sources: GitHub docs, "Workflow commands", "Stopping and starting workflow commands";
actions/runner, `ActionCommandManager.cs`: the stop counts for both outputs of one step; `ProcessInvoker.cs`: each
output has a reader of its own, and a line ends at `\\n` or `\\r`.
"""

import contextlib
import os
import secrets
import stat
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from typing import TextIO

_kept: list[int] = []  # copies of the outputs of this process, after a task has ended


@contextlib.contextmanager
def commands_stopped(
    environ: Mapping[str, str], *, answer: bool = False, printed: type[Exception] | tuple[()] = ()
) -> Iterator[None]:
    """Under GitHub Actions, the runner takes nothing for a command that is printed while this is open.

    `answer`: stdout is an answer for a program, which is no command by its form, and it gets no other line. Without
    it, both outputs become one: the runner may read a late line of stderr after the last line of stdout. `printed`:
    the class of errors whose message was printed; the traceback of any other is printed here.
    """
    if environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    ours = _is_process()
    if ours:
        _unmute()
    one = not answer and not (ours and stat.S_ISREG(os.fstat(1).st_mode))  # the runner does not read a file
    if one and ours:
        os.dup2(1, 2)
    stream, token = (sys.stdout if one else sys.stderr), secrets.token_hex(16)
    _line(stream, f"::stop-commands::{token}")
    try:
        yield
    except printed:
        raise
    except Exception:
        traceback.print_exc()  # Python would print it after the end
        raise
    finally:
        for output in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, AttributeError, ValueError):
                output.flush()
        alone = threading.active_count() == 1
        if ours:
            stream = _mute(1 if one else 2)
        # What a thread has begun to write comes even after that; then the stop stays, until the step ends.
        if alone or not ours:
            _line(stream, f"::{token}::")


def run_page(environ: Mapping[str, str]) -> str:
    """The address of this run of a workflow; empty outside of one. Source: GitHub docs, "Variables reference"."""
    parts = [environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""


def _line(stream: TextIO, text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # `| head` has closed it
        print(text, file=stream, flush=True)


def _is_process() -> bool:
    """Whether stdout and stderr are those of the process: not in a test that captures them."""
    try:
        return (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2)
    except (OSError, AttributeError, ValueError):
        return False


def _mute(output: int) -> TextIO:
    """Let the process print nothing more but what is written to the returned copy of `output`.

    After the last line commands work again, and a thread that a task left behind, or Python itself, may still print.
    """
    _kept.extend((os.dup(1), os.dup(2)))
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
    os.close(null)
    return os.fdopen(_kept[output - 1], "w", closefd=False)


def _unmute() -> None:
    """`invoke TASK TASK`: the next task prints again."""
    for output, copy in zip((1, 2), _kept, strict=False):
        os.dup2(copy, output)
        os.close(copy)
    _kept.clear()
