"""Ask a person before something changes."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from delivery.errors import RefusedError

if TYPE_CHECKING:
    from delivery.context import RunContext


def confirm(run: RunContext, question: str, *, yes: bool) -> None:
    """Ask before a protected environment changes. Raises RefusedError without a yes."""
    if run.settings.environment.protected:
        ask(run, question, yes=yes, reason=f"{run.settings.environment.name} is protected.")


def ask(run: RunContext, question: str, *, yes: bool, reason: str) -> None:
    """Ask in every environment. `reason`: why a question is asked, for the message where stdin is no terminal.

    Raises RefusedError without a yes.
    """
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty()):  # None: it was closed
        raise RefusedError(reason, "", "the same command with --yes")
    answer = ""
    with run.progress.asking(), contextlib.suppress(EOFError):
        answer = input(f"{question} [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise RefusedError("Not confirmed; nothing was changed.")
