"""The golden file of messages: every text that a person can meet, recorded while the unit tests run.

`Recorder` notes each DeliveryError that a module of `src/delivery` makes during a unit test, and each stage
that begins.
The file is written from those notes, never by hand: `./dev pytest tests/unit --update-messages`.
"""

import ast
import functools
import platform
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from delivery import errors
from delivery.cli import interrupts, session
from delivery.progress import UNCHANGED, Progress, Stage

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "delivery"
UPDATE = "./dev pytest tests/unit --update-messages"
_TYPED = "invoke <task>"
_HEAD = f"""\
Every message that a person can meet, with the place in the source that makes it.
Recorded by the unit tests; do not edit. To write it again: {UPDATE}
"""


@dataclass(frozen=True, order=True)
class Place:
    """A function of `src/delivery` that makes an error of one class."""

    function: str
    kind: str
    exit_code: int

    def __str__(self):
        return f"{self.function}: {self.kind}, exit code {self.exit_code}"


@dataclass
class Recorder:
    """The notes of one test session. `temporary`: the folder below which each test has its own."""

    temporary: Path
    messages: dict[Place, set[str]] = field(default_factory=dict)
    lines: set[tuple[str, int]] = field(default_factory=set)
    """File (relative to the root) and line of each call that made an error."""
    stages: set[tuple[str, str, str]] = field(default_factory=set)
    """Name, `interrupted` and `after` of each stage."""
    _made: list[tuple[str, errors.DeliveryError]] = field(default_factory=list)

    def install(self, monkeypatch):
        """Note what is made until `finish`, which is called when the test has ended."""
        make_error, begin_stage = errors.DeliveryError.__init__, Progress.stage

        @functools.wraps(make_error)
        def noted_error(error, *args, **kwargs):
            make_error(error, *args, **kwargs)
            self._note_error(error, sys._getframe(1))

        @functools.wraps(begin_stage)
        def noted_stage(progress, name, *, interrupted, after="", **kwargs):
            if _is_source(sys._getframe(1).f_code.co_filename):
                self.stages.add((name, self.normal(interrupted), self.normal(after)))
            return begin_stage(progress, name, interrupted=interrupted, after=after, **kwargs)

        monkeypatch.setattr(errors.DeliveryError, "__init__", noted_error)
        monkeypatch.setattr(Progress, "stage", noted_stage)

    def finish(self):
        """Read the texts of the errors: callers may have added to them after they were made."""
        for function, error in self._made:
            place = Place(function, type(error).__name__, error.exit_code)
            self.messages.setdefault(place, set()).add(self.normal(str(error)))
        self._made.clear()

    def normal(self, text):
        """The text without what differs from one run, person or checkout to the next."""
        text = re.sub(rf"{re.escape(str(self.temporary))}(/[\w.-]*?\d+(?=[/\s'\",:;)`\]]|$))?", "<tmp>", text)
        for path, name in ((ROOT, "<root>"), (Path.home(), "<home>")):
            text = re.sub(rf"{re.escape(str(path))}(?=[/\s'\",:;)`\]]|$)", name, text)
        text = re.sub(r"\b\d{8}T\d{6}\.\d{6}Z", "<time>", text)  # in the name of a release record
        text = re.sub(r"\bignoreUntil = \d{4}-\d\d-\d\d", "ignoreUntil = <date>", text)  # a month from now
        text = re.sub(rf"@{re.escape(platform.node())}(?![\w.-])", "@<host>", text)
        return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)

    def sections(self):
        """The paragraphs of the file: a heading, and a text below it."""
        errors_ = {f"{place}\n{_indented(text)}" for place, texts in self.messages.items() for text in texts}
        return tuple(sorted(errors_)), tuple(sorted(set(_interrupt_sections(self.stages))))

    def _note_error(self, error, frame):
        while frame and frame.f_code.co_filename == errors.__file__:
            frame = frame.f_back
        if frame and _is_source(frame.f_code.co_filename):
            file = Path(frame.f_code.co_filename)
            self.lines.add((str(file.relative_to(ROOT)), frame.f_lineno))
            self._made.append((f"{_module(file)}.{_qualified(frame.f_code.co_qualname)}", error))


