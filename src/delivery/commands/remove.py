"""`invoke remove`: remove a function from the project, the reverse of `invoke new`.

    src/lambdas, tests/lambdas, tests/acceptance, tests/unit/lambdas: its code and its tests
    infrastructure/service: its module block, its line in local.functions, the values of its variables
    docker-bake.hcl: its target, and its place in the group

All of it is found first: what is refused removes nothing. git has what is removed, so a change that no commit has is
refused. Nothing in an account changes before a deploy.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery import git
from delivery.commands import new
from delivery.errors import ConfigurationError, RefusedError
from delivery.inputs import BAKE_FILE
from delivery.process.shell import Shell

_LAMBDAS = "src/lambdas"
_TESTS = ("tests/lambdas/{0}", "tests/acceptance/test_{0}.py", "tests/unit/lambdas/test_{0}.py")
_BLOCK = re.compile(r'\n*^(?:target|module) "([^"]+)" \{\n(.*?)^\}\n', re.MULTILINE | re.DOTALL)
_CONTEXT = re.compile(r'^ *context *= *"([^"]+)"', re.MULTILINE)
_VARIABLE = re.compile(r'^variable "(\w+)"', re.MULTILINE)


@dataclass(frozen=True)
class Removal:
    """What goes: files and folders, and the new content of the files that change."""

    gone: tuple[Path, ...]
    changed: Mapping[Path, str]


def plan(root: Path, name: str, shell: Shell) -> Removal:
    """Find everything of the function `name`. Raises ConfigurationError for an unknown function.

    Raises RefusedError if other files need its module, or if git does not have what would be removed.
    """
    bake, main = root / BAKE_FILE, root / new.MAIN
    context, module = _context(bake.read_text(), name), _module(main.read_text(), name)
    block = _file(root, name, module)
    changed = {
        bake: _without_target(bake.read_text(), name),
        main: new.with_functions(main.read_text(), lambda entries: _without(entries, f'"{name}"')),
        **_values(root, _VARIABLE.findall(block.read_text())),
    }
    _require_alone(root, name, module, {block: "", main: changed[main]})
    places = [root / context] if context.startswith(f"{_LAMBDAS}/") else []
    places += [root / place.format(module) for place in _TESTS]
    gone = tuple(place for place in (*places, block) if place.exists())
    if uncommitted := git.uncommitted(root, [str(path.relative_to(root)) for path in (*gone, *changed)], shell):
        hint = "git commit or git stash, then the same command"
        raise RefusedError(f"{name} has changes that no commit has.", uncommitted, hint)
    return Removal(gone, changed)


def apply(removal: Removal) -> None:
    """Remove and change the files."""
    for path, text in removal.changed.items():
        path.write_text(text)
    for path in removal.gone:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        if not any(path.parent.iterdir()):  # git knows no empty folder, so nothing may depend on one
            path.parent.rmdir()


def _context(bake: str, name: str) -> str:
    targets = {match[1]: match[2] for match in _BLOCK.finditer(bake) if not match[1].startswith("_")}
    if name not in targets:
        what = f"Unknown function: {name}" if name else "No function was named."
        known = ", ".join(targets) or "none"
        raise ConfigurationError(what, f"{BAKE_FILE} has the targets: {known}", f"--name {next(iter(targets), 'NAME')}")
    context = _CONTEXT.search(targets[name])
    shared = [other for other, body in targets.items() if other != name and context and context[0] in body]
    return context[1] if context and not shared else ""


def _module(main: str, name: str) -> str:
    line = re.search(rf'^ *"{re.escape(name)}" *= *module\.(\w+) *$', main, re.MULTILINE)
    if not line:
        why = f"local.functions in {new.MAIN} has no line for it. Nothing was removed."
        raise ConfigurationError(f"{name} has no module block.", why, "remove its target and its folder by hand")
    return line[1]


def _file(root: Path, name: str, module: str) -> Path:
    """The file with the module block, which has no other block than variables of its own."""
    file = root / new.SERVICE / f"{module}.tf"
    others = re.findall(r"^(?!variable\b)(\w+) ", file.read_text(), re.MULTILINE) if file.exists() else []
    if others != ["module"]:
        why = f"{new.SERVICE}/{module}.tf is not a file with its module block alone. Nothing was removed."
        hint = "remove the other blocks, or the function by hand: docs/functions.md"
        raise RefusedError(f"The module block of {name} cannot be removed.", why, hint)
    return file


def _require_alone(root: Path, name: str, module: str, changed: Mapping[Path, str]) -> None:
    """Raises RefusedError if a file of the root module still names the module."""
    files = {file: file.read_text() for file in sorted((root / new.SERVICE).glob("*.tf"))}
    texts = {**files, **changed}
    if using := [
        str(file.relative_to(root)) for file, text in texts.items() if re.search(rf"module\.{module}\b", text)
    ]:
        why = f"module.{module} stands in {', '.join(using)}. Nothing was removed."
        raise RefusedError(
            f"Other infrastructure needs {name}.", why, "remove its triggers and its import blocks first"
        )


def _without(entries: dict[str, str], key: str) -> dict[str, str]:
    return {each: value for each, value in entries.items() if each != key}


def _without_target(bake: str, name: str) -> str:
    """The bake file without the target, and without its name in the group."""
    match = next(match for match in _BLOCK.finditer(bake) if match[1] == name)
    text = f"{bake[: match.start()]}\n{bake[match.end() :]}".rstrip("\n") + "\n"

    def less(group: re.Match[str]) -> str:
        names = [each for each in re.findall(r'"([^"]+)"', group[2]) if each != name]
        lines = "\n" in group[2] and names
        inner = "".join(f'\n    "{each}",' for each in names) + "\n  " if lines else ", ".join(f'"{n}"' for n in names)
        return f"{group[1]}{inner}{group[3]}"

    return new.GROUP.sub(less, text, count=1)


def _values(root: Path, variables: list[str]) -> dict[Path, str]:
    """The files of values that name one of these variables, without them."""
    changed = {}
    for file in sorted((root / new.SERVICE).glob("*.tfvars")):
        lines = file.read_text().splitlines(keepends=True)
        left = [line for line in lines if line.partition("=")[0].strip() not in variables]
        if left != lines:
            changed[file] = "".join(left)
    return changed
