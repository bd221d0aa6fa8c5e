"""The message of an interrupt: the stage, what it leaves, and the command to type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import delivery

if TYPE_CHECKING:
    from delivery.progress import Stage


def message(stages: Sequence[Stage], killed: Sequence[str], command: str) -> str:
    """One line for a person.

    `stages`: those that have begun, in order. `killed`: programs that did not stop in time. `command`: as typed.
    """
    cut_off = [stage for stage in stages if stage.mark != "✓"]
    where = f" in {' and '.join(dict.fromkeys(stage.name for stage in cut_off))}" if cut_off else ""
    line = f"Interrupted{where}: {_left(stages, cut_off)}; run `{command}` again."
    if "terraform" in killed:
        return f"{line} Terraform was killed and may have left its lock: the next run, or `invoke unlock`, removes it."
    return line


def _left(stages: Sequence[Stage], cut_off: Sequence[Stage]) -> str:
    if not stages:
        return "no stage had begun"
    unchanged = delivery.progress.UNCHANGED
    changing = [stage for stage in cut_off if stage.interrupted != unchanged]
    last = next((stage for stage in reversed(stages) if stage.mark == "✓" and stage.after), None)
    # What an ended stage leaves is still true unless a stage that changes it has begun later.
    ended = [last.after] if last and all(stage.keeps or stage.started < last.ended for stage in changing) else []
    return "; ".join(dict.fromkeys([*(stage.interrupted for stage in changing), *ended])) or unchanged


# Written in a signal handler, straight to the terminal: a handler must not wait for a lock.
STILL_STOPPING = (
    b"\nStill stopping: a tool finishes what it has begun. If this process is killed, Terraform still ends by itself.\n"
)
