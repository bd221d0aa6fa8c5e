"""Records the text of every error and interrupt that the unit tests cause, for tests/unit/messages.txt."""

import ast
import difflib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from delivery import errors
from delivery.progress import Progress

ROOT = Path(__file__).parents[2]
DELIVERY = ROOT / "src" / "delivery"
COMMAND = "./dev pytest tests/unit --update-messages"
HEADING = f"""\
The full text of every error, and what an interrupt leaves, as a person reads it. `{COMMAND}` writes this file again.

"""
# Functions whose errors only real tools and a real AWS cause; each with the tests that cause them.
UNTESTED_HERE: dict[str, str] = {}
_CLASSES = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"disk_full"}


class Messages:
    """The recorded messages. The place of a message is the module and the function that raises it."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = re.compile(rf"{re.escape(str(temporary))}/[^/\s'\"`:]+")
        self._errors: list[tuple[str, errors.DeliveryError]] = []
        self._stages: set[tuple[str, str, str]] = set()

    def install(self, monkeypatch) -> None:
        """Record every DeliveryError and every stage that code of delivery makes."""
        made, stage = errors.DeliveryError.__init__, Progress.stage

        def record_error(error, *args, **kwargs):
            made(error, *args, **kwargs)
            if place := _place(sys._getframe(1)):
                self._errors.append((place, error))

        def record_stage(progress, name, **texts):
            if place := _place(sys._getframe(1)):
                left = texts["interrupted"] + (f" / {texts['after']}" if texts.get("after") else "")
                self._stages.add((place, "interrupted", left))
            return stage(progress, name, **texts)

        monkeypatch.setattr(errors.DeliveryError, "__init__", record_error)
        monkeypatch.setattr(Progress, "stage", record_stage)

    def places(self) -> set[str]:
        """The functions that raised an error."""
        return {place for place, _ in self._errors}

    def blocks(self) -> list[str]:
        """The messages as text, sorted, each once."""
        messages = {
            (place, f"{type(error).__name__} {error.exit_code}", self._plain(str(error)))
            for place, error in self._errors
        }
        messages |= {(place, kind, self._plain(text)) for place, kind, text in self._stages}
        return [f"[{place}] {kind}\n{_indented(text)}\n" for place, kind, text in sorted(messages)]

    def _plain(self, text: str) -> str:
        """The text without temporary folders, the checkout, the machine's name, digests, commits and times."""
        text = re.sub(r"\d{8}T\d{6}\.\d{6}Z", "<time>", self._temporary.sub("<tmp>", text))
        text = re.sub(r"\b[0-9a-f]{40}\b", "<commit>", re.sub(r"sha256:[0-9a-f]{64}", "sha256:<digest>", text))
        return text.replace(str(ROOT), "<root>").replace(os.uname().nodename, "<host>")


def read(file: Path) -> list[str]:
    """The blocks of a golden file."""
    text = file.read_text(encoding="utf-8").removeprefix(HEADING) if file.exists() else ""
    return [f"{block.rstrip()}\n" for block in re.split(r"\n(?=\[)", text) if block.strip()]


def write(file: Path, blocks: list[str]) -> None:
    """Write a golden file."""
    file.write_text(HEADING + "\n".join(blocks), encoding="utf-8")


def differences(golden: list[str], recorded: list[str]) -> str:
    """A diff of the golden blocks and the recorded ones; empty if they are equal."""
    return "".join(difflib.unified_diff("\n".join(golden).splitlines(True), "\n".join(recorded).splitlines(True), n=1))


def raising_functions() -> Iterator[str]:
    """Every function of delivery that makes an error, as `module function`."""
    for path in sorted(DELIVERY.rglob("*.py")):
        if path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(map(_makes_an_error, _own_nodes(node))):
                yield f"{path.relative_to(DELIVERY)} {node.name}"


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions inside it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            pending += ast.iter_child_nodes(node)


def _makes_an_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CLASSES - {"Interrupted"}


def _place(frame) -> str:
    """`module function` of the caller in delivery; empty if a test is the caller."""
    while Path(frame.f_code.co_filename).name == "errors.py":
        frame = frame.f_back
    path = Path(frame.f_code.co_filename)
    return f"{path.relative_to(DELIVERY)} {frame.f_code.co_name}" if path.is_relative_to(DELIVERY) else ""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
