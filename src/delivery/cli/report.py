"""The sentences, tables and JSON that a person or a script reads of a result."""

import io
import json
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from delivery import logtext
from delivery.aws.feed import Message
from delivery.aws.function import Version
from delivery.aws.logs import LogLine
from delivery.aws.scan import NONE
from delivery.commands import prune
from delivery.commands.adopt import Adoption, Outcome
from delivery.commands.diff import Change, Difference
from delivery.commands.doctor import Finding
from delivery.commands.promote import Promotion
from delivery.commands.prune import Pruning
from delivery.commands.rollback import Return
from delivery.commands.status import EnvironmentStatus, FunctionStatus
from delivery.health import Http, Stream, Uncalled
from delivery.image import components
from delivery.image.components import Component
from delivery.image.dockerfile import Base
from delivery.image.vulnerabilities import Scanned
from delivery.reference import short_digest
from delivery.release.acceptance import Acceptance
from delivery.release.history import HistoryEntry
from delivery.release.hold import Hold
from delivery.release.live import Release
from delivery.terraform.plan import Plan

if TYPE_CHECKING:
    from delivery.image.contents import Contents

_HISTORY = (
    "function",
    "version",
    "published (UTC)",
    "commit",
    "image",
    "accepted (UTC)",
    "made live (UTC)",
    "by",
    "state",
)
_STATUS = (
    *("environment", "image", "version", "commit", "digest", "live since (UTC)", "by", "image age"),
    *("base", "base age", "drift"),
)
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))  # seconds
_ECOSYSTEMS = {"deb": "Debian", "pypi": "Python", "generic": "other"}  # the types of purls, for people
_PACKAGES = 20  # changed packages that a diff shows
_GAPS = 3
_LINE = 105  # characters
_WIDE = 10_000  # characters: a table is never wrapped, so that `grep` finds whole rows


def plan_lines(plan: Plan) -> tuple[str, ...]:
    """One line for each change of a plan, the counts last."""
    return (*plan.changes, plan.counts)


def release_lines(releases: Iterable[Release]) -> tuple[str, ...]:
    """For each release, its version and the command that shows its answer; and whether it was not called.

    The last line is the Function URL of the first function that everyone may call, else of the first that has one.
    """
    known = tuple(releases)
    lines = [line for release in known for line in _release_lines(release)]
    return (*lines, *map(_link, _reachable_first(known)[:1]))


def _link(release: Release) -> str:
    """The URL for a browser. What follows `#` is not sent: it tells a page which commit the version was made of."""
    if not release.public:
        return f"{release.url} takes signed requests only"
    return f"open {release.url}" + (f"#v{release.version}-{short_commit(release.commit)}" if release.commit else "")


def _release_lines(release: Release) -> Iterator[str]:
    name = f"{release.image} version {release.version}"
    yield f"{name}: {_reachable(release)}"
    if isinstance(release.contract, Uncalled):
        yield f"! {name} was NOT called before it became live: {release.contract.reason}"


def _reachable(release: Release) -> str:
    if not release.url:
        return "live; no URL"
    if not release.public:
        streams = isinstance(release.contract, Stream)
        command = f"./dev invoke stream --env {release.environment}"
        return command if streams else f"{release.url}, for signed requests"
    match release.contract:
        case Stream():
            return f"curl -N {shlex.quote(_address(release))}"
        case Http():
            return f"curl {shlex.quote(_address(release))}"
        case _:
            return release.url


def deployment_url(releases: Iterable[Release]) -> str:
    """The address that GitHub shows beside an environment, which has one: of the first function that everyone may call.

    Without such a function, of the first that has a URL; empty without any.
    """
    return next(map(_address, _reachable_first(releases)), "")


def _reachable_first(releases: Iterable[Release]) -> list[Release]:
    """Those with a URL; first those that everyone may call."""
    return sorted((each for each in releases if each.url), key=lambda each: not each.public)


def _address(release: Release) -> str:
    path = release.contract.path if isinstance(release.contract, Stream | Http) else ""
    return release.url.rstrip("/") + path


def written_lines(name: str, paths: Iterable[str], first: str) -> tuple[str, ...]:
    """What was written for a new function, and what to do next. `first`: an environment to try it in, or empty."""
    here = f"./dev invoke deploy --env {first}" if first else "./dev invoke deploy --env ENVIRONMENT"
    return (
        *(f"wrote {path}" for path in paths),
        "next:",
        "  ./dev nox -s lint types unit",
        f"  git add --all && git commit --message 'The function {name}'",
        f"  {here}",
        "  ./dev invoke bootstrap --env ENVIRONMENT    # once in every other environment: its image repository",
    )


