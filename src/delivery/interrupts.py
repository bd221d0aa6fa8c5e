"""What an interrupt leaves, in one line that is true to the stage it came in."""

from collections.abc import Mapping

# The stages that change something, the last first: what is true when one was cut off, and when it came to its end.
_LEFT = {
    "release": ("the alias may have moved or not, `invoke releases --env ...` says", "the release itself was done"),
    "canary": ("the old version has all requests again", "the old version has all requests again"),
    "prune": ("part of what was shown is gone; the rest goes the next time", "what was shown is gone"),
    "apply": (
        "Terraform kept in its state what it had done; the alias was not moved",
        "apply finished; the alias was not moved",
    ),
    "copy": ("what was copied stays; nothing runs it", "the image was copied; nothing runs it"),
    "publish": ("layers may have been pushed; nothing runs them", "the image was pushed; nothing runs it"),
    "build": ("nothing was pushed", "the image was built; nothing was pushed"),
    "foundation": ("Terraform kept in its state what it had done", "the foundation was applied; nothing else"),
    "bootstrap": ("the state bucket may have been made; nothing else", "nothing but the state bucket was made"),
}
_NOTHING = "nothing was changed"


def words(reached: Mapping[str, bool], killed: tuple[str, ...], command: str) -> str:
    """One line: where it was, what is left, and what to type.

    `reached`: stage to whether it ended; `killed`: programs that did not stop when asked; `command`: what was typed.
    """
    cut_off = [name for name, ended in reached.items() if not ended]
    where = f" in {' and '.join(cut_off)}" if cut_off else ""
    left = next((_LEFT[name][reached[name]] for name in _LEFT if name in reached), _NOTHING)
    line = f"Interrupted{where}: {left}; run `{command}` again."
    if "terraform" in killed:
        return f"{line} Terraform had to be killed: `invoke unlock --env ...` looks for the lock it may have left."
    return line


# Straight to the terminal: this is said within a signal's handler, where nothing may wait for a lock.
STILL = (
    b"\nStill stopping: a tool finishes what it has begun. If this is killed, Terraform goes on and ends by itself.\n"
)
