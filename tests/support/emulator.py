"""The emulator's functions without and with a patch, for tests of one difference from AWS."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.emulator import patches

ENDPOINT = "http://127.0.0.1:4999"
names = (f"name-{number}" for number in itertools.count())
"""A name that no other test uses."""


@contextlib.contextmanager
def unpatched() -> Iterator[None]:
    """The emulator's own functions; restores them at the end."""
    before = [
        (patch.module, patch.function, getattr(patch.module, patch.function)) for patch in patches.every(ENDPOINT)
    ]
    yield
    for module, function, upstream in before:
        setattr(module, function, upstream)


def apply(wrap: Callable[..., Any] | str) -> None:
    """Apply the patches that use this wrapper, or those of the emulator's function with this name."""
    for patch in patches.every(ENDPOINT):
        if wrap in (patch.wrap, patch.function):
            patch.apply()


def require_difference(different: bool) -> None:
    """Fail when the unpatched emulator behaves like AWS."""
    assert different, "the patch is no longer necessary: upstream behaves like AWS now; delete the patch and its test"


def document(answer: Any) -> Any:
    """The JSON document of a successful answer."""
    status, _, body = answer
    assert status < 300, body
    return json.loads(body)
