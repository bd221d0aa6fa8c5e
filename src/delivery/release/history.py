"""The history of a function, from what AWS itself records: versions, their descriptions, and tags in ECR."""

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from delivery.aws import ecr, function
from delivery.aws.function import Alias, Function, Version
from delivery.aws.session import Aws
from delivery.context import RunContext
from delivery.errors import BuildError, RefusedError
from delivery.process import parallel
from delivery.reference import Image
from delivery.release import acceptance, records
from delivery.release.acceptance import Acceptance
from delivery.release.records import Record

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef

_UNRECORDED = Record("", "", "")


@dataclass(frozen=True)
class HistoryEntry:
    """One published version.

    `digest`: that of its image; empty until `read_all` has read it. `published_at`: ISO 8601. `released`: the digest
    that its release tag names, empty without a tag. `weight`: its share of the requests, 0 to 1. `made_live`: how it
    last became live. `undone`: the version that replaced it in a rollback. `not_rolled_back`: whether it served, and no
    rollback replaced it since. `given_up`: whether its canary failed, or its URL did not serve it, since then.
    `acceptance`: the last result of the acceptance tests for the released digest, None without one.
    """

    version: str
    commit: str
    published_at: str
    digest: str = ""
    released: str = ""
    weight: float = 0.0
    live: bool = False
    made_live: Record = _UNRECORDED
    undone: str = ""
    not_rolled_back: bool = False
    given_up: bool = False
    acceptance: Acceptance | None = None

    @property
    def verified(self) -> bool:
        """Whether it was verified by its contract, and its image still exists: the release tag names the image."""
        return bool(self.digest) and self.released == self.digest

    @property
    def returned_from(self) -> str:
        """The version that a rollback to this one replaced; empty if it became live in another way."""
        return self.made_live.after if self.made_live.kind == records.ROLLBACK else ""


@dataclass(frozen=True)
class History:
    """Every version of a function, newest first, without the digests. `alias`: None as long as nothing is live."""

    alias: Alias | None
    entries: tuple[HistoryEntry, ...]


def read(run: RunContext, deployed: Function) -> History:
    """The history of a function; its three parts are read at the same time. Raises CloudError."""
    parts: tuple[Callable[[Aws, Function], Any], ...] = (function.find_alias, _tags, function.list_versions)
    alias, tags, versions = parallel.map(run.shell, lambda part: part(run.aws, deployed), parts)
    facts = _Facts.of(tags, alias)
    newest_first = sorted(versions, key=lambda version: -int(version["Version"]))
    return History(alias, tuple(map(facts.entry, newest_first)))


def read_all(run: RunContext, functions: tuple[Function, ...]) -> dict[str, tuple[HistoryEntry, ...]]:
    """Image name to every version, newest first, each with the digest that Lambda has of it. Raises CloudError."""
    histories = parallel.map(run.shell, functools.partial(read, run), functions)
    pairs = [(deployed, entry) for deployed, each in zip(functions, histories, strict=True) for entry in each.entries]
    entries = parallel.map(run.shell, lambda pair: _with_digest(run.aws, *pair), pairs)
    images = [deployed.image for deployed, _ in pairs]
    return {
        each.image: tuple(entry for image, entry in zip(images, entries, strict=True) if image == each.image)
        for each in functions
    }


def find_verified(aws: Aws, deployed: Function, entry: HistoryEntry) -> Version | None:
    """The version of an entry; None if it was never verified, or its image is gone. Raises CloudError."""
    if entry.released:
        with contextlib.suppress(RefusedError):
            version = function.read_version(aws, deployed, entry.version)
            return version if version.digest == entry.released else None
    return None


def _with_digest(aws: Aws, deployed: Function, entry: HistoryEntry) -> HistoryEntry:
    """The entry with the digest that Lambda has of the version, empty if it has none."""
    with contextlib.suppress(RefusedError):
        return replace(entry, digest=function.read_version(aws, deployed, entry.version).digest)
    return entry


def recorded_live_version(aws: Aws, deployed: Function) -> str:
    """The version that the newest release record made live; empty without a record. Raises CloudError."""
    return records.latest(_tags(aws, deployed))


def verified_live(run: RunContext, deployed: Function) -> Version:
    """The live version. Raises RefusedError when it was never verified.

    Raises UnhealthyError when nothing is live yet, BuildError when the registry no longer has the image.
    """
    history = read(run, deployed)
    live = function.require_alias(run.aws, deployed, history.alias).version
    return require_verified(run.aws, deployed, next(entry for entry in history.entries if entry.version == live))


def require_verified(aws: Aws, deployed: Function, entry: HistoryEntry) -> Version:
    """The version of an entry, if it was verified: the release tag names the image that Lambda has of the version.

    Raises RefusedError when it was not verified, BuildError when the registry no longer has the image, or CloudError.
    """
    version = function.read_version(aws, deployed, entry.version)
    image = version.pushed_image
    if entry.released == image.digest:  # a tag goes with its image, so the image exists
        return version
    if not ecr.exists(aws, image):
        why = f"Version {entry.version} of {deployed.name} runs it."
        raise BuildError(
            f"{image.uri} is gone from the registry.",
            why,
            f"{aws.environment.command('deploy')}, which builds it again",
        )
    tags = f"release-{entry.version} names {entry.released}" if entry.released else ""
    is_live = "is live, and was" if entry.live else "was"
    raise RefusedError(
        f"Version {entry.version} of {deployed.name} {is_live} never verified.",
        f"In {image.repository_name}, {tags or f'there is no tag release-{entry.version}'}.",
        f"{aws.environment.command('deploy')}, which verifies before it makes a version live",
    )


def _tags(aws: Aws, deployed: Function) -> Mapping[str, str]:
    return ecr.tags(aws, Image(deployed.image, aws.environment.repository(deployed.image)).repository_name)


@dataclass(frozen=True)
class _Facts:
    """The facts of the tags and the alias, read once for all versions."""

    released: Mapping[str, str]
    shares: Mapping[str, float]
    live: str
    timeline: tuple[Record, ...]
    given_up: Mapping[str, str]
    acceptances: Mapping[str, Acceptance]

    @classmethod
    def of(cls, tags: Mapping[str, str], alias: Alias | None) -> "_Facts":
        accepted = acceptance.by_digest(tags)
        if alias is None:  # no version was verified yet
            return cls(ecr.release_tags(tags), {}, "", (), {}, accepted)
        shares = {alias.version: 1 - sum(alias.weights.values()), **alias.weights}
        timeline = records.timeline(tags, alias.version)
        return cls(ecr.release_tags(tags), shares, alias.version, timeline, records.returned(tags), accepted)

    def entry(self, version: "FunctionConfigurationTypeDef") -> HistoryEntry:
        """The entry of one version that Lambda lists; its description has the commit."""
        number = version["Version"]
        released = self.released.get(number, "")
        made_live = next((record for record in reversed(self.timeline) if record.version == number), _UNRECORDED)
        return HistoryEntry(
            version=number,
            commit=function.commit_of(version.get("Description", "")),
            published_at=version.get("LastModified", ""),
            released=released,
            weight=round(self.shares.get(number, 0.0), 6),
            live=number == self.live,
            made_live=made_live,
            undone=records.undone(self.timeline).get(number, ""),
            not_rolled_back=number in records.not_rolled_back(self.timeline),
            given_up=self.given_up.get(number, "") > made_live.at,
            acceptance=self.acceptances.get(released),
        )
