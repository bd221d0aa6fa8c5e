"""The functions that `--only` names, each by the name of its image; without `--only`, all."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from delivery.aws.function import Function
from delivery.errors import ConfigurationError

T = TypeVar("T")


def parse(options: Iterable[str] | None) -> tuple[str, ...]:
    """The names in the values of `--only`, which may be repeated, and may be lists with commas.

    Raises ConfigurationError for an empty name.
    """
    names = [name.strip() for option in options or () for name in option.split(",")]
    if not all(names):
        raise ConfigurationError("Malformed --only: an empty name.", "It is the name of a function.", "--only NAME")
    return tuple(dict.fromkeys(names))


def choose(items: Iterable[T], only: tuple[str, ...], name: Callable[[T], str]) -> tuple[T, ...]:
    """The items with the names `only`; all without names. Raises ConfigurationError for an unknown name."""
    known = {name(item): item for item in items}
    if unknown := [each for each in only if each not in known]:
        what = f"Unknown function: {', '.join(unknown)}"
        raise ConfigurationError(what, f"Known are: {', '.join(known)}", f"--only {next(iter(known), 'NAME')}")
    return tuple(item for each, item in known.items() if not only or each in only)


def functions(deployed: Iterable[Function], only: tuple[str, ...]) -> tuple[Function, ...]:
    """The functions with the names `only`; all without names. Raises ConfigurationError for an unknown name."""
    return choose(deployed, only, lambda each: each.image)
