"""How old the base of an image is, from the image's own configuration: the base needs no registry.

BuildKit keeps the times of the base in the history, and gives its own steps the time of SOURCE_DATE_EPOCH, which is 0
in docker-bake.hcl: https://github.com/moby/buildkit/blob/master/docs/build-repro.md. Before 0.14 it gave that time to
the steps of the base, too (moby/buildkit#4614), and nothing is known.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from delivery import clock

_OWN = datetime.fromtimestamp(0, UTC)


def age(config: Mapping[str, Any]) -> float | None:
    """Seconds since the last step of the base; None if the configuration does not tell."""
    if _time(config.get("created")) != _OWN:
        return None  # the image's own steps have times, too, and nothing says where the base ends
    times = [_time(each.get("created")) for each in config.get("history") or ()]
    base = [each for each in times if each and each != _OWN]
    return (clock.now() - max(base)).total_seconds() if base else None


def _time(text: object) -> datetime | None:
    """RFC 3339, as the OCI image configuration has it; Python 3.11 reads nanoseconds too."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None
