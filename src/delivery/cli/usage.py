"""A wrong command line or configuration ends with exit code 2 and an error of our form.

Invoke itself ends with 1, and with a traceback for a file or a variable that it cannot read.
`Program.run` loads tasks.py between the parse of its own options and that of the tasks, so Invoke itself refuses a
wrong value of its own options, such as `invoke --config`: docs.pyinvoke.org, "invoke.program".
"""

import functools
import itertools
import os
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke import env
from invoke.exceptions import AmbiguousEnvVar, Exit, ParseError, UncastableEnvVar, UnknownFileType
from invoke.program import Program
from invoke.util import yaml  # type: ignore[attr-defined] # its own copy, with which it reads the files

from delivery.errors import ConfigurationError, nearest

VARIABLES = "INVOKE_"
_RUNTIME = "INVOKE_RUNTIME_CONFIG"
_UNKNOWN = re.compile(r"No idea what '(.*)' is!", re.DOTALL)
_NO_VALUE = re.compile(r"Flag <Argument: (\w+)")


def install(program: Program, file: Path) -> None:
    """From here on, what `program` cannot parse or read ends with exit code 2. `file`: the project's configuration.

    Raises Exit when the file cannot be read.
    """
    _read_file(file)
    for name, explain in (
        ("parse_tasks", _parse),
        ("parse_cleanup", _parse),
        ("update_config", _read_runtime),
        ("execute", _read_variables),
    ):
        setattr(program, name, functools.partial(explain, program, getattr(program, name)))


def _exit(failure: ConfigurationError) -> Exit:
    return Exit(str(failure), failure.exit_code)


def _read_file(file: Path) -> None:
    """Read the file as Invoke will, in two milliseconds."""
    try:
        yaml.safe_load(file.read_text(encoding="utf-8"))  # type: ignore[no-untyped-call] # it has no types
    except (yaml.YAMLError, ValueError) as error:
        raise _exit(ConfigurationError(f"{file.name} cannot be read.", str(error), f"correct {file.name}")) from error
    except FileNotFoundError as error:
        raise _exit(ConfigurationError(f"{file.name} is missing.", "", f"git checkout {file.name}")) from error


def _parse(program: Program, parse: Callable[[], None]) -> None:
    try:
        parse()
    except ParseError as error:
        raise _exit(_failure(str(error), error.context, program)) from error


def _read_runtime(program: Program, read: Callable[[], None]) -> None:
    """Read the file of `--config` or INVOKE_RUNTIME_CONFIG; Invoke would ignore one that does not exist."""
    path = program.args.config.value or os.environ.get(_RUNTIME)
    what = f"The file of --config or {_RUNTIME} cannot be read: {path}"
    hint = "a file in YAML (.yaml) or JSON (.json) with the form of invoke.yaml"
    if path and not Path(path).expanduser().is_file():
        raise _exit(ConfigurationError(what, "There is no such file.", hint))
    try:
        read()
    except (UnknownFileType, yaml.YAMLError, ValueError, OSError) as error:
        raise _exit(ConfigurationError(what, str(error), hint)) from error


def _read_variables(program: Program, execute: Callable[[], None]) -> None:
    """Run the tasks. Before, Invoke converts the variables INVOKE_… to the types of the settings."""
    del program
    try:
        execute()
    except (AmbiguousEnvVar, UncastableEnvVar, ValueError) as error:
        if not any(frame.f_code.co_filename == env.__file__ for frame, _ in traceback.walk_tb(error.__traceback__)):
            raise
        names = ", ".join(sorted(name for name in os.environ if name.startswith(VARIABLES)))
        what = f"A variable {VARIABLES}… has a value that its setting cannot have."
        raise _exit(ConfigurationError(what, f"{error}\nSet are: {names}", "correct or unset it")) from error


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
