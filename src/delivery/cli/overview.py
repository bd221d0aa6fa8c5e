"""What `invoke` alone prints: the three commands to type first, then all tasks below their headings."""

from collections.abc import Iterator, Mapping, Sequence

MORE = "`invoke --help TASK` explains the options of a task, with an example."


Rows = Sequence[tuple[str, str]]


def lines(first: Rows, headings: Mapping[str, Sequence[str]], documents: Mapping[str, str]) -> Iterator[str]:
    """The lines.

    `first`: commands, each with what it does; `headings`: heading to the names of its tasks; `documents`: name of a
    task to its docstring.
    """
    yield "Type first:"
    yield from _columns(first)
    for heading, names in headings.items():
        yield ""
        yield heading
        yield from _columns([(name, _first_sentence(documents[name])) for name in names])
    yield ""
    yield MORE


def _columns(rows: Rows) -> Iterator[str]:
    width = max(len(name) for name, _ in rows)
    yield from (f"  {name:<{width}}  {text}" for name, text in rows)


def _first_sentence(document: str) -> str:
    return " ".join(document.strip().partition("\n\n")[0].split())
