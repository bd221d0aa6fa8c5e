"""Release records: who made which version live, when, and after which version. Each is a tag of the version's image.

    live-20261123T093000.123456Z-v5-after-v4-by-alice       a deploy
    rollback-20261123T094500.654321Z-v4-after-v5-by-bob     a rollback
    return-20261123T101500.000000Z-v4-after-v5-by-alice     version 5 was given up, and 4 has all requests again

The record is written after the alias moved. If a run is cut off in between, the alias has moved without a record. The
next run writes the missing record before it moves the alias again, so no move is lost.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from delivery import clock

LIVE, ROLLBACK, RETURN = "live", "rollback", "return"
UNKNOWN = "unknown"  # the name of a run that was cut off before it wrote its record
_STAMP = "%Y%m%dT%H%M%S.%fZ"
STAMP = r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)([\d.]+)Z"
"""The six groups of a time in a tag; `moment` makes ISO 8601 of them."""
OWNER = r"([\w.-]+)"
_TAG = re.compile(rf"({LIVE}|{ROLLBACK}|{RETURN})-{STAMP}-v(\d+)(?:-after-v(\d+))?-by-{OWNER}")
_LONGEST = 64  # characters of a name; a tag has at most 128: OCI distribution spec, "Pulling manifests"


@dataclass(frozen=True)
class Record:
    """From `at` (ISO 8601, UTC) on, `version` served instead of `after`.

    `at` and `who` are empty for a move without a record, `after` for the first release.
    """

    kind: str
    at: str
    version: str
    after: str = ""
    who: str = ""


def kind(version: str, before: str) -> str:
    """The kind of a move without a record: only a rollback moves to a lower version."""
    return ROLLBACK if before and int(version) < int(before) else LIVE


def tag_name(kind: str, version: str, after: str, who: str) -> str:
    """The tag of a record with the present time."""
    replaced = f"-after-v{after}" if after else ""
    return f"{kind}-{stamp()}-v{version}{replaced}-by-{owner(who)}"


def stamp() -> str:
    """The present time, as tags have it."""
    return clock.now().strftime(_STAMP)


def owner(who: str) -> str:
    """The name of a person or a job, as tags have it."""
    return re.sub(r"[^\w.-]", "-", who, flags=re.ASCII)[:_LONGEST] or UNKNOWN


def moment(year: str, month: str, day: str, *clock_time: str) -> str:
    """ISO 8601 of the groups of `STAMP`."""
    return f"{year}-{month}-{day}T{':'.join(clock_time)}Z"


def parse(tag: str) -> Record | None:
    """The record of a tag; None for any other tag."""
    match = _TAG.fullmatch(tag)
    if not match:
        return None
    kind, *stamped, version, after, who = match.groups()
    return Record(kind, moment(*stamped), version, after or "", who)


def timeline(tags: Iterable[str], live: str) -> tuple[Record, ...]:
    """The versions that became live, in order, up to the live one; moves without a record are filled in."""
    records: list[Record] = []
    serving = ""
    for record in _moves(tags):
        if record.after and record.after != serving:
            records.append(_unrecorded(record.after, serving))
        records.append(record)
        serving = record.version
    if live != serving:
        records.append(_unrecorded(live, serving))
    return tuple(records)


def latest(tags: Iterable[str]) -> str:
    """The version that the newest record made live; empty without a record."""
    moves = _moves(tags)
    return moves[-1].version if moves else ""


def returned(tags: Iterable[str]) -> dict[str, str]:
    """Each version that was given up, in a canary or because its URL did not serve it, and the last time of that."""
    return {record.after: record.at for record in _sorted(tags) if record.kind == RETURN}


def not_rolled_back(timeline: Iterable[Record]) -> tuple[str, ...]:
    """The versions that served and were not rolled back from, oldest first; the last one serves.

    A deploy always moves to the newest version, so a move to a lower version undoes all versions above it.
    """
    versions: list[str] = []
    for record in timeline:
        versions = [version for version in versions if int(version) < int(record.version)] + [record.version]
    return tuple(versions)


def undone(timeline: Iterable[Record]) -> dict[str, str]:
    """Each version that was rolled back from, and the version that replaced it."""
    replaced: dict[str, str] = {}
    served: set[str] = set()
    for record in timeline:
        higher = {version for version in served - set(replaced) if int(version) > int(record.version)}
        replaced |= dict.fromkeys(higher, record.version)
        replaced.pop(record.version, None)
        served.add(record.version)
    return replaced


def _sorted(tags: Iterable[str]) -> list[Record]:
    return sorted(filter(None, map(parse, tags)), key=lambda record: record.at)


def _moves(tags: Iterable[str]) -> list[Record]:
    return [record for record in _sorted(tags) if record.kind != RETURN]


def _unrecorded(version: str, before: str) -> Record:
    return Record(kind(version, before), "", version, before)
