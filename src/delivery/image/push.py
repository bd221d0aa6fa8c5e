"""Builds images, checks them and pushes them. An image that the registry has is neither built nor pushed again.

    the commit has its tag in the registry --> nothing to build
    build, and keep the digest only --> the registry has the digest --> unchanged --+
      | new                                                                         |
      +--> into a folder --> check the rules of Lambda ----+                        +--> sign --> tag with the commit
      +--> into the engine --> start it once, by its       +--> push --> the same   |
           health contract                                 |      digest? ----------+
             | refused: nothing was pushed ----------------+

An image depends on its context and its base only, so one image may have the tags of many commits. A promoted image is
not started again: Lambda ran it, and it was verified there.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import delivery.image  # which imports a module at its first use: only a run that signs needs those that do
from delivery import scratch
from delivery.aws import ecr
from delivery.context import RunContext
from delivery.errors import BuildError, DeliveryError, RefusedError
from delivery.health import Uncalled
from delivery.image import bake, check, inspect, layouts, login, network, start_check
from delivery.image.bake import Bake, Baked
from delivery.image.inspect import InspectedImage
from delivery.image.start_check import StartCheck
from delivery.process import parallel
from delivery.process.shell import Shell
from delivery.progress import Stage, Update
from delivery.reference import Image, PushedImage

if TYPE_CHECKING:
    from delivery.image.sign import Draft
    from delivery.image.signer import Signer

Built = tuple[PushedImage, InspectedImage]
"""An image as it was or would be pushed, and its content."""

_NOT_PUSHED = "nothing was pushed"
# Tags per image: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html; the rest is for releases.
_MOST_COMMITS = 900


@dataclass(frozen=True)
class Variables:
    """The environment variables of the functions, by image name, for the images that are started.

    `now`: those that the functions have. `decided`: waits for those that they will have.
    """

    now: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    decided: Callable[[], Mapping[str, Mapping[str, str]]] = dict


_NO_VARIABLES = Variables()


@dataclass(frozen=True)
class _Build:
    """What a build made. `known`: images that the registry has. `new`: those that it has not. `resolved`: image to
    digest, of the bases. `exported`: image name to digest, if it has written all images into a folder.
    """

    known: tuple[PushedImage, ...] = ()
    new: tuple[Image, ...] = ()
    resolved: Mapping[str, str] = field(default_factory=dict)
    exported: Mapping[str, str] = field(default_factory=dict)


def build(run: RunContext, images: tuple[Image, ...]) -> str:
    """Build into the local engine, and push nothing; return the counts of steps, for people.

    Raises BuildError or CloudError.
    """
    with _docker(run) as shell, run.progress.stage("build", interrupted=_NOT_PUSHED) as stage:
        baked = bake.build(_bake(run, images, "load"), run.settings.source, shell, stage.update)
        stage.warn(*baked.warnings)
        stage.done(baked.counts)
    return baked.counts


def push(
    run: RunContext,
    images: tuple[Image, ...],
    running: frozenset[PushedImage] = frozenset(),
    variables: Variables = _NO_VARIABLES,
    *,
    build: bool = True,
) -> tuple[PushedImage, ...]:
    """Build, check, start and push the images that the registry does not have, then tag all with the commit.

    `running`: images that functions have, which Lambda has accepted. `build`: false refuses to build. Raises
    BuildError, CloudError, ConfigurationError, or RefusedError when another image has the tag of the commit, or an
    image must be built.
    """
    tagged = _tagged(run, images)
    untagged = tuple(image for image in images if image not in tagged)
    if untagged and not build:
        raise _not_built(run, untagged)
    if untagged and _signs(run):
        delivery.image.signer.require_possible(run)
    with _docker(run) if untagged else contextlib.nullcontext(run.shell) as shell:
        build_ = _build(run, untagged, shell) if untagged else _Build()
        built = _export_and_check(run, build_, shell, variables) if build_.new else ()
        left = "layers may have been pushed; no function runs them"
        after = "the image is in the registry; no function runs it"
        with run.progress.stage("push", interrupted=left, after=after) as stage:
            unchanged = (*tagged.values(), *build_.known)
            unchecked = [image for image in unchanged if image not in running]
            parallel.map(run.shell, functools.partial(_check_pushed, run), unchecked)
            parallel.map(run.shell, lambda image: ecr.tag(run.aws, image, "latest"), unchanged)
            _push_and_sign(run, build_, built, shell, stage)
            full = parallel.map(run.shell, functools.partial(_tag_known, run), build_.known)
            stage.warn(*filter(None, full))
            parallel.map(run.shell, functools.partial(_tag, run), [image for image, _ in built])
            stage.done(*_summary(built, unchanged, _signature(run) if untagged else ""))
    pushed = (*unchanged, *(image for image, _ in built))
    return tuple(sorted(pushed, key=lambda image: image.name))


def complete(run: RunContext, images: tuple[Image, ...], pushed: tuple[PushedImage, ...]) -> None:
    """Sign what an earlier run pushed and tagged without a valid signature: it is built again, and compared.

    Raises RefusedError when the commit builds another image than the one that has its tag, or the errors of `push`.
    """
    if not _signs(run):
        return
    sign = delivery.image.sign
    by = delivery.image.signer.of_settings(run)
    lacking = parallel.map(run.shell, functools.partial(sign.missing, run, by), pushed)
    unsigned = [image for image, kinds in zip(pushed, lacking, strict=True) if kinds]
    if not unsigned:
        return
    again = tuple(image for image in images if image.name in {each.name for each in unsigned})
    with _docker(run) as shell, run.progress.stage("sign", interrupted="nothing was signed") as stage:
        baked = bake.build(_bake(run, again, "digest"), run.settings.source, shell, stage.update)
        for image in bake.pushed_images(again, baked.digests):
            if image not in unsigned:
                raise _another(run, image)
        _, drafts = sign.drafts(run, unsigned, baked.resolved, {})
        parallel.map(run.shell, functools.partial(sign.attach, run, by), drafts)
        stage.done(f"{_names(unsigned)} built again, and {_signature(run)}")


def rebuild(run: RunContext, images: tuple[Image, ...]) -> tuple[Built, ...]:
    """Build the images again without any cache, and push nothing; return them with their content.

    Raises BuildError or CloudError.
    """
    after = "the image was built again; nothing was pushed"
    with _docker(run) as shell, run.progress.stage("rebuild", interrupted=_NOT_PUSHED, after=after) as stage:
        layout = replace(_bake(run, images, "layout"), fresh=True)
        baked = bake.build(layout, run.settings.source, shell, stage.update)
        stage.warn(*baked.warnings)
        stage.done(f"commit {run.commit.short}: {baked.counts}")
    built = bake.pushed_images(images, baked.digests)
    return tuple((image, inspect.layout(image.name, layout.layout(image.name), image.digest)) for image in built)


def preview(run: RunContext, images: tuple[Image, ...]) -> tuple[Built, ...]:
    """The images that `push` would push, with their content; pushes and starts nothing.

    Raises BuildError for an image that breaks a rule of Lambda, or CloudError.
    """
    present = _tagged(run, images)
    access = ecr.authorize(run.aws)

    def read(image: PushedImage) -> Built:
        return image, inspect.pushed(run.aws, image, access)

    pushed = parallel.map(run.shell, read, tuple(present.values()))
    missing = tuple(image for image in images if image not in present)
    if not missing:
        return pushed
    with _docker(run) as shell:
        build_ = _build(run, missing, shell)
        pushed += parallel.map(run.shell, read, build_.known)
        return (*pushed, *_export_and_check(run, build_, shell)) if build_.new else pushed


def _not_built(run: RunContext, images: tuple[Image, ...]) -> RefusedError:
    names = ", ".join(image.name for image in images)
    why = f"The registry has no image of commit {run.commit.short}, and --no-build refuses to build it."
    if run.commit.dirty:
        why = "The work tree has changes, so its image must be built."
    hint = f"{run.settings.environment.command('push-image')}, or the same command without --no-build"
    return RefusedError(f"There is no image of {names} to deploy.", why, hint)


def _another(run: RunContext, image: PushedImage) -> RefusedError:
    what = f"{image.repository_name}:{run.commit.tag} is not the image that this commit builds, so it is not signed."
    why = f"The commit builds {image.digest}. Another builder, or somebody else, pushed the image that has its tag."
    hint = "find out who pushed it; `aws ecr batch-delete-image` removes its tag, and the same command then builds"
    return RefusedError(what, why, hint)


def _tagged(run: RunContext, images: tuple[Image, ...]) -> dict[Image, PushedImage]:
    """The images that the registry has for this commit; none for a dirty tree, whose tag proves nothing."""
    if run.commit.dirty:
        return {}
    found = parallel.map(run.shell, lambda image: ecr.find(run.aws, image, run.commit.tag), images)
    return {image: pushed for image, pushed in zip(images, found, strict=True) if pushed}


def _check_pushed(run: RunContext, image: PushedImage) -> None:
    check.require_pushed(run.aws, image, run.settings.platform, ecr.authorize(run.aws))


def _build(run: RunContext, images: tuple[Image, ...], shell: Shell) -> _Build:
    """Build the images, and look their digests up in the registry.

    Images whose layouts an earlier run has left are written into these at once: that costs no more than the digest.
    """
    after = "the image was built; nothing was pushed"
    layout = _bake(run, images, scratch.LAYOUTS)
    exports = layouts.take(scratch.kept_layouts(run.scratch), layout.folder, layout.targets)
    with run.progress.stage("build", interrupted=_NOT_PUSHED, after=after) as stage:
        chosen = layout if exports else _bake(run, images, "digest")
        baked = bake.build(chosen, run.settings.source, shell, stage.update)
        stage.warn(*baked.warnings)
        stage.done(baked.counts)
    built = bake.pushed_images(images, baked.digests)
    exist = parallel.map(run.shell, functools.partial(ecr.exists, run.aws), built)
    found = list(zip(images, built, exist, strict=True))
    known = tuple(pushed for _, pushed, here in found if here)
    new = tuple(image for image, _, here in found if not here)
    return _Build(known, new, baked.resolved, baked.digests if exports else {})


def _export_and_check(
    run: RunContext, build_: _Build, shell: Shell, variables: Variables | None = None
) -> tuple[Built, ...]:
    """Check the new images, and start them beside that if there are `variables` to start them with.

    An image that breaks a rule of Lambda is refused for that, whatever its start shows.
    """
    with run.progress.stage("check", interrupted=_NOT_PUSHED) as stage:

        def inspected() -> tuple[Built, ...]:
            return _inspect(run, build_, shell, stage)

        if variables:
            starts = functools.partial(_load_and_start, run, build_.new, variables, shell, stage.update)
            built, (loaded, outcomes) = parallel.both(shell, inspected, starts)
            if loaded != tuple(image for image, _ in built):
                raise BuildError("The image that was started is not the checked image.", "", "deploy again")
            started = tuple(outcome() for outcome in outcomes)
        else:
            built = inspected()
            started = ("",) * len(built)
        stage.done(*_one_line_each([_checked(*each, result) for each, result in zip(built, started, strict=True)]))
    return built


def _inspect(run: RunContext, build_: _Build, shell: Shell, stage: Stage) -> tuple[Built, ...]:
    """Build the images into a folder, unless they are there, and check the rules of Lambda there. Raises BuildError."""
    layout, digests = _bake(run, build_.new, scratch.LAYOUTS), build_.exported
    if not digests:
        baked = bake.build(layout, run.settings.source, shell, stage.update)
        stage.warn(*baked.warnings)
        digests = baked.digests
    built = []
    for image in bake.pushed_images(build_.new, digests):
        stage.update(f"checking {image.name}")
        inspected = inspect.layout(image.name, layout.layout(image.name), image.digest)
        check.require(inspected, run.settings.platform)
        if check.runs_as_root(inspected):
            stage.warn(f"{image.name} names root as its user; Lambda runs it as a user without its rights.")
        built.append((image, inspected))
    return tuple(built)


def _load(run: RunContext, images: tuple[Image, ...], shell: Shell, update: Update) -> Baked:
    """Build the images into the local engine. Raises BuildError."""
    for left in reversed(range(start_check.TRIES)):
        try:
            return bake.build(_bake(run, images, "load"), run.settings.source, shell, update)
        except BuildError as error:
            if not (left and start_check.COLLECTED.search(str(error))):
                raise
    raise AssertionError("the last try returns or raises")


def _load_and_start(
    run: RunContext, images: tuple[Image, ...], variables: Variables, shell: Shell, update: Update
) -> tuple[tuple[PushedImage, ...], tuple[Callable[[], str], ...]]:
    """Start each image that may be called; return the images, and for each a function with its result for people.

    That function raises DeliveryError if the image does not start.
    """
    loaded = bake.pushed_images(images, _load(run, images, shell, update).digests)
    update(f"starting {_names(loaded)} as Lambda does")

    def start(image: PushedImage) -> Callable[[], str]:
        def load() -> object:
            return _load(run, (Image(image.name, image.repository),), shell, update)

        def with_variables(given: Mapping[str, str]) -> str:
            reference = f"{image.repository}:{run.commit.tag}"
            checked = StartCheck(reference, start_check.settings(reference, shell), run.settings.platform, load, given)
            # Images that start at the same time share the processors.
            return _start(run, checked, shell, start_check.DEADLINE * len(images))

        return _outcome(lambda: _started(image.name, variables, with_variables))

    return loaded, parallel.map(run.shell, start, loaded)


def _outcome(work: Callable[[], str]) -> Callable[[], str]:
    """Do the work, and return a function that returns its result or raises its error."""
    try:
        result = work()
    except DeliveryError as error:
        failed = error

        def fail() -> str:
            raise failed

        return fail
    return lambda: result


def _started(name: str, variables: Variables, start: Callable[[Mapping[str, str]], str]) -> str:
    """Start an image with the variables that its function has now, and again only if it will have others.

    So the start waits for no plan, and what it shows counts once the plan has left the variables as they are.
    """
    now = variables.now.get(name)
    early = None if now is None else _outcome(lambda: start(now))
    decided = variables.decided().get(name, {})
    return early() if early and decided == now else start(decided)


def _start(run: RunContext, start: StartCheck, shell: Shell, deadline: float) -> str:
    if isinstance(start.contract, Uncalled):
        return f"not started: {start.contract.reason}"
    program = start_check.emulator(run.settings.root / ".cache", run.settings.platform, shell)
    return start_check.run_check(start, program, shell, run.scratch, deadline)


def _push_and_sign(run: RunContext, build_: _Build, built: tuple[Built, ...], shell: Shell, stage: Stage) -> None:
    """Push the new images, and read beside that what is signed of all that this run has built; then sign it."""
    cache, (by, drafts) = parallel.both(
        run.shell, lambda: _push(run, build_.new, built, shell, stage.update), lambda: _drafts(run, build_, built)
    )
    stage.warn(*cache)
    if by:
        stage.update(f"signing {_names(draft.image for draft in drafts)}")
        parallel.map(run.shell, functools.partial(delivery.image.sign.attach, run, by), drafts)


def _push(
    run: RunContext, images: tuple[Image, ...], built: tuple[Built, ...], shell: Shell, update: Update
) -> tuple[str, ...]:
    """Push the images; return what went wrong with the build cache."""
    if not images:
        return ()
    checked = tuple(image for image, _ in built)
    baked = bake.build(_bake(run, images, "push"), run.settings.source, shell, update)
    pushed = bake.pushed_images(images, baked.digests)
    if pushed != checked:
        why = f"The checked image is {_names(checked)}. The pushed one got no tag of its commit, and is not deployed."
        raise BuildError(f"{_names(pushed)} was pushed, which is not the checked image.", why, "deploy again")
    return baked.warnings


def _drafts(run: RunContext, build_: _Build, built: tuple[Built, ...]) -> "tuple[Signer | None, tuple[Draft, ...]]":
    """Who signs what is said of the images, and that; nobody and nothing if this run signs nothing."""
    if not _signs(run) or not (built or build_.known):
        return None, ()
    bake_, opener = _bake(run, (), "layout"), delivery.image.layers.in_layout
    layouts = {image.name: (inspected, opener(bake_.layout(image.name))) for image, inspected in built}
    images = (*build_.known, *(image for image, _ in built))
    return delivery.image.sign.drafts(run, images, build_.resolved, layouts)


def _signs(run: RunContext) -> bool:
    """Whether this run signs what it builds: not a dirty work tree, whose content is in no commit."""
    return bool(run.settings.sign_with) and not run.commit.dirty


def _signature(run: RunContext) -> str:
    """Who signed, for people."""
    return f"signed by {run.settings.sign_with}" if _signs(run) else "not signed"


def _tag_known(run: RunContext, image: PushedImage) -> str:
    """Tag an image that the registry has with one more commit; return a warning if it has too many already."""
    if len(ecr.commits(ecr.image_tags(run.aws, image))) >= _MOST_COMMITS:
        return f"{image.name} has the tags of {_MOST_COMMITS} commits, and gets no more: ECR allows 1,000 tags."
    _tag(run, image)
    return ""


def _tag(run: RunContext, image: PushedImage) -> None:
    """Tag an image with the commit; a clean commit takes its tag from no other image."""
    tag = ecr.tag if run.commit.dirty else ecr.claim
    tag(run.aws, image, run.commit.tag)


def _checked(image: PushedImage, inspected: InspectedImage, started: str) -> str:
    size = f"{inspected.uncompressed / 1e6:.0f} MB uncompressed"
    return f"{image.name} {image.short_digest}: {', '.join(filter(None, (size, started)))}"


def _summary(built: tuple[Built, ...], unchanged: tuple[PushedImage, ...], signature: str) -> tuple[str, ...]:
    first, *details = _images(built, unchanged)
    return (", ".join(filter(None, (first, signature))), *details)


def _images(built: tuple[Built, ...], unchanged: tuple[PushedImage, ...]) -> tuple[str, ...]:
    new = [f"{image.name} {image.short_digest} ({inspected.size})" for image, inspected in built]
    if not unchanged:
        return _one_line_each(new)
    names = _names(unchanged) if len(unchanged) == 1 else str(len(unchanged))
    if not new:
        return (f"{names} unchanged",)
    first, *details = _one_line_each(new)
    return (f"{first}; {names} unchanged", *details)


def _one_line_each(texts: list[str]) -> tuple[str, ...]:
    """The line of a stage about these images, and the lines below it if there are several."""
    return (texts[0],) if len(texts) == 1 else (f"{len(texts)} images", *texts)


def _names(images: Iterable[PushedImage]) -> str:
    return ", ".join(f"{image.name} {image.short_digest}" for image in images)


def _bake(run: RunContext, images: tuple[Image, ...], output: str) -> Bake:
    inherited = run.shell.variables
    variables = bake.variables(run.settings, run.commit, inherited)
    around = network.inherited(inherited, proxied=login.proxied(run.shell))
    names = tuple(image.name for image in images)
    return Bake(names, run.settings.environment, variables, run.scratch / output, output, around)


@contextlib.contextmanager
def _docker(run: RunContext) -> Iterator[Shell]:
    """A shell whose docker is logged in to the environment's registry, which has the build cache too."""
    access = ecr.authorize(run.aws)
    with login.logged_in(run.scratch, run.settings.environment, access.password, run.shell) as shell:
        yield shell
