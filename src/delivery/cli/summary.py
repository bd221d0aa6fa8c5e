"""What GitHub shows of a job: a page for people (GITHUB_STEP_SUMMARY) and outputs for later jobs (GITHUB_OUTPUT).

Where those variables are missing, on a laptop, nothing is written. Source: GitHub docs, "Workflow commands":
a page of more than 1 MiB is dropped whole, and an output that contains a masked value arrives empty; so no job needs
an output but digests and tags. The address of a function is only shown.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from delivery import times
from delivery.cli import markdown
from delivery.errors import ConfigurationError

if TYPE_CHECKING:  # jobs.py uses this module without the environment of the project, which has rich
    from delivery.progress import Stage

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
    parts = [f"### {'✗' if content.failure else '✓'} {markdown.code(command)}"]
    if content.failure:
        typed = markdown.code(f"./dev {command}")
        again = f"Correct that, then re-run the failed jobs, or type {typed}: it continues where it stopped."
        parts += [markdown.block("text", content.failure.splitlines()), again]
    if content.outputs:
        rows = [(name, " ".join(map(markdown.code, values))) for name, values in content.outputs.items()]
        parts.append(markdown.table(("", ""), rows))
    if content.stages:
        lines = [
            (stage.mark, stage.name, markdown.plain(stage.result), f"{stage.seconds:.1f} s") for stage in content.stages
        ]
        parts.append(markdown.table(("", "stage", "result", "time"), [*lines, *_total(content.stages)]))
    if warnings := [f"{stage.name}: {warning}" for stage in content.stages for warning in stage.warnings]:
        parts += ["Warnings:", markdown.block("text", warnings)]
    for block in content.blocks:
        parts += [f"{block.title}:", markdown.block("diff", block.lines)]
    if content.stages:
        parts.append(markdown.block("mermaid", _gantt(content.stages)))
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
            markdown.plain(name),
            markdown.plain(str(end)),
            " ".join(markdown.code(str(value)) for value in outputs.values()),
        )
        for name, (end, outputs) in result.items()
    ]
    parts = ["### All jobs", markdown.table(("", "job", "result", "outputs"), rows)]
    if failed := [name for name, (result, _) in result.items() if result == "failure"]:
        parts.append(f"{markdown.plain(', '.join(failed))}: the summary of that job says what happened and what to do.")
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


def _stage_row(stage: Stage) -> tuple[str, ...]:
    return stage.mark, stage.name, markdown.plain(stage.result), f"{stage.seconds:.1f} s"


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
