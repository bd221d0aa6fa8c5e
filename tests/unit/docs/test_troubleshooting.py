"""The page of errors has every class with its exit code, and quotes only messages that the tasks print."""

import re

import pytest
from support.pages import ROOT

from delivery import errors

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = (ROOT / "tests/unit/messages.txt").read_text(encoding="utf-8")
SECTIONS = {int(number): text for number, text in re.findall(r"^## (\d+): .*?\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)}
QUOTES = [
    pytest.param(code, quote, id=quote[:60])
    for code, text in SECTIONS.items()
    for quote in re.findall(r"^\| `(?:` )?(.*?)(?: `)?` \| ", text, re.MULTILINE)
]
CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and each.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_errors_has_a_section_with_its_exit_code(kind):
    if kind in (errors.DeliveryError, errors.Interrupted):  # never raised; ends with 130
        return
    assert f"`{kind.__name__}`" in SECTIONS[kind.exit_code]


def test_an_interrupt_has_a_section():
    assert errors.INTERRUPTED in SECTIONS


def test_the_table_of_the_readme_has_the_same_exit_codes():
    table = (ROOT / "README.md").read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert (
        codes
        == SECTIONS.keys() - {1}
        == {kind.exit_code for kind in CLASSES if hasattr(kind, "exit_code")} - {1} | {130}
    )


@pytest.mark.parametrize(("code", "quote"), QUOTES)
def test_every_quoted_message_is_one_that_a_task_prints(code, quote):
    pattern = re.compile(".*".join(map(re.escape, quote.split("…"))))
    heads = re.findall(r"^\w+\.\S+: \w+, exit code (\d+)\n    (.*)$", MESSAGES, re.MULTILINE)
    assert [1 for number, what in heads if int(number) == code and pattern.fullmatch(what)]
