"""What GitHub shows of a job: a page for people (GITHUB_STEP_SUMMARY) and outputs for later jobs (GITHUB_OUTPUT).

Where those variables are missing, on a laptop, nothing is written. Source: GitHub docs, "Workflow commands":
a page of more than 1 MiB is dropped whole, and an output that contains a masked value arrives empty; so outputs are
digests and tags, never an address.
"""

from __future__ import annotations

import html
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from delivery import times
from delivery.errors import ConfigurationError

if TYPE_CHECKING:  # jobs.py uses this module without the environment of the project, which has rich
    from delivery.progress import Stage

_MOST = 200  # lines of one list; the log has them all
_WIDEST = 400  # characters of one line; 200 of them are 80 KB of the 1 MiB
# In text that is no code. A character reference never opens or ends an element (CommonMark, "Entity references").
_REFERENCES = str.maketrans({character: f"&#{ord(character)};" for character in "\\`*_~[]!@"})
_MARKS = {"success": "✓", "failure": "✗", "cancelled": "✗", "skipped": "-"}


@dataclass(frozen=True)
class Block:
    """A titled list of lines, such as a plan."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """The content of the page of one task.

    `typed`: the arguments of `invoke`. `failure`: the error message; empty after a success.
    """

    typed: Sequence[str]
    stages: Sequence[Stage] = ()
    blocks: Sequence[Block] = ()
    outputs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    failure: str = ""


def page(content: Page) -> str:
    """The page as Markdown: result, outputs, stages with their times, blocks and, after a failure, what to do."""
    command = f"invoke {shlex.join(content.typed)}"
    parts = [f"### {'✗' if content.failure else '✓'} {_code(command)}"]
    if content.failure:
        typed = _code(f"./dev {command}")
        again = f"Correct that, then re-run the failed jobs, or type {typed}: it continues where it stopped."
        parts += [_block("text", content.failure.splitlines()), again]
    if content.outputs:
        rows = [(name, " ".join(map(_code, values))) for name, values in content.outputs.items()]
        parts.append(_table(("", ""), rows))
    if content.stages:
        lines = [(stage.mark, stage.name, _plain(stage.result), f"{stage.seconds:.1f} s") for stage in content.stages]
        parts.append(_table(("", "stage", "result", "time"), [*lines, *_total(content.stages)]))
    if warnings := [f"{stage.name}: {warning}" for stage in content.stages for warning in stage.warnings]:
        parts += ["Warnings:", _block("text", warnings)]
    for block in content.blocks:
        parts += [f"{block.title}:", _block("diff", block.lines)]
    if content.stages:
        parts.append(_block("mermaid", _gantt(content.stages)))
    return "\n\n".join(parts) + "\n"


def jobs(needs: str) -> str:
    """All jobs of a run in Markdown, from GitHub's `toJSON(needs)`. Raises ConfigurationError."""
    try:
        result = {name: (job["result"], job.get("outputs") or {}) for name, job in json.loads(needs).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"NEEDS is no JSON object of jobs: {needs[:80]!r}"
        raise ConfigurationError("The jobs are not known.", why, "NEEDS: ${{ toJSON(needs) }} in `env:`") from error
    rows = [
        (
            _MARKS.get(end, "?"),
            _plain(name),
            _plain(str(end)),
            " ".join(_code(str(value)) for value in outputs.values()),
        )
        for name, (end, outputs) in result.items()
    ]
    parts = ["### All jobs", _table(("", "job", "result", "digest and tag"), rows)]
    if failed := [name for name, (result, _) in result.items() if result == "failure"]:
        parts.append(f"{_plain(', '.join(failed))}: the summary of that job says what happened and what to do.")
    return "\n\n".join(parts) + "\n"


def write(environ: Mapping[str, str], page: str, outputs: Mapping[str, Sequence[str]]) -> None:
    """Append the page and the outputs to the files that GitHub named, if it did.

    A file that cannot be written is a warning: what the task changed is done.
    """
    # A line break in a value would begin another output.
    assignments = "".join(f"{name}={' '.join(' '.join(values).split())}\n" for name, values in outputs.items())
    for variable, text in (("GITHUB_STEP_SUMMARY", page), ("GITHUB_OUTPUT", assignments)):
        if text and environ.get(variable):
            try:
                with Path(environ[variable]).open("a", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                print(f"{variable} cannot be written: {error}", file=sys.stderr)


def _total(stages: Sequence[Stage]) -> list[tuple[str, str, str, str]]:
    """The last rows of the table: the time that no stage covers, and the time from the first stage to the last."""
    began = min(stage.started for stage in stages)
    total = max(stage.started + stage.seconds for stage in stages) - began
    spans = times.spans(began, total, [(stage.name, stage.started, stage.seconds) for stage in stages])
    rows = [
        ("", span.name, "between the stages", f"{span.seconds:.1f} s") for span in spans if span.name == times.OTHER
    ]
    beside = any(span.beside for span in spans)
    return [*rows, ("", "total", "stages beside each other count once" if beside else "", f"{total:.1f} s")]


def _gantt(stages: Sequence[Stage]) -> list[str]:
    """https://mermaid.js.org/syntax/gantt.html: times in milliseconds (`x`); what failed is critical."""
    began = min(stage.started for stage in stages)
    lines = ["gantt", "  dateFormat x", "  axisFormat %M:%S", "  title where the time went"]
    for stage in sorted(stages, key=lambda stage: stage.started):
        start = round((stage.started - began) * 1000)
        end = start + max(1, round(stage.seconds * 1000))
        lines.append(f"  {stage.name} :{'done' if stage.mark == '✓' else 'crit'}, {start}, {end}")
    return lines


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _block(language: str, lines: Sequence[str]) -> str:
    shown = [line[:_WIDEST] for line in lines[-_MOST:]]
    if len(lines) > _MOST:
        shown.insert(0, f"... {len(lines) - _MOST} lines more, in the log")
    text = "\n".join(shown).replace("```", "'''")
    return f"```{language}\n{text}\n```"


def _code(text: str) -> str:
    """Text as code in a line, where nothing is a link, a picture or HTML."""
    return f"`{' '.join(text.split())[:_WIDEST].replace('`', chr(39))}`"


def _plain(text: str) -> str:
    """Text that looks as it is: no HTML, and no Markdown. A link that GitHub would make of an address stays text."""
    escaped = html.escape(" ".join(text.split())[:_WIDEST], quote=False).translate(_REFERENCES)
    return escaped.replace("://", "&#58;//").replace("www.", "www&#46;")
