"""The image: build, check, push."""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = ["contents", "keyless", "layers", "push", "sign"]

if TYPE_CHECKING:
    from delivery.image import contents, keyless, layers, push, sign
else:
    __getattr__ = lazy.modules(__name__, __all__)
