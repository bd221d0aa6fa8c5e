"""What a person types is what a task gets, by Invoke's own parser."""

import pytest
import tasks
from invoke.parser import Parser, ParserContext


@pytest.mark.parametrize("task", [tasks.deploy, tasks.tf_apply, tasks.bootstrap], ids=lambda task: task.name)
def test_each_address_that_may_be_destroyed_is_one_word(task):
    context = ParserContext(name="it", args=task.get_arguments())
    typed = Parser([context]).parse_argv(["it", "--destroy", "module.a", "--destroy", "module.b"])[0]
    assert typed.args["destroy"].value == ["module.a", "module.b"]
