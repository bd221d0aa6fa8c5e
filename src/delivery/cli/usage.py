"""A wrong command line ends with exit code 2 and an error of our form; Invoke's own parser would end with 1.

`Program.run` loads tasks.py between the parse of its own options and that of the tasks, so Invoke itself refuses a
wrong value of its own options, such as `invoke --config`: docs.pyinvoke.org, "invoke.program".
"""

import functools
import itertools
import re
from collections.abc import Callable
from typing import Any

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from delivery.errors import ConfigurationError, nearest

_UNKNOWN = re.compile(r"No idea what '(.*)' is!", re.DOTALL)
_NO_VALUE = re.compile(r"Flag <Argument: (\w+)")


def install(program: Program) -> None:
    """From here on, a command line that `program` cannot parse ends with exit code 2."""
    for name in ("parse_tasks", "parse_cleanup"):
        setattr(program, name, functools.partial(_explained, program, getattr(program, name)))


def _explained(program: Program, parse: Callable[[], None]) -> None:
    try:
        parse()
    except ParseError as error:
        failure = _failure(str(error), error.context, program)
        raise Exit(str(failure), failure.exit_code) from error


def _failure(text: str, context: Any, program: Program) -> ConfigurationError:
    """`context`: Invoke's ParserContext of the task; without a name, or None, no task was named yet."""
    task, flags = (context.name, context.flags) if context and context.name else ("", {})
    if unknown := _UNKNOWN.fullmatch(text):
        return _unknown(unknown[1], task, flags, program)
    if missing := _NO_VALUE.match(text):
        flag = "--" + missing[1].rstrip("_").replace("_", "-")
        why = next((each.help for name, each in flags.items() if name == flag and each.help), "")
        return ConfigurationError(f"{flag} needs a value.", why, f"invoke {task} {flag} VALUE".replace("  ", " "))
    return ConfigurationError(text, "", f"invoke --help {task}".strip())


def _unknown(word: str, task: str, flags: Any, program: Program) -> ConfigurationError:
    command = f"invoke {task}".strip()
    if word.startswith("-"):
        return _unknown_flag(word, task, program)
    before = _before(word, program.argv)
    if before in flags:
        if flags[before].takes_value:
            return ConfigurationError(f"{before} was given twice.", "It takes one value.", f"{command} {before} VALUE")
        return ConfigurationError(f"{before} takes no value: {word!r}", "", f"{command} {before}")
    if near := nearest(word, program.collection.task_names):
        hint = f"invoke {near}"
    else:
        hint = f"{command} --env {word}" if "--env" in flags else "`invoke`, which lists the tasks"
    return ConfigurationError(f"Unknown task: {word}", "Nothing was done.", hint)


def _unknown_flag(flag: str, task: str, program: Program) -> ConfigurationError:
    contexts = [context for context in program.collection.to_contexts() if context.name == task]
    known = [name for context in contexts for name in (*context.flags, *context.inverse_flags)]
    command, near = f"invoke {task}".strip(), nearest(flag, known)
    why = f"Its options are: {', '.join(sorted(name for name in known if name.startswith('--')))}" if task else ""
    return ConfigurationError(f"{command} has no option {flag}.", why, f"{command} {near}" if near else "invoke --help")


def _before(word: str, argv: list[str]) -> str:
    """The flag that stands before a word, as `--flag word` or `--flag=word`; else the word before it, or nothing."""
    for previous, current in itertools.pairwise(argv):
        if current == word:
            return previous
    return next((each.partition("=")[0] for each in argv if each.endswith(f"={word}")), "")
