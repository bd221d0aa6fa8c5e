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
    def done(self) -> bool:
        """Whether there is nothing to do: that version is live already, and alone."""
        return self._live and not self.move.seen.weights

    def words(self) -> str:
        """One line for people."""
        target, seen = self.move.target, self.move.seen
        where = f"{target.image} version {target.version}, commit {self.commit[:12]}"
        if self.done:
            return f"{where}, is live"
        return f"{where}, instead of version {', '.join(seen.weights) if self._live else seen.version}"

    @property
    def _live(self) -> bool:
        return self.move.target.version == self.move.seen.version


def prepare(run: RunContext, to: str = "") -> tuple[Return, ...]:
    """What to return to, after everything that can be refused; reads only.

    `to`: a version's number, or `image:number` where several functions are deployed. Raises ConfigurationError,
    RefusedError, BuildError, UnhealthyError (nothing is deployed), or CloudError.
    """
    with run.progress.stage("guards") as stage:
        targets, version = _wanted(state.require_functions(run), to)
        found = tuple(_return(run, target, version) for target in targets)
        stage.done("; ".join(one.words() for one in found))
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
        entry = _named(target, entries, to)
    elif seen.weights:  # to end the canary is all that was asked
        entry = _named(target, entries, seen.version)
    else:
        entry = _last(target, entries, seen.version)
    if entry.version == seen.version:
        return Return(AliasMove(replace(target, version=entry.version), seen), entry.commit)
    image = history.require_verified(run.aws, target, entry)
    chosen = replace(target, version=entry.version, image_uri=image.uri)
    return Return(AliasMove(chosen, seen, back=True), entry.commit)


def _named(target: Function, entries: tuple[HistoryEntry, ...], version: str) -> HistoryEntry:
    for entry in entries:
        if int(entry.version) == int(version):
            return entry
    raise RefusedError(
        f"Version {version} of {target.name} does not exist.", "Nothing was changed.", "invoke releases --env ..."
    )


def _last(target: Function, entries: tuple[HistoryEntry, ...], live: str) -> HistoryEntry:
    """The newest that served before the live one, was not rolled back from, and can serve again."""
    standing = [entry for entry in entries if entry.standing and entry.version != live]
    for entry in standing:
        if entry.verified:
            return entry
    lost = f"Served before, but never verified, or the image is gone: {', '.join(one.version for one in standing)}."
    others = [entry.version for entry in entries if entry.verified and entry.version != live]
    raise RefusedError(
        f"There is no release of {target.name} to go back to.",
        lost if standing else f"Nothing is recorded that served before version {live}.",
        f"invoke rollback --env ... --to {others[0]} (verified, too)" if others else "invoke deploy --env ...",
    )
