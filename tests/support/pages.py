"""The pages for people: their blocks, the commands in them, their links and their headings.

A block begins with three backticks, and the words behind them say what it is:

    sh          commands: each is compared with the tasks, the sessions and the files; none is run
    sh run      commands that tests/integration/test_docs.py types in a clone that has deployed; `exit=4` after it says
                that the last one is refused with that exit code
    text, diff  what the commands above print; behind `sh run` it must really come, in this order; `…` is any text
    yaml        a part of invoke.yaml
    toml        entries of osv-scanner.toml
    hcl         arguments, a block of Terraform or of docker-bake.hcl; `hcl run`: tests/integration/test_two_images.py
                deploys it

An indented block is judged by its first line.
"""

import functools
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
_PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ +)*(\./dev|invoke|aws|docker|export|gh|git|source|terraform)\b")
_YAML = re.compile(r"(environments|build|git|terraform|verify):\s")
_CODE, _INLINE = ("fence", "code_block"), "code_inline"
_END = {"|", ";", "&&", "||"}  # words of the shell behind which another command begins


@dataclass(frozen=True)
class Block:
    """A block of a page: its words (`sh run`), its text, and the line where it begins."""

    page: Path
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def kind(self) -> str:
        """`sh`, `text`, `yaml`, `toml`, `hcl` or another word; of an indented block by its first line."""
        if self.words:
            return self.words[0]
        if _PROGRAM.match(self.text):
            return "sh"
        return "yaml" if _YAML.match(self.text) else "text"

    @property
    def place(self) -> str:
        """Where it is, for the name of a test."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """The words of each command, without comments; a backslash continues a line."""
        for line in self.text.replace("\\\n", " ").splitlines():
            for mark, parts in itertools.groupby(shlex.split(line, comments=True), _END.__contains__):
                if not mark:
                    yield list(parts)


def blocks(page: Path) -> list[Block]:
    """The blocks of a page."""
    return [
        Block(page, tuple(token.info.split()), token.content, (token.map or [0])[0] + 1)
        for token in _tokens(page)
        if token.type in _CODE
    ]


def inline_code(page: Path) -> list[str]:
    """The pieces of code within the sentences and the tables of a page."""
    return [child.content for child in _children(page) if child.type == _INLINE]


def links(page: Path) -> list[str]:
    """The targets of the links and pictures of a page."""
    names = {"link_open": "href", "image": "src"}
    return [str(child.attrGet(names[child.type])) for child in _children(page) if child.type in names]


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them: small letters, hyphens for spaces, no other marks."""
    tokens = _tokens(page)
    titles = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def json_of_hcl(text: str) -> str:
    """An object of HCL with literal values, as JSON: `{ a = 1 }` is `{"a": 1}`."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    keyed = [part if part.startswith('"') else re.sub(r"(\w+)\s*=", r'"\1":', part) for part in parts]
    return json.dumps(json.loads("".join(keyed)))


def within(text: str, opening: int) -> str:
    """The text between the bracket at `opening` and the one that closes it."""
    depth = 0
    for end in range(opening, len(text)):
        depth += (text[end] in "([{") - (text[end] in ")]}")
        if depth == 0:
            return text[opening + 1 : end]
    raise ValueError(f"the bracket at {opening} is never closed")


@functools.cache
def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def _children(page: Path) -> Iterator[Token]:
    for token in _tokens(page):
        yield from token.children or ()
