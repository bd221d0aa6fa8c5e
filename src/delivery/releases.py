"""What was released, from what AWS itself records: versions, their descriptions, and release tags in ECR."""

from collections.abc import Mapping
from dataclasses import dataclass

from delivery import function, registry
from delivery.aws import Aws, explained
from delivery.errors import BuildError, RefusedError
from delivery.function import Function
from delivery.image import PublishedImage


@dataclass(frozen=True)
class Entry:
    """One published version. `digest` is empty unless the version was verified and released."""

    version: str
    commit: str
    digest: str
    published_at: str
    live: bool


def history(aws: Aws, target: Function) -> tuple[Entry, ...]:
    """Every version of a function, newest first. Raises CloudError."""
    released = registry.release_tags(aws, target.image_uri.partition("@")[0].partition("/")[2])
    live = function.alias(aws, target).version
    entries = []
    with explained(f"list the versions of {target.name}"):
        pages = aws.functions.get_paginator("list_versions_by_function").paginate(FunctionName=target.name)
        for page in pages:
            entries += [_entry(dict(version), released, live) for version in page["Versions"]]
    return tuple(sorted((e for e in entries if e.version.isdigit()), key=lambda e: -int(e.version)))


def verified(aws: Aws, target: Function) -> tuple[Entry, PublishedImage]:
    """What is live, and the image it runs. Raises RefusedError when that version was never verified.

    The digest is the version's own; the release tag only says that it was verified. Raises BuildError when the
    registry no longer has the image.
    """
    entry = next(found for found in history(aws, target) if found.live)
    repository, _, digest = function.image_uri(aws, target, entry.version).partition("@")
    image = PublishedImage(target.image, repository, digest)
    if not registry.exists(aws, image):
        why = f"Version {entry.version} of {target.name} runs it."
        raise BuildError(
            f"{image.uri} is gone from the registry.", why, "invoke deploy --env ..., which builds it again"
        )
    if entry.digest != image.digest:
        tags = (
            f"release-{entry.version} names {entry.digest}"
            if entry.digest
            else f"there is no tag release-{entry.version}"
        )
        raise RefusedError(
            f"Version {entry.version} of {target.name} is live, and was never verified.",
            f"In {image.repository_name}, {tags}.",
            "invoke deploy --env ..., which verifies before it makes a version live",
        )
    return entry, image


def table(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """The history as aligned lines, a heading first."""
    lines = [f"{'version':<9}{'published (UTC)':<21}{'commit':<20}{'image':<21}state"]
    for entry in entries:
        state = "live" if entry.live else "verified" if entry.digest else "not verified"
        commit = entry.commit[:12] + ("-dirty" if entry.commit.endswith("-dirty") else "")
        when = entry.published_at[:19].replace("T", " ")
        lines.append(f"{entry.version:<9}{when:<21}{commit:<20}{entry.digest[:19] or '-':<21}{state}")
    return tuple(lines)


def _entry(version: Mapping[str, object], released: Mapping[str, str], live: str) -> Entry:
    number = str(version["Version"])
    return Entry(
        version=number,
        commit=str(version.get("Description", "")).removeprefix("commit "),
        digest=released.get(number, ""),
        published_at=str(version.get("LastModified", "")),
        live=number == live,
    )
