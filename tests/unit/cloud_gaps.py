"""Looking at one gap of the emulator: as upstream left it, and mended."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.emulator import patches, patches_lambda

ENDPOINT = "http://127.0.0.1:4999"
names = (f"name-{number}" for number in itertools.count())


@contextlib.contextmanager
def unmended() -> Iterator[None]:
    """The emulator's functions as upstream wrote them, put back afterwards."""
    every = (*patches.mends(ENDPOINT), *patches_lambda.mends(ENDPOINT))
    before = [(mend.module, mend.function, getattr(mend.module, mend.function)) for mend in every]
    yield
    for module, function, upstream in before:
        setattr(module, function, upstream)


def mend(wrap: Callable[..., Any] | str) -> None:
    """Apply the mends made by that function, or those of the emulator's function of that name."""
    for each in (*patches.mends(ENDPOINT), *patches_lambda.mends(ENDPOINT)):
        if wrap in (each.wrap, each.function):
            each.apply()


def gap(found: bool) -> None:
    assert found, "mend no longer needed: upstream has closed this gap, delete the mend"


def document(answer: Any) -> Any:
    status, _, body = answer
    assert status < 300, body
    return json.loads(body)
