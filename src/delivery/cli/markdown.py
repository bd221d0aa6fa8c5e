"""Markdown as GitHub renders it, of text that comes from outside: no name and no message can break it.

Only the standard library: jobs.py uses it without the environment of the project.
"""

import html
from collections.abc import Sequence

_MOST = 200  # lines of one list; the log has them all
WIDEST = 400  # characters of one line; 200 of them are 80 KB of the 1 MiB of a page
# In text that is no code. A character reference never opens or ends an element (CommonMark, "Entity references").
_REFERENCES = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*_~[]!@"})


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def block(language: str, lines: Sequence[str], most: int = _MOST) -> str:
    """The last lines of a list, `most` of them, as a block of code."""
    shown = [line[:WIDEST] for line in lines[-most:]]
    if len(lines) > most:
        shown.insert(0, f"... {len(lines) - most} lines more, in the log")
    text = "\n".join(shown).replace("```", "'''")
    return f"```{language}\n{text}\n```"


def code(text: str) -> str:
    """Text as code in a line, where nothing is a link, a mention, a picture or HTML."""
    return f"`{' '.join(text.split())[:WIDEST].replace('`', chr(39))}`"


def plain(text: str) -> str:
    """Text that looks as it is: no HTML, and no Markdown. A link that GitHub would make of an address stays text."""
    escaped = html.escape(" ".join(text.split())[:WIDEST], quote=False).translate(_REFERENCES)
    return escaped.replace("://", "&#58;//").replace("www.", "www&#46;")
