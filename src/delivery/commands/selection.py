"""The functions that `--only` names, each by the name of its image; without `--only`, all."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from delivery.aws.function import Function
from delivery.errors import ConfigurationError, nearest
from delivery.inputs import BAKE_FILE

T = TypeVar("T")


def parse(options: Iterable[str] | None) -> tuple[str, ...]:
    """The names in the values of `--only`, which may be repeated, and may be lists with commas.

    Raises ConfigurationError for an empty name.
    """
    names = [name.strip() for option in options or () for name in option.split(",")]
    if not all(names):
        raise ConfigurationError("Malformed --only: an empty name.", "It is the name of a function.", "--only NAME")
    return tuple(dict.fromkeys(names))


def choose(items: Iterable[T], only: tuple[str, ...], name: Callable[[T], str], source: str) -> tuple[T, ...]:
    """The items with the names `only`; all without names. `source`: what the items are, for people.

    Raises ConfigurationError for an unknown name, with the nearest one.
    """
    known = {name(item): item for item in items}
    if unknown := [each for each in only if each not in known]:
        what = f"Unknown function: {', '.join(unknown)}"
        near = nearest(unknown[0], known) or next(iter(known), "NAME")
        raise ConfigurationError(what, f"{source}: {', '.join(known)}", f"--only {near}")
    return tuple(item for each, item in known.items() if not only or each in only)


def functions(deployed: Iterable[Function], only: tuple[str, ...]) -> tuple[Function, ...]:
    """The functions with the names `only`; all without names. Raises ConfigurationError for an unknown name."""
    return choose(deployed, only, lambda each: each.image, "Deployed are")


def images(names: Iterable[str], only: tuple[str, ...]) -> tuple[str, ...]:
    """The names of images that are in `only`; all without names. Raises ConfigurationError for an unknown name."""
    return choose(names, only, str, f"The targets of {BAKE_FILE} are")
