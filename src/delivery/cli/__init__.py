"""The command line: `@task`, sessions, questions, and the pages that GitHub shows."""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = ["comment", "overview", "report"]

if TYPE_CHECKING:
    from delivery.cli import comment, overview, report
else:
    __getattr__ = lazy.modules(__name__, __all__)
