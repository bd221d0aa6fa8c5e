"""Lines on stdout, outside any stage: the answer of a task."""

from collections.abc import Iterable

import delivery


def print_line(text: str) -> None:
    """Print one line exactly as it is."""
    delivery.progress.Screen().print(text, markup=False, soft_wrap=True)


def print_lines(lines: Iterable[str]) -> None:
    """Print each line exactly as it is."""
    for line in lines:
        print_line(line)
