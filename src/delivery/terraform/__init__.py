"""Terraform: init, plan, apply; the state, its lock and its outputs."""

from typing import TYPE_CHECKING

from delivery import lazy

__all__ = ["state"]

if TYPE_CHECKING:
    from delivery.terraform import state
else:
    __getattr__ = lazy.modules(__name__, __all__)
