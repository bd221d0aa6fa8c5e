"""The known vulnerabilities of images, and whether an environment takes the images: `requires.vulnerabilities`.

    ECR's scan of the digest: not begun, running --> wait, for a bounded time --> still no findings: exit 8
                              cannot scan such an image ------------------------> exit 4
                              findings: of the severity, or worse --------------> exit 4, unless osv-scanner.toml
                                                                                  ignores them until a later time
An environment without the setting refuses nothing: the findings are only shown, and nothing waits for them.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delivery import clock
from delivery.aws import scan
from delivery.aws.scan import NONE, SEVERITIES, Finding, Scan
from delivery.aws.session import Aws
from delivery.context import RunContext
from delivery.errors import CloudError, RefusedError
from delivery.image import ignored
from delivery.image.ignored import FILE, Ignored
from delivery.process import parallel
from delivery.process.shell import Shell
from delivery.progress import UNCHANGED, Update
from delivery.reference import PushedImage
from delivery.settings import Environment

_COMPLETE = ("COMPLETE", "ACTIVE")  # basic; Inspector, which goes on
_RUNNING = ("IN_PROGRESS", "PENDING", NONE)
_INTERVAL = 3.0  # seconds between two questions
# Seconds until the scan of a pushed image must have begun, and must have ended. ECR user guide, "Scan images for OS
# vulnerabilities": a scan on push begins by itself; it gives no time. Seconds to a few minutes are reported.
_BEGIN, _END = 60.0, 300.0
_MOST = 15  # findings in a message
_AGAIN = "the same command again in a minute"


@dataclass(frozen=True)
class Scanned:
    """An image and its scan. `failure`: why the scan could not be read; then `scan` is None."""

    image: PushedImage
    scan: Scan | None
    failure: str = ""

    @property
    def known(self) -> bool:
        """Whether ECR has scanned the image."""
        return self.scan is not None and self.scan.status in _COMPLETE

    @property
    def counts(self) -> Mapping[str, int]:
        """Severity to the number of vulnerabilities, from the worst. One in several packages counts once."""
        found = {(each.id, each.severity) for each in self.scan.findings} if self.scan else set()
        counter = Counter(severity for _, severity in found)
        return {severity: counter[severity] for severity in SEVERITIES if counter[severity]}


def read(aws: Aws, shell: Shell, images: Iterable[PushedImage]) -> tuple[Scanned, ...]:
    """The scan of each image as it is now; a failure is no error."""

    def one(image: PushedImage) -> Scanned:
        try:
            return Scanned(image, scan.read(aws, image))
        except CloudError as error:
            return Scanned(image, None, " ".join(error.what.split()))

    return parallel.map(shell, one, dict.fromkeys(images))


def check(run: RunContext, aws: Aws, images: Iterable[PushedImage]) -> tuple[Scanned, ...]:
    """The scan of each image; refuses what the environment of `run` does not take.

    `aws`: whose registry has the images: of the same environment, or of that which a promotion copies from. Without
    `requires.vulnerabilities` it neither waits nor raises. Raises RefusedError, ConfigurationError, or CloudError.
    """
    limit = run.settings.requires.vulnerabilities
    if not limit:
        return read(aws, run.shell, images)
    with run.progress.stage("scan", interrupted=UNCHANGED, after="the scan was read; nothing was changed") as stage:
        exceptions = require_readable(run)
        wait = functools.partial(_wait, run.shell, aws, stage.update)
        scanned = parallel.map(run.shell, wait, dict.fromkeys(images))
        for each in scanned:
            _require_known(run.settings.environment.name, aws.environment.region, each)
        _require_none(run.settings.environment, limit, scanned, exceptions)
        used = {finding.id for each in scanned for finding in _bad(limit, each)}
        note = f"; {FILE} ignores {', '.join(sorted(used))}" if used else ""
        stage.done(f"nothing {limit}{' or worse' if limit != SEVERITIES[0] else ''}{note}")
    return scanned


def require_readable(run: RunContext) -> Mapping[str, Ignored]:
    """The exceptions of the commit, if the environment asks for scans. Raises ConfigurationError."""
    return ignored.read(run.settings.source) if run.settings.requires.vulnerabilities else {}


def _wait(shell: Shell, aws: Aws, update: Update, image: PushedImage) -> Scanned:
    """The scan of an image once it has ended, or as it is when the time for that is over. Raises CloudError."""
    began = clock.monotonic()
    while True:
        found = scan.read(aws, image)
        waited = clock.monotonic() - began
        if found.status not in _RUNNING or waited >= (_BEGIN if found.status == NONE else _END):
            return Scanned(image, found)
        if shell.stopped:  # an interrupt reaches only the main thread, and this may be another one
            raise KeyboardInterrupt
        doing = "waiting for ECR to begin" if found.status == NONE else f"{found.status.lower().replace('_', ' ')}:"
        update(f"{doing} the scan of {image.name} {image.short_digest}, {waited:.0f} s")
        clock.pause(_INTERVAL)


def _require_known(environment: str, region: str, scanned: Scanned) -> None:
    """Raises RefusedError for an image that ECR cannot scan, CloudError for one that it has not scanned.

    `environment`: the name of the one that demands it. `region`: that of the registry.
    """
    if scanned.known or scanned.scan is None:
        return
    status, reason = scanned.scan.status, scanned.scan.reason
    which = f"{scanned.image.repository_name}@{scanned.image.digest}"
    # Basic scanning says FAILED, and UnsupportedImageError in the description.
    if status == "UNSUPPORTED_IMAGE" or "UnsupportedImage" in reason:
        what = f"ECR cannot scan {which}, and {environment} takes only images whose vulnerabilities are known."
        hint = "use a base image whose distribution ECR knows (ECR user guide, `Image scanning`), then deploy again"
        raise RefusedError(what, reason or status, hint)
    if status == NONE:
        ids = f"--repository-name {scanned.image.repository_name} --image-id imageDigest={scanned.image.digest}"
        why = f"No scan began in {_BEGIN:.0f} s, and {environment} takes no image that was not scanned."
        command = f"aws ecr start-image-scan --region {region} {ids}"
        hint = f"`{command}`, then {_AGAIN}; `invoke bootstrap` sets scans of each push"
        raise CloudError(f"ECR has not scanned {which}.", why, hint)
    if status in _RUNNING:
        what = f"The scan of {which} has not ended in {_END:.0f} s."
        raise CloudError(what, f"Its status is {status}. {reason}".strip(), _AGAIN)
    what = f"ECR has no findings of {which}: the status of its scan is {status}."
    raise CloudError(what, reason, "the same image must be scanned again: ECR user guide, `Image scanning`")


def _bad(limit: str, scanned: Scanned) -> tuple[Finding, ...]:
    """The findings of the severity or worse, the worst first."""
    findings = scanned.scan.findings if scanned.scan else ()
    counting = SEVERITIES[: SEVERITIES.index(limit) + 1]
    found = [each for each in findings if each.severity in counting]
    return tuple(sorted(found, key=lambda each: (counting.index(each.severity), each.id, each.package)))


def _require_none(
    environment: Environment, limit: str, scanned: Iterable[Scanned], exceptions: Mapping[str, Ignored]
) -> None:
    """Raises RefusedError with the findings that count."""
    refused = []
    for each in scanned:
        bad = _bad(limit, each)
        counting = [one for one in bad if one.id not in exceptions or exceptions[one.id].expired]
        refused += [(each.image, finding) for finding in counting]
    if not refused:
        return
    known = len({finding.id for _, finding in refused})
    worse = "" if limit == SEVERITIES[0] else " or worse"
    images = ", ".join(dict.fromkeys(f"{image.name} {image.short_digest}" for image, _ in refused))
    which = "1 known vulnerability" if known == 1 else f"{known} known vulnerabilities"
    what = f"{environment.name} takes no image with a {limit} vulnerability{worse}: {which} in {images}."
    lines = [_line(finding, exceptions.get(finding.id)) for _, finding in refused[:_MOST]]
    if len(refused) > _MOST:
        lines.append(f"and {len(refused) - _MOST} more")
    entry = ignored.example(refused[0][1].id).replace("\n", "\n       ")
    hint = f"update the base image or the lock, and commit; or accept it for a time, in {FILE}:\n       {entry}"
    raise RefusedError(what, "\n".join(lines), hint)


def _line(finding: Finding, exception: Ignored | None) -> str:
    fix = f"fixed in {finding.fixed}" if finding.fixed else "no fixed version is named"
    expired = f"; its exception expired on {exception.until:%Y-%m-%d}" if exception else ""
    return f"{finding.id} {finding.severity} {finding.package} {finding.version}, {fix}{expired}"
