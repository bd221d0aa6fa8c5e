"""`invoke` alone lists every task below a heading, and each task's help has an example that can be typed."""

import re
import shlex
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.loader import FilesystemLoader
from invoke.parser import Parser

TASKS, _ = FilesystemLoader(start=str(Path(__file__).parents[4])).load("tasks")
COLLECTION = Collection.from_module(TASKS)
NAMES = [name for name in COLLECTION.task_names if name != "overview"]


def test_invoke_alone_lists_the_tasks():
    assert COLLECTION.default == "overview"


def test_every_task_is_below_exactly_one_heading():
    assert sorted(name for names in TASKS.HEADINGS.values() for name in names) == sorted(NAMES)


def test_the_list_begins_with_the_commands_to_type_first_and_names_each_task_on_one_line(capsys):
    COLLECTION["overview"](Context())
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Type first:", "  invoke doctor                check the tools of this machine"]
    first = [re.split("  +", line.strip())[0] for line in lines[1:4]]
    assert [_parsed(command).name for command in first] == ["doctor", "deploy", "status"]
    assert {line for line in lines if line and line[0] != " "} >= set(TASKS.HEADINGS)
    assert [line.split()[0] for line in lines[4:] if line.startswith("  ")] == [
        name for names in TASKS.HEADINGS.values() for name in names
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_task_has_an_example_that_invoke_accepts(name):
    (example,) = re.findall(r"^ *Example: (.*)$", COLLECTION[name].__doc__, re.MULTILINE)
    assert _parsed(example).name == name


def _parsed(command):
    words = shlex.split(command)
    (context,) = Parser(contexts=COLLECTION.to_contexts()).parse_argv(words[words.index("invoke") + 1 :])
    return context
