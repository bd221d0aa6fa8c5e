"""Who made which version live, when, and after which one: tags of images, beside the tag that says "verified".

    live-20261123T093000.123456Z-v5-after-v4-by-alice       a deploy
    rollback-20261123T094500.654321Z-v4-after-v5-by-bob     a rollback
    return-20261123T101500.000000Z-v4-after-v5-by-alice     version 5 had a share, was given up, and 4 has all again

An event is written after the alias has moved. A run that is cut off in between leaves a move without a name, never
a name without a move; and the move itself is still told, by the alias, or by the `after` of the next event. The next
run records it before it moves the alias again: of two that were cut off in a row, neither is lost.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from delivery import clock

LIVE, ROLLBACK, RETURN = "live", "rollback", "return"
UNKNOWN = "unknown"  # who: a run that was cut off before it could say
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_TAG = re.compile(
    rf"({LIVE}|{ROLLBACK}|{RETURN})-(\d{{4}})(\d\d)(\d\d)T(\d\d)(\d\d)([\d.]+)Z-v(\d+)(?:-after-v(\d+))?-by-([\w.-]+)"
)
_LONGEST = 64  # characters of a name; a tag has at most 128: OCI distribution spec, "Pulling manifests"


@dataclass(frozen=True)
class Record:
    """`version` served from a moment on (ISO 8601, UTC), instead of `after`.

    `at` and `who` are empty for a move that nobody recorded, `after` for the first release of all.
    """

    kind: str
    at: str
    version: str
    after: str = ""
    who: str = ""


def kind(version: str, before: str) -> str:
    """What a move was that nobody recorded: only a rollback goes to a lower number."""
    return ROLLBACK if before and int(version) < int(before) else LIVE


def tag_name(kind: str, version: str, after: str, who: str) -> str:
    """The tag of what has happened just now."""
    replaced = f"-after-v{after}" if after else ""
    name = re.sub(r"[^\w.-]", "-", who, flags=re.ASCII)[:_LONGEST] or UNKNOWN
    return f"{kind}-{clock.now().strftime(_STAMP)}-v{version}{replaced}-by-{name}"


def parse(tag: str) -> Record | None:
    """The event that a tag tells, if it is one."""
    if not (found := _TAG.fullmatch(tag)):
        return None
    kind, year, month, day, hour, minute, second, version, after, who = found.groups()
    return Record(kind, f"{year}-{month}-{day}T{hour}:{minute}:{second}Z", version, after or "", who)


def timeline(tags: Iterable[str], live: str) -> tuple[Record, ...]:
    """What became live in order, up to the version that is live now; moves that nobody recorded are filled in."""
    found = _moves(tags)
    told: list[Record] = []
    serving = ""
    for event in found:
        if event.after and event.after != serving:
            told.append(_unrecorded(event.after, serving))
        told.append(event)
        serving = event.version
    if live != serving:
        told.append(_unrecorded(live, serving))
    return tuple(told)


def latest(tags: Iterable[str]) -> str:
    """The version that the newest event made live; empty when there is none."""
    found = _moves(tags)
    return found[-1].version if found else ""


def returned(tags: Iterable[str]) -> dict[str, str]:
    """Each version that had a share and was given up, and when for the last time."""
    found = sorted(filter(None, map(parse, tags)), key=lambda event: event.at)
    return {event.after: event.at for event in found if event.kind == RETURN}


def standing(timeline: Iterable[Record]) -> tuple[str, ...]:
    """The versions that served and were not rolled back from, oldest first; the last one serves.

    A deploy always ends at the newest version, so a move to a lower number undoes all that came after it.
    """
    kept: list[str] = []
    for event in timeline:
        kept = [version for version in kept if int(version) < int(event.version)] + [event.version]
    return tuple(kept)


def undone(timeline: Iterable[Record]) -> dict[str, str]:
    """Each version that was rolled back from, and the version that it was rolled back to."""
    found: dict[str, str] = {}
    served: set[str] = set()
    for event in timeline:
        found |= {version: event.version for version in served - set(found) if int(version) > int(event.version)}
        found.pop(event.version, None)
        served.add(event.version)
    return found


def _moves(tags: Iterable[str]) -> list[Record]:
    found = sorted(filter(None, map(parse, tags)), key=lambda event: event.at)
    return [event for event in found if event.kind != RETURN]


def _unrecorded(version: str, before: str) -> Record:
    return Record(kind(version, before), "", version, before)
