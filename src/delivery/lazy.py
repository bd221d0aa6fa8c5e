"""Modules that are imported at their first use: `invoke --list` needs neither boto3 nor pydantic nor rich.

    from delivery import commands
    commands.deploy.plan(...)  # imports delivery/commands/deploy.py

Of two threads that use a module first, one waits for the other, as for every import.
"""

import importlib
from collections.abc import Callable, Iterable
from types import ModuleType


def modules(package: str, names: Iterable[str]) -> Callable[[str], ModuleType]:
    """A `__getattr__` for a package (https://peps.python.org/pep-0562/) that imports its modules `names`."""
    known = frozenset(names)

    def get(name: str) -> ModuleType:
        if name not in known:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return importlib.import_module(f"{package}.{name}")  # sets the attribute, so this runs once

    return get
