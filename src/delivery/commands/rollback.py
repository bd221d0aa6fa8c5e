"""The story of a rollback: the alias goes back to what served before. No build, no Terraform; seconds.

    what Terraform recorded --> versions, release tags, events --> the version to return to
                                                                          |
         events <-- URL open <-- alias `live` moves <-- (canary) <-- its stream verified again
                                                      | fails: the alias stays, exit 7

A version is returned to only if it was verified, if its image still exists, and, unless it is named, if it served
before the live one and was not rolled back from. The next plan is still empty: Terraform does not own where the
alias points to, and the newest version is still what it last applied.
"""

from dataclasses import dataclass, replace

from delivery.aws import function
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.errors import ConfigurationError, RefusedError
from delivery.progress import UNCHANGED
from delivery.release import history, live
from delivery.release.canary import AliasMove, Step
from delivery.release.history import HistoryEntry
from delivery.release.live import Release
from delivery.terraform import state


@dataclass(frozen=True)
class Return:
    """One function's way back: from the version that is live to the one that was chosen."""

    move: AliasMove
    commit: str

    @property
    def image(self) -> str:
        """The name of the image."""
        return self.move.target.image

    @property
    def version(self) -> str:
        """The version that will be live."""
        return self.move.target.version

    @property
    def done(self) -> bool:
        """Whether that version is live already, and alone."""
        return self._live and not self.move.seen.weights

    @property
    def replaces(self) -> tuple[str, ...]:
        """The versions that lose their requests."""
        return tuple(self.move.seen.weights) if self._live else (self.move.seen.version,)

    @property
    def _live(self) -> bool:
        return self.version == self.move.seen.version


def prepare(run: RunContext, to: str = "") -> tuple[Return, ...]:
    """What to return to, after everything that can be refused; reads only.

    `to`: a version's number, or `image:number` where several functions are deployed. Raises ConfigurationError,
    RefusedError, BuildError, UnhealthyError (nothing is deployed), or CloudError.
    """
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        targets, version = _wanted(state.require_functions(run), to)
        found = tuple(_return(run, target, version) for target in targets)
        stage.done(", ".join(f"{planned.image} version {planned.version}" for planned in found))
    return found


def rollback(run: RunContext, returns: tuple[Return, ...], steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Verify every version again, and only then make them live; a canary that is under way ends before.

    Raises RefusedError, UnhealthyError or CloudError.
    """
    moves = [replace(one.move, seen=live.end_canary(run, one.move.target, one.move.seen)) for one in returns]
    left = tuple(move for move in moves if move.target.version != move.seen.version)
    for move in left:
        live.verify_version(run, move.target)
    return live.make_live(run, left, steps)


def _wanted(targets: tuple[Function, ...], to: str) -> tuple[tuple[Function, ...], str]:
    image, _, version = to.rpartition(":")
    chosen = tuple(target for target in targets if image in ("", target.image))
    if to and (len(chosen) != 1 or not version.isdigit()):
        known = " or ".join(f"--to {target.image}:{version if version.isdigit() else 1}" for target in targets)
        raise ConfigurationError(f"--to {to} does not name a version of one function.", "", known)
    return chosen, version


def _return(run: RunContext, target: Function, to: str) -> Return:
    seen = function.read_alias(run.aws, target)
    entries = history.read(run.aws, target)
    if to:
        entry = _named(run, target, entries, to)
    elif seen.weights:  # to end the canary is all that was asked
        entry = _named(run, target, entries, seen.version)
    else:
        entry = _last(run, target, entries, seen.version)
    if entry.version == seen.version:
        return Return(AliasMove(replace(target, version=entry.version), seen), entry.commit)
    image = history.require_verified(run.aws, target, entry)
    chosen = replace(target, version=entry.version, image_uri=image.uri)
    return Return(AliasMove(chosen, seen, back=True), entry.commit)


def _named(run: RunContext, target: Function, entries: tuple[HistoryEntry, ...], version: str) -> HistoryEntry:
    for entry in entries:
        if int(entry.version) == int(version):
            return entry
    raise RefusedError(
        f"Version {version} of {target.name} does not exist.",
        "Nothing was changed.",
        run.settings.environment.command("releases"),
    )


def _last(run: RunContext, target: Function, entries: tuple[HistoryEntry, ...], live: str) -> HistoryEntry:
    """The newest that served before the live one, was not rolled back from, and can serve again."""
    command = run.settings.environment.command
    standing = [entry for entry in entries if entry.standing and entry.version != live]
    for entry in standing:
        if entry.verified:
            return entry
    lost = f"Served before, but never verified, or the image is gone: {', '.join(one.version for one in standing)}."
    others = [entry.version for entry in entries if entry.verified and entry.version != live]
    raise RefusedError(
        f"There is no release of {target.name} to go back to.",
        lost if standing else f"Nothing is recorded that served before version {live}.",
        f"{command('rollback', '--to', others[0])} (verified, too)" if others else command("deploy"),
    )