def adoption_lines(adoption: Adoption) -> tuple[str, ...]:
    """What exists in AWS and becomes Terraform's, what was written, and what to type next."""
    adopted = (*adoption.texts(Outcome.BLOCK), *adoption.texts(Outcome.BOOTSTRAP))
    left = tuple(f"? {text}" for text in adoption.texts(Outcome.LEFT))
    if not adopted:
        return (*left, f"{adoption.environment}: nothing to adopt; nothing was written.")
    written = (f"wrote {path}" if path in adoption.files else f"unchanged: {path}" for path in adoption.waiting)
    next_lines = (f"  {command}" for command in adoption.commands)
    return (*(f"= adopt {text}" for text in adopted), *left, *written, "next:", *next_lines)


def removed_lines(name: str, gone: Iterable[str], changed: Iterable[str]) -> tuple[str, ...]:
    """What was removed and changed with a function, and what to do next."""
    return (
        *(f"removed {path}" for path in gone),
        *(f"changed {path}" for path in changed),
        "next:",
        "  terraform fmt -recursive infrastructure",
        "  ./dev nox -s lint types unit",
        f"  git add --all && git commit --message 'Without the function {name}'",
        "  ./dev invoke diff --env ENVIRONMENT      # what a deploy would remove; a person deploys it",
    )


def returns_text(returns: Iterable[Return]) -> str:
    """For each function: the version and commit that a rollback returns to."""
    return "; ".join(map(_return_text, returns))


def _return_text(planned: Return) -> str:
    text = f"{planned.image} version {planned.version}, commit {short_commit(planned.commit)}"
    return f"{text}, is live" if planned.done else f"{text}, instead of version {', '.join(planned.replaces)}"


def promotion_lines(promotions: Iterable[Promotion]) -> tuple[str, ...]:
    """For each image: its digest, its commit, and what ECR knows of it if it was asked."""
    return tuple(map(_promotion_line, promotions))


def _promotion_line(promotion: Promotion) -> str:
    scan = f"; scan: {scan_text(promotion.scanned)}" if promotion.scanned else ""
    return f"{promotion.image.name} {promotion.image.short_digest}, commit {promotion.commit[:12]}{scan}"


def scan_lines(scanned: Iterable[Scanned]) -> tuple[str, ...]:
    """One line for each image: how many vulnerabilities ECR knows in it."""
    return tuple(f"scan of {each.image.name}: {scan_text(each)}" for each in scanned)


def scan_text(scanned: Scanned) -> str:
    """How many vulnerabilities ECR knows, from the worst; or why that is not known."""
    if scanned.scan is None:
        return f"not known. {scanned.failure}"
    if not scanned.known:
        status = scanned.scan.status
        return "not scanned" if status == NONE else status.lower().replace("_", " ")
    counts = ", ".join(f"{number} {severity.lower()}" for severity, number in scanned.counts.items())
    return counts or "no known vulnerability"


def acceptance_lines(versions: Iterable[Version]) -> tuple[str, ...]:
    """One line for each accepted version, with its digest and its commit."""
    return tuple(f"{each.image} version {each.version}: {each.digest}, commit {each.commit}" for each in versions)


def finding_lines(findings: Iterable[Finding]) -> tuple[str, ...]:
    """One line for each check, with its result, its failure, or why it was not checked."""
    return tuple(f"{_mark(each)} {each.name:<14} {each.failure or each.result}" for each in findings)


def _mark(finding: Finding) -> str:
    if finding.failure:
        return "✗"
    return "✓" if finding.checked else "-"


def log_lines(entry: LogLine) -> tuple[str, ...]:
    """The lines of one entry, each with its time (UTC), function and version."""
    head = f"{entry.at:%Y-%m-%d %H:%M:%S} {entry.image}:{entry.version or '?'}"
    return tuple(f"{head} {line}" for line in logtext.lines(entry.message))


def published_line(place: int, message: Message) -> str:
    """An event that was published: its id, its name, its data on one line."""
    return logtext.printable(f"{place} {message.event} {' '.join(message.data.split())}")


def published_text(number: int) -> str:
    """How many events were published."""
    return f"{number} event{'' if number == 1 else 's'} published"


def pruning_lines(prunings: Iterable[Pruning]) -> tuple[str, ...]:
    """One line for each version and each image that can be removed."""
    lines: list[str] = []
    for pruning in prunings:
        lines += [f"- version {version} of {pruning.function.name}" for version in pruning.versions]
        lines += [
            f"- {prune.kind(each)} {short_digest(each.digest)} ({', '.join(each.tags)})" for each in pruning.images
        ]
    return tuple(lines)


