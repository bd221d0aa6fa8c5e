"""The image: build, check, push."""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = ["push"]

if TYPE_CHECKING:
    from delivery.image import push
else:
    __getattr__ = lazy.modules(__name__, __all__)
