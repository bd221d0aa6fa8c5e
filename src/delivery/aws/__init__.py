"""AWS: sessions, ECR, the registry's own API, Lambda, Function URLs, and a version's stream."""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = ["function", "sse"]

if TYPE_CHECKING:
    from delivery.aws import function, sse
else:
    __getattr__ = lazy.modules(__name__, __all__)
