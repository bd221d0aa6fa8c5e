"""The commands of the pages that can run here do run, in order, and print what the page shows: see support.pages."""

import re

import pytest
from support import pages
from support.pages import PAGES

RUN = [page for page in PAGES if any("run" in block.words for block in pages.blocks(page))]


@pytest.fixture
def clone(deployed):
    """The clone that has deployed; what a page writes is removed afterwards, and nothing of it is deployed."""
    checkout, _ = deployed
    head = checkout.head()
    yield checkout
    checkout.restore(head)
    checkout.git("clean", "--quiet", "--force", "-d", "src", "tests", "infrastructure")


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_and_print_what_it_shows(clone, page):
    printed = ""
    for block in pages.blocks(page):
        if block.words[:2] == ("sh", "run"):
            printed = run(clone, block)
        elif block.kind == "text" and printed:
            require_shown(block, printed)
        elif block.kind == "sh":
            printed = ""


def test_the_first_deploy_prints_what_the_page_of_an_own_account_shows(deployed):
    page = next(page for page in PAGES if page.name == "own-account.md")
    (block,) = [block for block in pages.blocks(page) if block.kind == "text" and "✓ apply" in block.text]
    require_shown(block, deployed[1].text)


def run(clone, block):
    """Type the commands of a block; return what they print."""
    expected = int(next((word.removeprefix("exit=") for word in block.words if word.startswith("exit=")), "0"))
    commands, texts = list(block.commands()), []
    for number, words in enumerate(commands, 1):
        assert words[:2] == ["./dev", "invoke"], words
        outcome = clone.invoke(*words[2:])
        assert outcome.code == (expected if number == len(commands) else 0), f"{block.place} {words}\n{outcome.text}"
        texts.append(outcome.text)
    return "\n".join(texts)


def require_shown(block, printed):
    """Each line of the block comes in this order; `…` is any text."""
    lines = iter(line.rstrip() for line in printed.splitlines())
    for expected in filter(None, block.text.splitlines()):
        pattern = re.compile(r"\s+".join(".*".join(map(re.escape, part.split("…"))) for part in expected.split()))
        assert any(pattern.match(line.strip()) for line in lines), f"{block.place}: {expected!r} is not in\n{printed}"
