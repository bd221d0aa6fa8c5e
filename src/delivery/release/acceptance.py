"""Acceptance records: whether the acceptance tests passed for an image. Each is a tag of the image, in ECR.

    accepted-20261127T093000.123456Z-by-alice       all tests passed against this digest
    rejected-20261127T094500.654321Z-by-bob         tests failed, after it had been accepted

The newest record counts. One is written only if it changes the answer: an image without a record is not accepted, and
has at most 1,000 tags (ECR user guide, "Amazon ECR service quotas").
A tag belongs to exactly one digest of one environment, since each has a repository of its own, and goes with its image.
`promote` reads the tags of the source in any case. The role that deploys may set them, and no role removes one.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delivery.aws import ecr
from delivery.aws.function import Version
from delivery.context import RunContext
from delivery.errors import RefusedError
from delivery.process import parallel
from delivery.release import records
from delivery.settings import FILE, Environment

_ACCEPTED, _REJECTED = "accepted", "rejected"
_TAG = re.compile(rf"({_ACCEPTED}|{_REJECTED})-{records.STAMP}-by-{records.OWNER}")


@dataclass(frozen=True)
class Acceptance:
    """Whether the acceptance tests passed for an image, when (ISO 8601, UTC), and who ran them."""

    accepted: bool
    at: str
    who: str


def parse(tag: str) -> Acceptance | None:
    """The record of a tag; None for any other tag."""
    match = _TAG.fullmatch(tag)
    if not match:
        return None
    kind, *stamped, who = match.groups()
    return Acceptance(kind == _ACCEPTED, records.moment(*stamped), who)


def latest(tags: Iterable[str]) -> Acceptance | None:
    """The newest record among the tags of one image; None without one."""
    return max(filter(None, map(parse, tags)), key=lambda record: record.at, default=None)


def by_digest(tags: Mapping[str, str]) -> dict[str, Acceptance]:
    """Digest to its newest record. `tags`: tag to digest, of a repository."""
    of_image: dict[str, list[str]] = {}
    for tag, digest in tags.items():
        of_image.setdefault(digest, []).append(tag)
    newest = {digest: latest(names) for digest, names in of_image.items()}
    return {digest: record for digest, record in newest.items() if record}


def record(run: RunContext, versions: Iterable[Version], *, accepted: bool) -> None:
    """Record the result of the tests for the images of these versions, if it changes the answer. Raises CloudError."""
    parallel.map(run.shell, functools.partial(_record, run, accepted), tuple(versions))


def require(source: Environment, destination: Environment, version: Version, tags: Iterable[str]) -> None:
    """Raises RefusedError unless the newest of `tags`, those of the version's image, says that it was accepted."""
    newest = latest(tags)
    if newest and newest.accepted:
        return
    what = f"{version.image} version {version.version} ({version.pushed_image.short_digest}) is not accepted"
    ran = f"The acceptance tests failed at {newest.at} ({newest.who})." if newest else "No acceptance test has passed."
    raise RefusedError(
        f"{what} in {source.name}.",
        f"{ran}\n{destination.name} takes only accepted images: requires_acceptance in {FILE}.",
        f"`{source.command('acceptance')}`, then the same command again",
    )


def _record(run: RunContext, accepted: bool, version: Version) -> None:
    before = latest(ecr.image_tags(run.aws, version.pushed_image))
    if (before is not None and before.accepted) != accepted:
        kind = _ACCEPTED if accepted else _REJECTED
        tag = f"{kind}-{records.stamp()}-by-{records.owner(run.aws.caller())}"
        ecr.tag(run.aws, version.pushed_image, tag)
