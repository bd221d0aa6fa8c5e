"""The release: verify a version, shift requests to it, make it live, record it."""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = ["acceptance", "canary", "history", "hold", "live"]

if TYPE_CHECKING:
    from delivery.release import acceptance, canary, history, hold, live
else:
    __getattr__ = lazy.modules(__name__, __all__)
