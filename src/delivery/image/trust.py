"""Trust: whether an image has what an environment requires of it, `requires:` in invoke.yaml.

    the attestations beside the image --> read --> of this image, commit, branch and builder? --> signed by a trusted
                                                                                                key or workflow?

An SBOM and a provenance must fit; any that fits is enough. One image may have the provenance of several commits, and
two signatures of each while a key is replaced. Whatever else lies beside the image does no harm.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.attestation import PROVENANCE, SBOM, Bundle, MalformedError, Statement
from delivery.aws import ecr, referrers
from delivery.aws.distribution import Manifest, Repository
from delivery.aws.referrers import Referrer
from delivery.aws.session import Aws
from delivery.context import RunContext
from delivery.errors import RefusedError
from delivery.image import signer
from delivery.image.signer import Signer
from delivery.process import parallel
from delivery.process.shell import Shell
from delivery.reference import PushedImage
from delivery.settings import FILE

KINDS = {SBOM: "SBOM", PROVENANCE: "provenance"}
"""What must be signed, by the type of its predicate, with its name for people."""
_MOST_REASONS = 5


@dataclass(frozen=True)
class Attestation:
    """An attestation that was read; `why`: why it is none, empty for a good one. Nobody has verified it yet."""

    manifest: Manifest | None = None
    bundle: Bundle | None = None
    statement: Statement | None = None
    why: str = ""


@dataclass(frozen=True)
class Wanted:
    """What an attestation must state, and who must have signed it. `builder`: empty for any."""

    digest: str
    commit: str
    builder: str
    signers: tuple[Signer, ...]

    def refusal(self, attestation: Attestation) -> str:
        """Why an attestation does not count; empty if it does. Raises CloudError.

        The signature comes last: a key of KMS is asked only about what fits.
        """
        if attestation.bundle is None or attestation.statement is None:
            return f"malformed: {attestation.why}"
        statement = attestation.statement
        name = KINDS.get(statement.kind, "")
        if not name:
            return f"a statement of another kind: {statement.kind}"
        if statement.digest != self.digest:
            return f"{name} of another image, {statement.digest[:19]}"
        if statement.kind == PROVENANCE and (why := self._other_build(statement.predicate)):
            return why
        signed = any(each.verifies(attestation.bundle) for each in self.signers)
        return "" if signed else f"{name} signed by another key or workflow"

    def _other_build(self, predicate: Mapping[str, Any]) -> str:
        """Why the image was not built from this commit by this builder: https://slsa.dev/spec/v1.0/provenance."""
        try:
            builder = str(predicate["runDetails"]["builder"]["id"])
            sources = {
                str(each["digest"]["gitCommit"]): str(each["uri"])
                for each in predicate["buildDefinition"]["resolvedDependencies"]
                if "gitCommit" in each.get("digest", {})
            }
        except (KeyError, TypeError, AttributeError) as error:
            return f"malformed: a provenance without {error}"
        if self.commit not in sources:
            return f"provenance of another commit, {', '.join(sources)[:80] or 'which it does not name'}"
        if self.builder and builder != self.builder:
            return f"provenance by another builder, {builder[:120]}"
        branch = self.builder.rpartition("@")[2]  # of a workflow; the ARN of a person may have an @ too
        if branch.startswith("refs/") and sources[self.commit].rpartition("@")[2] != branch:
            return f"provenance of another branch, {sources[self.commit][:120]}"
        return ""


def read(shell: Shell, aws: Aws, image: PushedImage, commit: str) -> tuple[Attestation, ...]:
    """The attestations of an image that may be about this commit.

    Raises RefusedError when there are too many, or CloudError.
    """
    return read_known(shell, aws, image, referrers.find(aws, image, commit))


def read_known(shell: Shell, aws: Aws, image: PushedImage, known: Sequence[Referrer]) -> tuple[Attestation, ...]:
    """These attestations of an image. Raises CloudError."""
    if not known:
        return ()
    repository = Repository(ecr.authorize(aws), image.repository_name)
    return parallel.map(shell, functools.partial(_read, repository, image), known)


def required(run: RunContext) -> bool:
    """Whether the environment requires a signature."""
    return bool(run.settings.requires.signed_by)


def require(run: RunContext, source: Aws, image: PushedImage, commit: str) -> None:
    """Read the attestations of an image in the registry of `source`, and compare them with what `run` requires.

    Raises RefusedError unless they fit, ConfigurationError for a key that cannot sign, or CloudError.
    """
    if required(run):
        require_fitting(run, image, commit, read(run.shell, source, image, commit), source)


def holds(run: RunContext, image: PushedImage, commit: str) -> bool:
    """Whether an image in the environment's own registry has what the environment requires. Raises CloudError."""
    try:
        require(run, run.aws, image, commit)
    except RefusedError:
        return False
    return True


def require_fitting(
    run: RunContext, image: PushedImage, commit: str, attestations: tuple[Attestation, ...], source: Aws
) -> None:
    """The same for attestations that were read. `source`: of the environment that has to sign a missing one."""
    if not required(run):
        return
    requires = run.settings.requires
    signers = parallel.map(run.shell, functools.partial(signer.trusted, run), tuple(requires.signed_by))
    wanted = Wanted(image.digest, commit, requires.builder, signers)
    reasons = parallel.map(run.shell, wanted.refusal, attestations)
    fitting = {
        each.statement.kind for each, why in zip(attestations, reasons, strict=True) if not why and each.statement
    }
    missing = [name for kind, name in KINDS.items() if kind not in fitting]
    if missing:
        raise _refusal(run, image, missing, [why for why in reasons if why], source)


def fitting(wanted: Wanted, attestations: Iterable[Attestation]) -> frozenset[str]:
    """The kinds of the attestations that fit. Raises CloudError."""
    return frozenset(each.statement.kind for each in attestations if each.statement and not wanted.refusal(each))


def _read(repository: Repository, image: PushedImage, referrer: Referrer) -> Attestation:
    try:
        manifest, content = referrers.read(repository, image, referrer)
        bundle = Bundle.parse(content)
        return Attestation(manifest, bundle, bundle.statement())
    except MalformedError as error:
        return Attestation(why=str(error)[:200])


def _printable(text: str) -> str:
    """What somebody else wrote must not move the cursor of a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _refusal(run: RunContext, image: PushedImage, missing: list[str], reasons: list[str], source: Aws) -> RefusedError:
    requires, environment = run.settings.requires, run.settings.environment
    by = f"signed by {' or '.join(requires.signed_by)}"
    built = f", built by {requires.builder}" if requires.builder else ""
    counted = Counter(map(_printable, reasons)).most_common(_MOST_REASONS)
    lines = [f"beside it: {why}{f' ({count} of these)' if count > 1 else ''}" for why, count in counted]
    why = [f"{environment.name} takes only images {by}{built}: requires in {FILE}.", *lines]
    command = source.environment.command("push-image")
    return RefusedError(
        f"{image.repository_name}@{image.short_digest} has no trusted {' and no trusted '.join(missing)}.",
        "\n".join(why if lines else [*why, "No attestation of this commit is beside it."]),
        f"`{command}` of this commit where {requires.signed_by[0]} may sign, then the same command again",
    )
