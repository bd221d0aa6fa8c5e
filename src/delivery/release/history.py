"""What was released, from what AWS itself records: versions, their descriptions, and tags in ECR."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delivery.aws import ecr, function
from delivery.aws.function import Alias, Function
from delivery.aws.session import Aws, explained
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

    def state(self) -> str:
        """One word, or a few."""
        if self.live:
            words = "live" if self.weight == 1 else f"live ({self.weight * 100:.4g}%)"
            return f"{words}, rolled back from {self.made_live.after}" if self._returned_to else words
        if self.weight:
            return f"canary ({self.weight * 100:.4g}%)"
        if self.given_up:
            return "canary given up"
        if self.undone:
            return f"rolled back to {self.undone}"
        return "verified" if self.verified else "not verified"

    def document(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "version": self.version,
            "commit": self.commit,
            "digest": self.digest,
            "published": self.published_at,
            "verified": self.verified,
            "live": self.live,
            "weight": self.weight,
            "live_since": self.made_live.at,
            "by": self.made_live.who,
            "canary_given_up": self.given_up,
            "rolled_back_from": self.made_live.after if self._returned_to else "",
            "rolled_back_to": self.undone,
        }

    @property
    def _returned_to(self) -> bool:
        return self.made_live.kind == records.ROLLBACK


def read(aws: Aws, target: Function) -> tuple[HistoryEntry, ...]:
    """Every version of a function, newest first. Raises CloudError."""
    tags = ecr.tags(aws, _repository(target))
    alias = function.read_alias(aws, target)
    found: list[Mapping[str, Any]] = []
    with explained(f"list the versions of {target.name}"):
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
            f"{image.uri} is gone from the registry.", why, "invoke deploy --env ..., which builds it again"
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
            "invoke deploy --env ..., which verifies before it makes a version live",
        )
    return image


def table(entries: tuple[HistoryEntry, ...]) -> tuple[str, ...]:
    """The history as aligned lines, a heading first."""
    heads = ("version", "published (UTC)", "commit", "image", "made live (UTC)", "by", "state")
    rows = [heads]
    for entry in entries:
        commit = entry.commit[:12] + ("-dirty" if entry.commit.endswith("-dirty") else "")
        event = entry.made_live
        when = [text[:19].replace("T", " ") for text in (entry.published_at, event.at)]
        rows.append((entry.version, when[0], commit, entry.digest[:19], when[1], event.who, entry.state()))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return tuple(
        "  ".join((cell or "-").ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def document(found: Mapping[str, tuple[HistoryEntry, ...]]) -> str:
    """The histories of all functions as JSON, by image."""
    return json.dumps({image: [entry.document() for entry in entries] for image, entries in found.items()}, indent=2)


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
