"""What was released, from what AWS itself records: versions, their descriptions, and tags in ECR."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delivery.aws import ecr, function
from delivery.aws.function import Alias, Function
from delivery.aws.session import Aws
from delivery.errors import BuildError, RefusedError
from delivery.reference import PushedImage
from delivery.release import records
from delivery.release.records import Record

_UNRECORDED = Record("", "", "")


@dataclass(frozen=True)
class HistoryEntry:
    """One published version. `released`: the digest that its release tag names, empty if there is none.

    `weight`: its share of the alias's requests, 0 to 1. `made_live`: how it last became live. `undone`: the version
    that it was rolled back to. `standing`: whether it served, and was not rolled back from. `given_up`: whether a
    canary of it was, since it last became live.
    """

    version: str
    commit: str
    digest: str
    published_at: str
    released: str = ""
    weight: float = 0.0
    live: bool = False
    made_live: Record = _UNRECORDED
    undone: str = ""
    standing: bool = False
    given_up: bool = False

    @property
    def verified(self) -> bool:
        """Whether its stream was verified, and its image still exists: a release tag names it."""
        return bool(self.digest) and self.released == self.digest

    @property
    def returned_from(self) -> str:
        """The version that a rollback to this one replaced; empty if it became live in another way."""
        return self.made_live.after if self.made_live.kind == records.ROLLBACK else ""


def read(aws: Aws, target: Function) -> tuple[HistoryEntry, ...]:
    """Every version of a function, newest first. Raises CloudError."""
    tags = ecr.tags(aws, _repository(target))
    alias = function.read_alias(aws, target)
    found: list[Mapping[str, Any]] = []
    with aws.explained(f"list the versions of {target.name}"):
        pages = aws.functions.get_paginator("list_versions_by_function").paginate(FunctionName=target.name)
        for page in pages:
            found += [dict(version) for version in page["Versions"] if version["Version"].isdigit()]
    record = _Record.of(tags, alias)
    return tuple(record.entry(version) for version in sorted(found, key=lambda one: -int(one["Version"])))


def recorded_live_version(aws: Aws, target: Function) -> str:
    """The version that the newest event made live; empty before the first. Raises CloudError."""
    return records.latest(ecr.tags(aws, _repository(target)))


def verified_live(aws: Aws, target: Function) -> tuple[HistoryEntry, PushedImage]:
    """What is live, and the image it runs. Raises RefusedError when that version was never verified.

    Raises BuildError when the registry no longer has the image.
    """
    entry = next(found for found in read(aws, target) if found.live)
    return entry, require_verified(aws, target, entry)


def require_verified(aws: Aws, target: Function, entry: HistoryEntry) -> PushedImage:
    """The image that a version runs: the version's own digest; the release tag only says that it was verified.

    Raises RefusedError when it was not, BuildError when the registry no longer has the image, or CloudError.
    """
    repository, _, digest = function.read_image_uri(aws, target, entry.version).partition("@")
    image = PushedImage(target.image, repository, digest)
    if not ecr.exists(aws, image):
        why = f"Version {entry.version} of {target.name} runs it."
        raise BuildError(
            f"{image.uri} is gone from the registry.",
            why,
            f"{aws.environment.command('deploy')}, which builds it again",
        )
    if entry.released != image.digest:
        tags = (
            f"release-{entry.version} names {entry.released}"
            if entry.released
            else f"there is no tag release-{entry.version}"
        )
        is_live = "is live, and was" if entry.live else "was"
        raise RefusedError(
            f"Version {entry.version} of {target.name} {is_live} never verified.",
            f"In {image.repository_name}, {tags}.",
            f"{aws.environment.command('deploy')}, which verifies before it makes a version live",
        )
    return image


@dataclass(frozen=True)
class _Record:
    """What the tags and the alias say, read once for all versions."""

    released: Mapping[str, str]
    shares: Mapping[str, float]
    live: str
    timeline: tuple[Record, ...]
    given_up: Mapping[str, str]

    @classmethod
    def of(cls, tags: Mapping[str, str], alias: Alias) -> "_Record":
        shares = {alias.version: 1 - sum(alias.weights.values()), **alias.weights}
        timeline = records.timeline(tags, alias.version)
        return cls(ecr.release_tags(tags), shares, alias.version, timeline, records.returned(tags))

    def entry(self, version: Mapping[str, Any]) -> HistoryEntry:
        """One version as Lambda lists it. Terraform writes commit and digest into its configuration."""
        number = version["Version"]
        released = self.released.get(number, "")
        variables = version.get("Environment", {}).get("Variables", {})
        made_live = next((one for one in reversed(self.timeline) if one.version == number), _UNRECORDED)
        return HistoryEntry(
            version=number,
            commit=version.get("Description", "").removeprefix("commit "),
            digest=variables.get("IMAGE_DIGEST", released),
            published_at=version.get("LastModified", ""),
            released=released,
            weight=round(self.shares.get(number, 0.0), 6),
            live=number == self.live,
            made_live=made_live,
            undone=records.undone(self.timeline).get(number, ""),
            standing=number in records.standing(self.timeline),
            given_up=self.given_up.get(number, "") > made_live.at,
        )


def _repository(target: Function) -> str:
    return target.image_uri.partition("@")[0].partition("/")[2]
