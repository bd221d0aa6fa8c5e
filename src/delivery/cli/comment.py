"""The comment on a pull request, as Markdown: what a merge would change in each environment.

No value of anything: names of functions, addresses and attributes of resources, digests and sizes. An error is its
first line; the log of the job has the rest, which may quote a build or a value.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from urllib.request import getproxies_environment

from delivery import pull_request
from delivery.cli import github, markdown, report
from delivery.commands.comment import Preview
from delivery.commands.diff import Change, Difference
from delivery.pull_request import LONGEST, MARKER, PullRequest
from delivery.terraform.plan import Plan

_HEADS = ("function", "live", "image", "Lambda fetches")
_NOTES = 500  # bytes of an environment for its title and the notes of what was cut


def of_job() -> PullRequest:
    """The pull request of this job. Raises ConfigurationError, or RefusedError for a fork."""
    return pull_request.of_job(os.environ, getproxies_environment(), github.run_page(os.environ))


def text(previews: Sequence[Preview], pull: PullRequest | None = None) -> str:
    """The comment, at most LONGEST characters. `pull`: the pull request that it is for."""
    top = f"{MARKER}\n### What a merge would change\n"
    end = "The infrastructure is compared with the state of the last deploy, so drift is not shown."
    if pull:
        end = f"Commit {markdown.code(pull.head[:12])}, merged; [log]({pull.log}). {end}"
    room = (LONGEST - len(top.encode()) - len(end.encode())) // max(1, len(previews)) - _NOTES
    return "\n".join((top, *(_section(each, room) for each in previews), end, ""))


def error_lines(previews: Sequence[Preview]) -> tuple[str, ...]:
    """The whole errors, for the log of the job."""
    return tuple(f"{each.environment}: {line}" for each in previews for line in str(each.error or "").splitlines())


def _section(preview: Preview, room: int) -> str:
    """One environment in `room` bytes, and a title."""
    name, difference = preview.environment, preview.difference
    if difference is None:
        return "\n\n".join((f"#### {name}: not known", *_failure(preview))) + "\n"
    head, rule, *rows = markdown.table(_HEADS, [_row(each) for each in difference.changes]).splitlines()
    rows, hidden = _fitting(rows, room)
    parts = [f"#### {name}: {_headline(difference)}", "\n".join((head, rule, *rows))]
    if hidden:
        parts.append(_cut(f"{hidden} functions", name))
    plan = _infrastructure(difference)
    changes = sorted(map(_printable, plan.changes), key=lambda line: not line.startswith("-"))
    lines, hidden = _fitting(changes, room - sum(len(row.encode()) + 1 for row in rows))
    if lines:
        parts.append(markdown.block("diff", lines, most=len(lines)))
    if hidden:
        parts.append(_cut(f"{hidden} changes of the infrastructure", name))
    return "\n\n".join(parts) + "\n"


def _headline(difference: Difference) -> str:
    if difference.empty:
        return "nothing would change"
    new = sum(not change.empty for change in difference.changes)
    images = f"{new} new {'image' if new == 1 else 'images'}" if new else "no new image"
    plan = _infrastructure(difference)
    return f"{images}; {f'infrastructure: {plan.counts}' if plan.changes else 'no other change'}"


def _infrastructure(difference: Difference) -> Plan:
    """The plan without the functions that get nothing but their new image, which the table shows."""
    plan = difference.plan
    if all(change.empty for change in difference.changes):
        return plan
    return replace(plan, updates=tuple(line for line in plan.updates if not line.endswith(" (image_uri)")))


def _row(change: Change) -> tuple[str, ...]:
    name, digest = markdown.code(change.image.name), markdown.code(change.image.short_digest)
    size = _size(sum(change.new_layers.values()))
    if change.live is None:
        return name, "nothing", digest, f"all {len(change.layers)} layers, {size}"
    live = (
        f"version {markdown.code(change.live.version)}, commit {markdown.code(report.short_commit(change.live.commit))}"
    )
    if change.commits:
        live += f", {len(change.commits)} {'commit' if len(change.commits) == 1 else 'commits'} behind"
    if change.empty:
        return name, live, "the same", "nothing"
    before = markdown.code(change.live.image.short_digest)
    return name, live, f"{before} → {digest}", f"{len(change.new_layers)} of {len(change.layers)} layers, {size}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _failure(preview: Preview) -> tuple[str, ...]:
    what = next(iter(str(preview.error).splitlines()), "")
    hint = getattr(preview.error, "hint", "")
    lines = [_printable(line) for line in (what, hint and f"try: {hint}") if line]
    return markdown.block("text", lines), "The log of this job has the whole message."


def _cut(what: str, environment: str) -> str:
    command = markdown.code(f"./dev invoke diff --env {environment}")
    return f"{what} more do not fit into a comment: {command} shows all."


def _fitting(lines: Sequence[str], room: int) -> tuple[list[str], int]:
    """The first lines that fit into `room` bytes, and the number of the others."""
    shown: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        shown.append(line)
    return shown, len(lines) - len(shown)


def _printable(line: str) -> str:
    """One line without control characters, which may turn the direction of text or end the line."""
    kept = "".join(character if character.isprintable() else " " for character in line)
    return " ".join(kept.split())[: markdown.WIDEST]