def retired_lines(images: Iterable[str]) -> tuple[str, ...]:
    """One line for each image whose repository no function uses any more."""
    return tuple(f"? the repository of {image} stays with its images: no function runs them" for image in images)


def difference_lines(difference: Difference) -> tuple[str, ...]:
    """The commits, layers and infrastructure that a deploy would change."""
    lines = tuple(line for change in difference.changes for line in _change_lines(change))
    if difference.empty:
        return (*lines, "nothing: a deploy would change nothing")
    return (*lines, *plan_lines(difference.plan))


def difference_json(difference: Difference) -> str:
    """Everything that a deploy would change, as JSON."""
    plan = difference.plan
    return _json(
        {
            "empty": difference.empty,
            "functions": [_change_object(change) for change in difference.changes],
            "infrastructure": {
                "empty": plan.empty,
                "creates": list(plan.creates),
                "updates": list(plan.updates),
                "deletes": list(plan.deletes),
            },
        }
    )


def _change_object(change: Change) -> dict[str, object]:
    live = change.live
    serving = {"version": live.version, "commit": live.commit, "digest": live.image.digest} if live else None
    return {
        "function": change.image.name,
        "empty": change.empty,
        "digest": change.image.digest,
        "live": serving,
        "url": live.url or None if live else None,
        "commits": None if change.commits is None else list(change.commits),
        "packages": None if change.packages is None else [asdict(each) for each in change.packages],
        "new_layers": len(change.new_layers),
        "bytes_to_fetch": sum(change.new_layers.values()),
    }


def _change_lines(change: Change) -> tuple[str, ...]:
    image, live = change.image, change.live
    if live is None:
        return (f"{image.name}: nothing is live; {image.short_digest}, {_megabytes(change.layers)} to fetch",)
    head = f"{image.name}: version {live.version} is live, commit {short_commit(live.commit)}"
    if change.empty:
        return (f"{head}; the same image would be deployed",)
    new = change.new_layers
    layers = f"{len(new)} of {len(change.layers)} layers new, {_megabytes(new)} to fetch"
    images = f"image {live.image.short_digest} -> {image.short_digest}: {layers}"
    return (head, *_commit_lines(change.commits), images, *_package_lines(change))


def _commit_lines(commits: tuple[str, ...] | None) -> tuple[str, ...]:
    if commits is None:
        return ("commits: this clone does not know the live commit; `git fetch`",)
    return tuple(f"commit {line}" for line in commits) or ("commits: none that is not live already",)


def _package_lines(change: Change) -> tuple[str, ...]:
    """One line for each package that differs, as far as a person reads on."""
    if change.packages is None:
        return (f"packages: not known; {change.unknown}",)
    lines = [_package_line(each) for each in change.packages[:_PACKAGES]] or ["packages: the same"]
    more = len(change.packages) - _PACKAGES
    return (*lines, f"packages: {more} more; `--json` has all") if more > 0 else tuple(lines)


def _package_line(change: components.Change) -> str:
    before, after = ", ".join(change.before), ", ".join(change.after)
    if change.kind == components.BASE:
        return f"base {_short_base(before)} -> {_short_base(after)}"
    if before and after:
        return f"package {change.name} {before} -> {after}"
    return f"package {change.name} {after} is new" if after else f"package {change.name} {before} is removed"


def _short_base(reference: str) -> str:
    name, _, digest = reference.partition("@")
    return f"{name} {short_digest(digest)}"


def sbom_lines(contents: Iterable["Contents"]) -> tuple[str, ...]:
    """The packages of each image in at most ten lines, the ones that a team chose first."""
    return tuple(line for each in contents for line in _sbom_lines(each))


def _sbom_lines(contents: "Contents") -> Iterator[str]:
    listed = components.of(contents.bom)
    kinds: dict[str, list[Component]] = {}
    for each in listed:
        kinds.setdefault(each.kind, []).append(each)
    bases = kinds.pop(components.BASE, [])
    counts = ", ".join(f"{len(each)} {_ECOSYSTEMS.get(kind, kind)}" for kind, each in kinds.items()) or "no packages"
    yield f"{contents.image.name} {contents.image.short_digest}: {counts}"
    yield from (f"  base      {each.name} {short_digest(each.version) or 'of an unknown digest'}" for each in bases)
    for kind in sorted(kinds, reverse=True):  # Python before Debian
        names = ", ".join(f"{each.name} {each.version}" for each in kinds[kind])
        yield f"  {_ECOSYSTEMS.get(kind, kind):<9} {textwrap.shorten(names, _LINE, placeholder=' ...')}"
    gaps = components.gaps(contents.bom)
    yield from (f"  not read  {gap}" for gap in gaps[:_GAPS])
    if len(gaps) > _GAPS:
        yield f"  not read  {len(gaps) - _GAPS} more; `--json` has all"
    yield f"  source    {_sbom_source(contents)}"


