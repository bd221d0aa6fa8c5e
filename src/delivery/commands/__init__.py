"""One file for each invoke task that takes several steps: `invoke deploy` is `commands/deploy.py`."""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = [
    "acceptance",
    "adopt",
    "bootstrap",
    "comment",
    "deploy",
    "diff",
    "doctor",
    "logs",
    "new",
    "promote",
    "prune",
    "rebuild",
    "remove",
    "rollback",
    "sbom",
    "selection",
    "status",
    "stream",
    "unlock",
]

if TYPE_CHECKING:
    from delivery.commands import (
        acceptance,
        adopt,
        bootstrap,
        comment,
        deploy,
        diff,
        doctor,
        logs,
        new,
        promote,
        prune,
        rebuild,
        remove,
        rollback,
        sbom,
        selection,
        status,
        stream,
        unlock,
    )
else:
    __getattr__ = lazy.modules(__name__, __all__)
