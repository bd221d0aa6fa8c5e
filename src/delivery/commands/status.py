"""`invoke status`: environments side by side: live versions, who made them live and when, their base, and drift.

All environments are read at the same time; one that cannot be read is a row with its error. Drift is what a plan would
change, with the images that the functions have and the infrastructure of this checkout.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from delivery.aws import ecr, function, function_code
from delivery.aws.function import Function, Version
from delivery.context import RunContext
from delivery.errors import UnhealthyError
from delivery.health import Contract
from delivery.image import base, recipe, vulnerabilities
from delivery.image.dockerfile import Base
from delivery.image.vulnerabilities import Scanned
from delivery.process import parallel
from delivery.process.shell import Shell
from delivery.progress import UNCHANGED, Update
from delivery.reference import PushedImage
from delivery.release import contracts, history, hold
from delivery.release.history import HistoryEntry
from delivery.release.hold import Hold
from delivery.terraform import execute, state, variables
from delivery.terraform.plan import Plan
from delivery.terraform.state import Service


@dataclass(frozen=True)
class FunctionStatus:
    """The live version of one function, and its health contract.

    `age`: seconds since its image was pushed. The image may be gone: then `age` and `contract` are None. `url`: empty
    without a Function URL. `base`: that of the Dockerfile of the live commit, None if it cannot be read here.
    `base_age`: seconds since the base was made, None if the image does not tell. `scanned`: what ECR knows of the
    image.
    """

    image: str
    entry: HistoryEntry
    age: float | None
    contract: Contract | None = None
    url: str = ""
    base: Base | None = None
    base_age: float | None = None
    scanned: Scanned | None = None


@dataclass(frozen=True)
class EnvironmentStatus:
    """One environment.

    `drift`: the plan that would change something, None without drift. `failure`: why it could not be read.
    """

    name: str
    functions: tuple[FunctionStatus, ...] = ()
    drift: Plan | None = None
    failure: str = ""
    hold: Hold | None = None


def read(
    names: Sequence[str], shell: Shell, open_environment: Callable[[str], RunContext]
) -> tuple[EnvironmentStatus, ...]:
    """Read every environment at the same time; the error of one does not hide the others.

    `open_environment`: makes the context of an environment; may raise DeliveryError.
    """
    return parallel.map(shell, functools.partial(_environment, open_environment), names)


def _environment(open_environment: Callable[[str], RunContext], name: str) -> EnvironmentStatus:
    try:
        run = open_environment(name)
        with run.progress.stage(name, interrupted=UNCHANGED) as stage:
            service = state.service(run)
            live = tuple(filter(None, parallel.map(run.shell, functools.partial(_live, run), service.functions)))
            held = hold.read(run)
            live, drift = parallel.both(
                run.shell,
                lambda: _with_bases(run, _with_scans(run, live)),
                lambda: _drift(run, service, live, stage.update) if service.functions else None,
            )
            stage.done("read")
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return EnvironmentStatus(name, failure=" ".join(str(error).split()))
    return EnvironmentStatus(name, live, drift, hold=held)


def _live(run: RunContext, deployed: Function) -> FunctionStatus | None:
    """The live version of a function; None as long as no version was verified."""
    entry = next((entry for entry in history.read(run, deployed).entries if entry.live), None)
    if entry is None:
        return None
    version = function.read_version(run.aws, deployed, entry.version)
    age = ecr.age(run.aws, version.pushed_image)
    live = FunctionStatus(deployed.image, replace(entry, digest=version.digest), age, url=deployed.url)
    if age is None:
        return live
    return replace(live, contract=_contract(run, version), base_age=base.age(ecr.config(run.aws, version.pushed_image)))


def _with_bases(run: RunContext, live: tuple[FunctionStatus, ...]) -> tuple[FunctionStatus, ...]:
    """The functions with the base that the Dockerfile of their commit names."""
    known = recipe.definitions(run) if live else {}

    def read(each: FunctionStatus) -> FunctionStatus:
        return replace(each, base=recipe.of_commit(run, known, each.image, each.entry.commit).base)

    return parallel.map(run.shell, read, live)


def _with_scans(run: RunContext, live: tuple[FunctionStatus, ...]) -> tuple[FunctionStatus, ...]:
    """The live versions with what ECR knows of their images; an image that is gone has no scan."""
    repository = run.settings.environment.repository
    images = [
        PushedImage(each.image, repository(each.image), each.entry.digest) for each in live if each.age is not None
    ]
    scanned = {each.image.name: each for each in vulnerabilities.read(run.aws, run.shell, images)}
    return tuple(replace(each, scanned=scanned.get(each.image)) for each in live)


def _contract(run: RunContext, version: Version) -> Contract | None:
    with contextlib.suppress(UnhealthyError):  # a malformed label: `verify` says so
        return contracts.read(run.aws, version)
    return None


def _drift(run: RunContext, service: Service, live: tuple[FunctionStatus, ...], update: Update) -> Plan | None:
    scratch = run.scratch / run.settings.environment.name  # the plans of several environments have the same name
    scratch.mkdir(exist_ok=True)
    stack = execute.init(run.settings, state.STACK, run.shell, update)
    images = parallel.map(run.shell, functools.partial(_image, run, service), service.functions)
    uris = {deployed.image: uri for deployed, uri in zip(service.functions, images, strict=True)}
    values = variables.service(run.settings, uris, {each.image: each.entry.version for each in live})
    # Without the state lock, so that a deploy at the same time is not held up.
    saved = execute.plan(replace(stack, locks=False), values, scratch, run.shell, update)
    return None if saved.empty else execute.read_back(saved, run.shell)


def _image(run: RunContext, service: Service, deployed: Function) -> str:
    """The image of a function; that of the state if AWS has none, which is drift."""
    unpublished = function_code.read_unpublished(run.aws, deployed)
    if unpublished and unpublished.image:
        return unpublished.image.uri
    return service.resources[deployed.name].image_uri