def _sbom_source(contents: "Contents") -> str:
    if contents.unsigned:
        return f"made from the image's layers in the registry: {contents.unsigned}"
    return "the signed SBOM beside the image"


def sbom_json(contents: Iterable["Contents"]) -> str:
    """The CycloneDX document of each image, by its name."""
    return _json({each.image.name: each.bom for each in contents})


def hold_line(environment: str, hold: Hold) -> str:
    """One line about a hold: who, since when, until when, and why."""
    end = f"until {_time(hold.until)}" if hold.until else "without an end"
    return f"{environment} is held by {hold.who} since {_time(hold.since)}, {end} (UTC): {hold.reason}"


def history_table(histories: Mapping[str, Sequence[HistoryEntry]]) -> tuple[str, ...]:
    """The releases of all functions, by image, as aligned lines, a heading first."""
    return _table(_HISTORY, (_history_row(image, entry) for image, each in histories.items() for entry in each))


def _history_row(image: str, entry: HistoryEntry) -> tuple[str, ...]:
    record = entry.made_live
    cells = (image, entry.version, _time(entry.published_at), short_commit(entry.commit), short_digest(entry.digest))
    more = (_acceptance(entry.acceptance), _time(record.at), record.who, state(entry))
    return tuple(cell or "-" for cell in (*cells, *more))


def _acceptance(record: Acceptance | None) -> str:
    if record is None:
        return ""
    return f"{'' if record.accepted else 'no: '}{_time(record.at)}"


def state(entry: HistoryEntry) -> str:
    """What a version is: live, canary, rolled back, verified or not verified."""
    if entry.live:
        text = "live" if entry.weight == 1 else f"live ({_percent(entry.weight)})"
        return f"{text}, rolled back from {entry.returned_from}" if entry.returned_from else text
    if entry.weight:
        return f"canary ({_percent(entry.weight)})"
    if entry.given_up:
        return "given up"
    if entry.undone:
        return f"rolled back to {entry.undone}"
    return "verified" if entry.verified else "not verified"


def history_json(histories: Mapping[str, Sequence[HistoryEntry]], urls: Mapping[str, str]) -> str:
    """The releases of all functions, by image. `urls`: image to Function URL, which calls the live version."""
    return _json(
        {image: [_history_object(entry, urls[image]) for entry in entries] for image, entries in histories.items()}
    )


def _history_object(entry: HistoryEntry, url: str) -> dict[str, object]:
    return {
        "version": entry.version,
        "commit": entry.commit,
        "digest": entry.digest,
        "published": entry.published_at,
        "verified": entry.verified,
        "live": entry.live,
        "weight": entry.weight,
        "url": (url or None) if entry.live else None,
        "acceptance": asdict(entry.acceptance) if entry.acceptance else None,
        "live_since": entry.made_live.at,
        "by": entry.made_live.who,
        "canary_given_up": entry.given_up,
        "rolled_back_from": entry.returned_from,
        "rolled_back_to": entry.undone,
    }


def status_table(environments: Sequence[EnvironmentStatus]) -> tuple[str, ...]:
    """Aligned lines, a heading first; then the drift of each environment, and the versions that were not called.

    Last, whether the bytes are the same.
    """
    rows = _table(_STATUS, (row for environment in environments for row in _status_rows(environment)))
    unread = tuple(
        f"{each.name}: {each.failure or 'nothing is live yet'}" for each in environments if not each.functions
    )
    drift = tuple(f"{each.name}: {line}" for each in environments if each.drift for line in plan_lines(each.drift))
    holds = tuple(hold_line(each.name, each.hold) for each in environments if each.hold)
    uncalled = tuple(line for each in environments for line in _uncalled_lines(each))
    scans = tuple(line for each in environments for line in _scan_lines(each))
    return (*rows, *unread, *holds, *drift, *uncalled, *scans, *same_bytes_lines(environments))


def _scan_lines(environment: EnvironmentStatus) -> Iterator[str]:
    for line in scan_lines(each.scanned for each in environment.functions if each.scanned):
        yield f"{environment.name}: {line}"


