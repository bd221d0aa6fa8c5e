"""Programs that stand before the real ones on PATH, and misbehave when their arguments say so."""

import shutil
from pathlib import Path

_HANGS = 271


def shim(folder: Path, path: str, tool: str, *cases: tuple[str, str]) -> dict[str, str]:
    """Put one before the `tool` that `path` leads to; returns the variables that let the tasks use it.

    The first case whose words stand in its arguments decides. A case's action is shell; REAL is the real program. What
    no case knows goes to the real one.
    """
    folder.mkdir(exist_ok=True)
    real = shutil.which(tool, path=path)
    lines = [(f'*" {words} "*)' if words else "*)") + f" {action.replace('REAL', real)} ;;" for words, action in cases]
    script = "\n".join(["#!/bin/sh", 'case " $* " in', *lines, "esac", f'exec {real} "$@"', ""])
    (folder / tool).write_text(script)
    (folder / tool).chmod(0o755)
    return dict.fromkeys(("PATH", "INVOKE_ENVIRONMENTS_PREPROD_VARIABLES_PATH"), f"{folder}:{path}")


FAILS = "echo 'it broke' >&2; exit 1"
KILLED = "kill -9 $$"
DONE = "exit 0"
"""Nothing to do: for an init whose data is there already, in a test that starts after init."""


def pushing(action: str) -> str:
    """An action for the bake that pushes; the one before it, which builds into a file, goes well."""
    return f'if [ "$OUTPUT" != push ]; then exec REAL "$@"; fi; {action}'


def fills(file: Path) -> str:
    """The disk that `file` lies on is full by the time the real one runs."""
    return f'cat /dev/zero > {file} 2>/dev/null; exec REAL "$@"'


def hangs(mark: Path) -> str:
    """It never ends by itself; `mark` exists once it hangs."""
    return f"touch {mark}; exec sleep {_HANGS}"


def records(log: Path) -> str:
    """Its arguments and its whole environment go to a file, then the real one runs; several may do so at once."""
    return f'{{ echo "## $0 $*"; env; }} > {log}.$$; flock {log}.lock sh -c "cat {log}.$$ >> {log}"; exec REAL "$@"'
