"""osv-scanner.toml: the vulnerabilities that the project ignores, each until a time and for a reason.

The format is that of osv-scanner (https://google.github.io/osv-scanner/configuration/), which allows an entry without
an end and without a reason; here both are required, so that each exception is decided again. As in osv-scanner, other
keys do not matter, and of two entries with one id the first counts.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from delivery import clock
from delivery.errors import ConfigurationError

FILE = "osv-scanner.toml"
_KEY = "IgnoredVulns"
_USUAL = timedelta(days=30)  # of the end that a message proposes


@dataclass(frozen=True)
class Ignored:
    """A vulnerability that does not count before `until`. A date without a time is its midnight in UTC."""

    id: str
    until: datetime
    reason: str

    @property
    def expired(self) -> bool:
        """Whether the vulnerability counts again."""
        return self.until <= clock.now()


def read(folder: Path) -> Mapping[str, Ignored]:
    """Id to exception, of the file in `folder`, expired ones too; empty without a file.

    Raises ConfigurationError for a file that is no TOML, and for an entry without id, end or reason.
    """
    file = folder / FILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{FILE} cannot be read.", str(error), f"correct {FILE}") from error
    entries = document.get(_KEY, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError(f"{FILE}: {_KEY} is no list of tables.", "", f"begin each entry with [[{_KEY}]]")
    read = [_read(number, entry) for number, entry in enumerate(entries, 1)]
    return {each.id: each for each in reversed(read)}


def example(vulnerability: str) -> str:
    """The lines of an entry to type."""
    return "\n".join((f"[[{_KEY}]]", f'id = "{vulnerability}"', _proposed_end(), 'reason = "..."'))


def _read(number: int, entry: Mapping[str, Any]) -> Ignored:
    name, until, reason = entry.get("id"), entry.get("ignoreUntil"), entry.get("reason")
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{FILE}: entry {number} of {_KEY} has no id.", "", 'id = "CVE-..."')
    if not isinstance(until, date):  # a datetime is a date
        why = "Each exception needs an end, after which the vulnerability counts again."
        raise _incomplete(name, "ignoreUntil", why, _proposed_end())
    if not isinstance(reason, str) or not reason.strip():
        why = "Each exception needs a reason, for those who review it."
        raise _incomplete(name, "reason", why, 'reason = "no request reaches it"')
    moment = until if isinstance(until, datetime) else datetime(until.year, until.month, until.day, tzinfo=UTC)
    return Ignored(name, moment if moment.tzinfo else moment.replace(tzinfo=UTC), reason.strip())


def _incomplete(name: str, key: str, why: str, line: str) -> ConfigurationError:
    return ConfigurationError(f"{FILE}: {name} has no `{key}`.", why, f'below id = "{name}": {line}')


def _proposed_end() -> str:
    return f"ignoreUntil = {clock.now() + _USUAL:%Y-%m-%d}"