def _uncalled_lines(environment: EnvironmentStatus) -> Iterator[str]:
    for each in environment.functions:
        if isinstance(each.contract, Uncalled):
            live = f"{each.image} version {each.entry.version}"
            yield f"{environment.name}: ! {live} was NOT called before it became live: {each.contract.reason}"


def _status_rows(environment: EnvironmentStatus) -> list[tuple[str, ...]]:
    drift = environment.drift.counts if environment.drift else "none"
    return [(environment.name, *_status_cells(function), drift) for function in environment.functions]


def _status_cells(function: FunctionStatus) -> tuple[str, ...]:
    entry = function.entry
    age = "gone" if function.age is None else _age(function.age)
    since = _time(entry.made_live.at) or "-"
    commit, digest = short_commit(entry.commit), short_digest(entry.digest)
    based = (_base_name(function.base), "-" if function.base_age is None else _age(function.base_age))
    return function.image, entry.version, commit, digest, since, entry.made_live.who or "-", age, *based


def _base_name(base: Base | None) -> str:
    """The base of the Dockerfile by its digest; `unpinned` without one, `replaced` if a named context stands in."""
    if base is None:
        return "-"
    return "replaced" if base.replaced else short_digest(base.digest) or "unpinned"


def same_bytes_lines(environments: Sequence[EnvironmentStatus]) -> tuple[str, ...]:
    """For each image that several environments serve: whether the digest is the same everywhere."""
    lines = []
    for image, digests in _digests(environments).items():
        if len(set(digests.values())) == 1:
            lines.append(f"{image}: the same bytes in {', '.join(digests)}")
        else:
            each = ", ".join(f"{name} {short_digest(digest)}" for name, digest in digests.items())
            lines.append(f"{image}: not the same bytes: {each}")
    return tuple(lines)


def status_json(environments: Sequence[EnvironmentStatus]) -> str:
    """All environments, and whether they serve the same bytes."""
    same = {image: len(set(digests.values())) == 1 for image, digests in _digests(environments).items()}
    return _json({"environments": [_status_object(each) for each in environments], "same_bytes": same})


def _status_object(environment: EnvironmentStatus) -> dict[str, object]:
    functions = [
        {
            "image": each.image,
            "image_age_seconds": each.age,
            "base": _base_object(each.base) if each.base else None,
            "base_age_seconds": each.base_age,
            "scan": _scan_object(each.scanned) if each.scanned else None,
            "health": each.contract.model_dump(by_alias=True, exclude_none=True) if each.contract else None,
            **_history_object(each.entry, each.url),
        }
        for each in environment.functions
    ]
    drift = plan_lines(environment.drift) if environment.drift else ()
    hold = asdict(environment.hold) if environment.hold else None
    return {
        "environment": environment.name,
        "functions": functions,
        "drift": drift,
        "hold": hold,
        "error": environment.failure,
    }


def _base_object(base: Base) -> dict[str, object]:
    return {"name": base.name, "digest": base.digest or None, "replaced": base.replaced}


def _scan_object(scanned: Scanned) -> dict[str, object]:
    status = scanned.scan.status if scanned.scan else None
    return {"status": status, "vulnerabilities": scanned.counts if scanned.known else None}


def _digests(environments: Sequence[EnvironmentStatus]) -> dict[str, dict[str, str]]:
    """The live digest by environment, for each image that more than one environment serves."""
    digests: dict[str, dict[str, str]] = {}
    for environment in environments:
        for function in environment.functions:
            digests.setdefault(function.image, {})[environment.name] = function.entry.digest
    return {image: by_environment for image, by_environment in digests.items() if len(by_environment) > 1}


def short_commit(commit: str) -> str:
    """Twelve digits of a commit, and `-dirty` for a work tree with changes."""
    return commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")


def _time(iso: str) -> str:
    return iso[:19].replace("T", " ")


def _age(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%"


def _megabytes(layers: Mapping[str, int]) -> str:
    return f"{sum(layers.values()) / 1e6:.1f} MB"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
    table = Table(*heads, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for row in rows:
        table.add_row(*row)
    screen = Console(file=io.StringIO(), width=_WIDE, color_system=None, markup=False)
    screen.print(table)
    return tuple(line.rstrip() for line in screen.file.getvalue().splitlines())  # type: ignore[attr-defined]


def _json(document: Any) -> str:
    # `##[` in any place of a line is the older form of a command of GitHub's runner; `::` counts only at its beginning.
    return json.dumps(document, indent=2).replace("##[", "\\u0023#[")
