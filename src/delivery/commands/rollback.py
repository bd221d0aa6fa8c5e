"""`invoke rollback`: the alias returns to an earlier version. No build, no Terraform; a few seconds.

    Terraform's state --> versions, release tags, release records --> the version to return to
                                                                             |
    release record <-- URL opened <-- alias `live` moves <-- (canary) <-- it is verified again, by its own contract
                                                           | fails: the alias stays, exit 7

A rollback returns only to a version that was verified and whose image still exists. Without `--to`, the version must
also have served before the live one, and must not have been rolled back from. The next plan is still empty: the version
of the alias is not part of Terraform's state.
"""

import functools
import re
from dataclasses import dataclass, replace

from delivery.aws import function
from delivery.aws.function import Function, Version
from delivery.commands import selection
from delivery.context import RunContext
from delivery.errors import CloudError, ConfigurationError, RefusedError, UnhealthyError
from delivery.image import trust
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.release import history, live
from delivery.release.canary import AliasMove, Step
from delivery.release.history import HistoryEntry
from delivery.release.live import Release
from delivery.terraform import state

_VERSION = re.compile(r"([a-z0-9-]+:)?0*[1-9][0-9]*")


class _NoReleaseError(RefusedError):
    """No earlier version was verified and can serve again."""


@dataclass(frozen=True)
class Return:
    """The move of one function from its live version to the chosen one; `commit` is that of the chosen version."""

    move: AliasMove
    commit: str

    @property
    def image(self) -> str:
        """The name of the image."""
        return self.move.function.image

    @property
    def version(self) -> str:
        """The version that will be live."""
        return self.move.function.version

    @property
    def done(self) -> bool:
        """Whether the chosen version already gets all requests."""
        return self._live and not self.move.before.weights

    @property
    def replaces(self) -> tuple[str, ...]:
        """The versions that lose their requests."""
        return tuple(self.move.before.weights) if self._live else (self.move.before.version,)

    @property
    def _live(self) -> bool:
        return self.version == self.move.before.version


def require_version(to: str) -> None:
    """Raises ConfigurationError unless a value of `--to` has the form of a version, or of `image:version`."""
    if to and not _VERSION.fullmatch(to):
        why = "It is the number of a version, with the name of the image where several functions are deployed."
        raise ConfigurationError(f"Malformed --to: {to!r}", why, "--to 7, or --to NAME:7")


def prepare(run: RunContext, to: str = "", only: tuple[str, ...] = ()) -> tuple[Return, ...]:
    """Choose the version of each function, and refuse everything that can be refused; change nothing.

    `to`: a version, or `image:version` where several functions are deployed. `only`: the functions to roll back.
    Of several functions, one without an earlier release is left out with a warning. Raises ConfigurationError,
    RefusedError, BuildError, UnhealthyError (nothing is deployed), or CloudError.
    """
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        functions, version = _parse(selection.functions(state.require_functions(run), only), to)
        found = parallel.map(run.shell, lambda deployed: _return_or_reason(run, deployed, version), functions)
        returns = tuple(each for each in found if isinstance(each, Return))
        reasons = [each for each in found if not isinstance(each, Return)]
        if not returns:
            raise reasons[0]
        for deployed, each in zip(functions, found, strict=True):
            if not isinstance(each, Return):
                stage.warn(f"{deployed.image} stays as it is: {each.what}")
        stage.warn(*filter(None, parallel.map(run.shell, functools.partial(_untrusted, run), returns)))
        stage.done(", ".join(f"{planned.image} version {planned.version}" for planned in returns))
    return returns


def rollback(run: RunContext, returns: tuple[Return, ...], steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Verify every version again, and only then make all of them live. A running canary ends first.

    Raises RefusedError, UnhealthyError or CloudError.
    """
    ended = parallel.map(run.shell, functools.partial(_end_canary, run), returns)
    moves = tuple(move for move in ended if move.changes)
    parallel.map(run.shell, functools.partial(live.verify_version, run), [move.function for move in moves])
    return live.make_live(run, moves, steps)


def _end_canary(run: RunContext, planned: Return) -> AliasMove:
    return replace(planned.move, before=live.end_canary(run, planned.move.function, planned.move.before))


def _untrusted(run: RunContext, planned: Return) -> str:
    """What the environment requires and the image has not: a warning, because an emergency must not wait."""
    try:
        trust.require(run, run.aws, planned.move.function.pushed_image, planned.commit)
    except (RefusedError, CloudError) as error:
        return f"{planned.image} version {planned.version}: {error.what}"
    return ""


def _parse(functions: tuple[Function, ...], to: str) -> tuple[tuple[Function, ...], str]:
    image, _, version = to.rpartition(":")
    chosen = tuple(deployed for deployed in functions if image in ("", deployed.image))
    if to and (len(chosen) != 1 or not version.isdigit()):
        known = " or ".join(f"--to {each.image}:{version if version.isdigit() else 1}" for each in functions)
        raise ConfigurationError(f"--to {to} does not name a version of one function.", "", known)
    return chosen, version


def _return_or_reason(run: RunContext, deployed: Function, to: str) -> Return | RefusedError | UnhealthyError:
    """The return of a function, or why it has no earlier release. A version that was named must be there."""
    try:
        return _return(run, deployed, to)
    except (_NoReleaseError, UnhealthyError) as error:
        return error


def _return(run: RunContext, deployed: Function, to: str) -> Return:
    known = history.read(run, deployed)
    alias = function.require_alias(run.aws, deployed, known.alias)
    if not to and not alias.weights:
        chosen = _previous(run, deployed, known.entries, alias.version)
        return Return(AliasMove(chosen, alias, back=True), chosen.commit)
    entry = _named(run, deployed, known.entries, to or alias.version)  # during a canary, a rollback only ends it
    if entry.version == alias.version:
        return Return(AliasMove(function.read_version(run.aws, deployed, entry.version), alias), entry.commit)
    chosen = history.require_verified(run.aws, deployed, entry)
    return Return(AliasMove(chosen, alias, back=True), chosen.commit)


def _named(run: RunContext, deployed: Function, entries: tuple[HistoryEntry, ...], version: str) -> HistoryEntry:
    for entry in entries:
        if int(entry.version) == int(version):
            return entry
    raise RefusedError(
        f"Version {version} of {deployed.name} does not exist.",
        "Nothing was changed.",
        run.settings.environment.command("releases"),
    )


def _previous(run: RunContext, deployed: Function, entries: tuple[HistoryEntry, ...], live: str) -> Version:
    """The newest version that served before the live one, was not rolled back from, and can serve again."""
    command = run.settings.environment.command
    earlier = [entry for entry in entries if entry.not_rolled_back and entry.version != live]
    for entry in earlier:
        if version := history.find_verified(run.aws, deployed, entry):
            return version
    unusable = ", ".join(entry.version for entry in earlier)
    why = f"Version {unusable} served before, but was never verified, or its image is gone."
    others = [entry.version for entry in entries if entry.released and entry.version != live]
    raise _NoReleaseError(
        f"There is no release of {deployed.name} to return to.",
        why if earlier else f"No version is recorded that served before version {live}.",
        f"{command('rollback', '--to', others[0])}, which was verified" if others else command("deploy"),
    )