def document(recorder):
    """The whole file."""
    failures, stops = recorder.sections()
    fixed = (_fixed("an interrupt outside a session", session.message(KeyboardInterrupt())),)
    fixed += (_fixed("a second interrupt, in the terminal", interrupts.STILL_STOPPING.decode().strip()),)
    parts = (_HEAD.strip(), "# Errors", *failures, "# Interrupts", *fixed, *stops, "# Questions", *questions())
    return "\n\n".join(parts) + "\n"


def paragraphs(text):
    """The paragraphs of a file of messages. A message may hold an empty line; a heading never begins with a space."""
    return tuple(re.split(r"\n\n(?=\S)", text.rstrip("\n")))


def questions():
    """Each question to a person, as the source has it: the calls of `confirm` and `ask` (delivery.cli.prompt)."""
    asked = set()
    for file in (ROOT / "tasks.py", *sorted(SOURCE.rglob("*.py"))):
        for function, call in _calls(file):
            if ast.unparse(call.func).removeprefix("prompt.") in ("confirm", "ask") and file.name != "prompt.py":
                reasons = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
                texts = map(ast.unparse, (call.args[1], *reasons))
                asked.add(_fixed(f"{_module(file)}.{function}", "\n".join(texts)))
    return tuple(sorted(asked))


@dataclass(frozen=True)
class ErrorCall:
    """A call in `src/delivery` that makes an error. `text`: its first argument as the source has it."""

    file: str
    first_line: int
    last_line: int
    function: str
    kind: str
    text: str

    def __str__(self):
        return f"{self.file}:{self.first_line} {self.function}: {self.kind}({self.text})"


def error_calls():
    """Each call in `src/delivery` that makes a DeliveryError."""
    kinds = _error_names()
    return tuple(
        ErrorCall(str(file.relative_to(ROOT)), call.lineno, call.end_lineno, f"{_module(file)}.{function}", name, text)
        for file in sorted(SOURCE.rglob("*.py"))
        if file != Path(errors.__file__)
        for function, call in _calls(file)
        if (name := ast.unparse(call.func).rpartition(".")[2]) in kinds
        for text in [ast.unparse(call.args[0]) if call.args else ""]
    )


def _error_names():
    names, pending = {errors.disk_full.__name__}, [errors.DeliveryError]
    while pending:
        kind = pending.pop()
        names.add(kind.__name__)
        pending += kind.__subclasses__()
    return names


def _calls(file):
    """Each call in a file, with the qualified name of the function around it."""

    def walk(node, names):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = (*names, node.name)
        if isinstance(node, ast.Call):
            yield ".".join(names), node
        for child in ast.iter_child_nodes(node):
            yield from walk(child, names)

    yield from walk(ast.parse(file.read_text(encoding="utf-8")), ())


def _interrupt_sections(stages):
    for name, interrupted, after in stages:
        cut_off = Stage(name, None, interrupted, after)
        yield _fixed(f"an interrupt in {name}", interrupts.message([cut_off], (), _TYPED))
        if after:
            ended = [Stage(name, None, interrupted, after, mark="✓"), Stage("<a later stage>", None, UNCHANGED, "")]
            yield _fixed(f"an interrupt after {name}", interrupts.message(ended, (), _TYPED))
        if name == "apply":
            killed = interrupts.message([cut_off], ("terraform",), _TYPED)
            yield _fixed(f"an interrupt in {name} that killed Terraform", killed)


def _fixed(heading, text):
    return f"{heading}\n{_indented(text)}"


def _indented(text):
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _is_source(file):
    return Path(file).is_relative_to(SOURCE)


def _module(file):
    inside = file.relative_to(ROOT / "src" if file.is_relative_to(SOURCE) else ROOT)
    return ".".join(inside.with_suffix("").parts).removesuffix(".__init__")


def _qualified(name):
    """A function's name as a reader finds it: without `<locals>`, lambdas and comprehensions."""
    return ".".join(part for part in re.sub(r"<\w+>", "", name).split(".") if part)
