"""`invoke deploy`: from a commit to a version that serves.

    guards --+-- image: build -> check -> push -> scan (vulnerabilities.py) --> PushedImage -----+
             +-- terraform: init -> plan with the images that the functions have now -> Plan ----+
                                                                                                 |
      it is empty (nearly always): Lambda takes the digest; then the state records it      <---+
      it is not: plan with the digest -> shown, confirmed -> apply exactly that              <---+
                                          |
    Release <-- URL opened <-- alias `live` moves <-- it is verified <-- a version is published
                     | fails: the alias returns       | fails: the alias stays, the old version serves, exit 7

Terraform owns the function, image included; tags are for people. Given to Lambda at once, a digest leads to the state
that Terraform would reach with fixed waits: https://github.com/hashicorp/terraform-provider-aws waits after each update
of a function. The alias belongs to this command, so that no version serves before it was verified. That holds for the
first version too: the first apply makes a function that nobody can call, and a second, short one connects the verified
version to an alias and a URL. Each step reads first what exists, so the next deploy continues an interrupted one.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import cast

from delivery import git
from delivery.aws import bucket, ecr, function, function_code
from delivery.aws.function import Alias, Function, Version
from delivery.aws.function_code import Unpublished
from delivery.commands import bootstrap, declared, deployed, new, selection, short_way
from delivery.commands.deployed import Deployed, DeployPlan
from delivery.context import RunContext, require_docker
from delivery.errors import CloudError, DeliveryError, RefusedError, TerraformError
from delivery.image import bake, push, trust, vulnerabilities
from delivery.image.vulnerabilities import Scanned
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import Image, PushedImage
from delivery.release import hold, live
from delivery.release.canary import AliasMove, Step
from delivery.release.live import Release
from delivery.terraform import stages, state, variables
from delivery.terraform.plan import Plan, Stack


def guard(run: RunContext, only: tuple[str, ...] = ()) -> tuple[Image, ...]:
    """Refuse everything that can be refused before anything changes; return all images of the project.

    `only`: the names of the images that will be deployed; without names, all.
    An environment with `bootstraps: true` gets its missing bucket and repositories here. Raises MissingToolError,
    RefusedError, ConfigurationError or CloudError.
    """
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        (versions, names), _ = parallel.both(run.shell, lambda: _docker(run, only), lambda: _require_allowed(run))
        chosen = selection.images(names, only)
        stage.done(f"{versions}, commit {run.commit.short}")
    needed = run.settings.bootstraps and bootstrap.needed(run, names)
    if needed:
        bootstrap.apply(run, bootstrap.plan(run, names))
    if needed or not run.settings.bootstraps:
        bootstrap.require(run, chosen)
    return bake.images(run.settings, names)


def plan(
    run: RunContext, destroy: tuple[str, ...] = (), only: tuple[str, ...] = (), *, build: bool = True
) -> DeployPlan:
    """Push the images, and plan what they and the infrastructure change.

    `destroy`: addresses of resources that a protected environment may lose. Raises RefusedError for any other.
    `only`: the images to deploy (default: all); every other function keeps its image, its version and its alias.
    `build`: false refuses to build; the registry must have the images of the commit.
    """
    images, (stack, now) = parallel.both(run.shell, lambda: guard(run, only), lambda: _initialised(run))
    stack = stack or stages.init(run, state.STACK)  # the guards have made the bucket
    now = {image.name: now[image.name] for image in images if image.name in now}
    chosen = tuple(image for image in images if not only or image.name in only)
    others, stack = _others(images, chosen, now), _targeting(run, stack, images, chosen, now)
    given: Future[Callable[[], declared.Variables]] = Future()  # a push waits for it only if it starts an image

    def push_chosen() -> tuple[PushedImage, ...]:
        running = frozenset(each.image for each in now.values() if each.image)
        starts = push.Variables(declared.of_functions(now), lambda: given.result()())
        return push.push(run, chosen, running, starts, build=build)

    (pushed, verified, scanned), looked = parallel.both(
        run.shell,
        lambda: _pushed(run, push_chosen, now),
        lambda: _look_and_give(run, stack, chosen, now, given),
    )
    if looked and looked.empty:
        planned = DeployPlan(pushed, looked, now, verified, others, scanned)
    else:
        unchanged = looked if all(deployed.runs(now, image) for image in pushed) else None
        decided = _decided(run, stack, unchanged, pushed, now)
        planned = DeployPlan(pushed, decided, {}, verified, others, scanned)
        planned.terraform.require_harmless(run.settings.environment, destroy)
    if planned.updates or not planned.terraform.empty:
        # Before a version runs the image; `prune` removes the tag's image later.
        parallel.map(run.shell, functools.partial(ecr.protect, run.aws), pushed)
    return planned


def apply(run: RunContext, planned: DeployPlan) -> tuple[Version, ...]:
    """Make exactly the planned changes, and publish every function; return the versions.

    A run that was killed after Lambda's update and before PublishVersion left an empty plan and a change without a
    version: this publishes the version. Raises TerraformError, UnhealthyError, RefusedError or CloudError.
    """
    hold.require_none(run)
    versions = _apply(run, planned)
    return short_way.with_state(run, planned, versions, lambda: versions)


def deliver(run: RunContext, planned: DeployPlan, steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Make the planned changes, verify the new version of every function, and only then make all of them live.

    `steps`: the steps of a canary; without steps the alias moves at once. Raises TerraformError, UnhealthyError,
    RefusedError or CloudError.
    """
    hold.require_none(run)
    versions = _apply(run, planned)
    if steps or any(each.alias is None for each, _ in planned.functions):
        # The state is written before: an interrupt must end a canary, and only the main thread gets it; a connection
        # takes the lock of the state.
        verified = short_way.with_state(run, planned, versions, lambda: _verified(run, planned, versions))
        return _release(run, planned, verified, steps)
    return short_way.with_state(
        run, planned, versions, lambda: _release(run, planned, _verified(run, planned, versions))
    )


def _docker(run: RunContext, only: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The versions of docker and buildx for people, and the names of the images."""
    return parallel.both(run.shell, lambda: require_docker(run), lambda: bake.targets(run.settings, run.shell, only))


def _require_allowed(run: RunContext) -> None:
    bucket.exists(run.aws)  # refuses a bucket of somebody else
    vulnerabilities.require_readable(run)
    if not run.settings.environment.protected:
        return
    if run.commit.dirty:
        raise RefusedError(
            f"{run.settings.environment.name} is protected, and the work tree has changes.",
            "A protected environment runs commits only.",
            "git commit, then deploy again",
        )
    git.require_merged(run.settings.root, run.commit.sha, run.settings.default_branch, run.shell)


def _initialised(run: RunContext) -> tuple[Stack | None, Mapping[str, Deployed]]:
    """The root module, None as long as its bucket does not exist; and the functions as they are now, by image."""
    if not bucket.exists(run.aws):
        return None, {}
    return parallel.both(run.shell, lambda: stages.init(run, state.STACK), lambda: deployed.read(run))


def push_images(run: RunContext) -> tuple[PushedImage, ...]:
    """Push the images of this commit, and sign them. A new one is started with the variables that its function has now.

    Raises the errors of `guard`, BuildError, RefusedError or CloudError.
    """
    images = guard(run)
    pushed = push.push(run, images, variables=push.Variables(decided=lambda: declared.of_functions(deployed.read(run))))
    push.complete(run, images, pushed)
    return pushed


def _others(
    images: tuple[Image, ...], chosen: tuple[Image, ...], now: Mapping[str, Deployed]
) -> Mapping[str, Deployed]:
    """The functions that keep what they have."""
    names = [image.name for image in images if image not in chosen]
    return {name: now[name] for name in names if name in now and now[name].uri}


def _targeting(
    run: RunContext, stack: Stack, images: tuple[Image, ...], chosen: tuple[Image, ...], now: Mapping[str, Deployed]
) -> Stack:
    """The root module, limited to the functions that there are if another one, not chosen, has never been deployed.

    Terraform makes no function without an image. Its outputs stay as they are then, so each chosen function must be
    live already; raises RefusedError for one that is not.
    """
    there = [image.name for image in images if image.name in now and now[image.name].uri]
    missing = [image.name for image in images if image not in chosen and image.name not in there]
    if not missing:
        return stack
    modules = new.modules(run.settings.source)
    if not all(each.name in modules and each.name in now and now[each.name].complete for each in chosen):
        what = f"{', '.join(missing)} has never been deployed, so a first deploy of another function needs it."
        why = "The infrastructure of all functions is one, and a function needs an image."
        hint = run.settings.environment.command(
            "deploy", "--only", ",".join([*(each.name for each in chosen), *missing])
        )
        raise RefusedError(what, why, hint)
    with run.progress.stage("targets", interrupted=UNCHANGED) as stage:
        stage.warn(f"{', '.join(missing)} has never been deployed: it, and what is no function, stay as they are")
        stage.done(", ".join(there))
    return replace(stack, targets=tuple(modules[name] for name in there if name in modules))


def _pushed(
    run: RunContext, push_chosen: Callable[[], tuple[PushedImage, ...]], now: Mapping[str, Deployed]
) -> tuple[tuple[PushedImage, ...], frozenset[Version], tuple[Scanned, ...]]:
    """The pushed images, the live versions that run one of them and were verified again, and the images' scans.

    Raises RefusedError for an image that has not what the environment requires.
    """
    pushed = push_chosen()
    same = [now[image.name] for image in pushed if deployed.runs(now, image)]
    (_, scanned), verified = parallel.both(
        run.shell,
        lambda: _required(run, pushed),
        lambda: parallel.map(run.shell, functools.partial(_verify_live, run), same),
    )
    return pushed, frozenset(filter(None, verified)), scanned


def _required(run: RunContext, images: tuple[PushedImage, ...]) -> tuple[None, tuple[Scanned, ...]]:
    return parallel.both(
        run.shell, lambda: _require_trusted(run, images), lambda: vulnerabilities.check(run, run.aws, images)
    )


def _require_trusted(run: RunContext, images: tuple[PushedImage, ...]) -> None:
    if not trust.required(run):
        return
    with run.progress.stage("trust", interrupted="the image is in the registry; no function runs it") as stage:
        parallel.map(run.shell, lambda image: trust.require(run, run.aws, image, run.commit.tag), images)
        stage.done(f"SBOM and provenance of {run.commit.short} are signed as {run.settings.environment.name} requires")


def _verify_live(run: RunContext, now: Deployed) -> Version | None:
    """The live version, if it has the image that the function has now and is healthy; a failure counts later."""
    if now.alias is None or now.alias.weights:
        return None
    with contextlib.suppress(DeliveryError):
        version = function.read_version(run.aws, now.function, now.alias.version)
        if version.pushed_image == now.image:
            live.verify_version(run, version)
            return version
    return None


def _look_and_give(
    run: RunContext,
    stack: Stack,
    images: tuple[Image, ...],
    now: Mapping[str, Deployed],
    given: Future[Callable[[], declared.Variables]],
) -> Plan | None:
    """Look, and give the push the variables of the functions, or the failure that it would wait for."""
    try:
        looked = _look(run, stack, images, now)
        saved = looked or declared.plan(run, stack, images, now)
        if saved.empty:
            given.set_result(lambda: declared.of_functions(now))
        else:
            given.set_result(lambda: declared.of_plan(run, saved, images))
    except BaseException as error:
        given.set_exception(error)
        raise
    return looked


def _look(run: RunContext, stack: Stack, images: tuple[Image, ...], now: Mapping[str, Deployed]) -> Plan | None:
    """A plan with the images that the functions have now; None if there is an image without a function."""
    have = {image.name: now[image.name].image for image in images if image.name in now}
    uris = {name: image.uri for name, image in have.items() if image}
    if len(uris) < len(images):
        return None
    with run.progress.stage("plan", interrupted=UNCHANGED) as stage:
        saved = stages.look(run, stack, _values(run, uris, now), stage.update)
        stage.done(saved.counts if saved.empty else "the infrastructure changes")
    return saved


def _decided(
    run: RunContext,
    stack: Stack,
    unchanged: Plan | None,
    pushed: tuple[PushedImage, ...],
    now: Mapping[str, Deployed],
) -> Plan:
    """The plan with the pushed images: `unchanged` if no image changes."""
    with run.progress.stage("plan", interrupted=UNCHANGED) as stage:
        if unchanged:
            saved = stages.read_back(run, unchanged)
        else:
            uris = {image.name: image.uri for image in pushed}
            saved = stages.plan(run, stack, _values(run, uris, now), stage.update)
        stage.done(saved.counts)
    return saved


def _values(run: RunContext, uris: Mapping[str, str], now: Mapping[str, Deployed]) -> dict[str, object]:
    live_versions = {name: each.alias.version for name, each in now.items() if each.alias}
    uris = {name: each.uri for name, each in now.items()} | dict(uris)
    return variables.service(run.settings, uris, live_versions)


def _apply(run: RunContext, planned: DeployPlan) -> tuple[Version, ...]:
    left = "what was changed is recorded, here or by the next deploy; the alias was not moved"
    with run.progress.stage("apply", interrupted=left, after="apply is complete; the alias was not moved") as stage:
        if planned.deployed:
            unpublished = short_way.update(run, planned, stage.update)
        else:
            if not planned.terraform.empty:
                stages.apply(run, planned.terraform, stage.update)
            unpublished = _read_applied(run, planned)
        stage.update("publishing")
        known = {each.image: each for each in planned.verified}

        def publish(each: Unpublished) -> Version:
            return function_code.publish(run.aws, each, run.commit.tag, known.get(each.function.image))

        versions = parallel.map(run.shell, publish, unpublished)
        stage.done(planned.counts)
    return versions


def _read_applied(run: RunContext, planned: DeployPlan) -> tuple[Unpublished, ...]:
    """The functions after an apply. Raises RefusedError if one has another image than the plan."""
    images = {image.name: image for image in planned.images}

    def read(each: Function) -> Unpublished:
        return function_code.end_update(run.aws, each, images[each.image])

    return parallel.map(run.shell, read, [each for each in state.require_functions(run) if each.image in images])


def _verified(
    run: RunContext, planned: DeployPlan, versions: tuple[Version, ...]
) -> tuple[tuple[Version, ...], Mapping[str, Alias]]:
    """Verify the versions that were not verified while Terraform planned; return all, and the aliases."""
    found = parallel.map(run.shell, functools.partial(function.find_alias, run.aws), versions)
    aliases = [(each, alias) for each, alias in zip(versions, found, strict=True) if alias]
    ended = parallel.map(run.shell, lambda pair: live.end_canary(run, *pair), aliases)
    before = {each.image: alias for (each, _), alias in zip(aliases, ended, strict=True)}
    new = [each for each in versions if each not in planned.verified]
    parallel.map(run.shell, functools.partial(live.verify_version, run), new)
    return versions, before


def _release(
    run: RunContext,
    planned: DeployPlan,
    verified: tuple[tuple[Version, ...], Mapping[str, Alias]],
    steps: tuple[Step, ...] = (),
) -> tuple[Release, ...]:
    """Make verified versions live. `verified`: the versions, and the aliases by image name where there is one."""
    versions, before = verified
    if run.shell.stopped:  # an interrupt reaches only the main thread, and this may be another one
        raise KeyboardInterrupt
    with contextlib.suppress(CloudError):  # it was read before; it may have been held during the verification
        hold.require_none(run)
    if len(before) < len(versions):
        versions = _connect(run, planned, versions, before)

    def move(each: Version) -> AliasMove:
        return AliasMove(each, before.get(each.image) or function.read_alias(run.aws, each))

    return live.make_live(run, parallel.map(run.shell, move, versions), steps)


def _connect(
    run: RunContext, planned: DeployPlan, versions: tuple[Version, ...], live_aliases: Mapping[str, Alias]
) -> tuple[Version, ...]:
    """Make the alias and the URL of the functions that had no verified version; return all versions, with their URLs.

    `live_aliases`: image name to the alias of each other function. Raises TerraformError or CloudError.
    """
    left = "the first version was verified; Terraform recorded in its state what it had connected"
    with run.progress.stage("connect", interrupted=left, after="the first version has its alias and its URL") as stage:
        first = [each for each in versions if each.image not in live_aliases]
        # Before the version serves
        parallel.map(run.shell, lambda each: ecr.tag_release(run.aws, each.pushed_image, each.version), first)
        live_versions = {each.image: each.version for each in versions}
        live_versions |= {image: alias.version for image, alias in live_aliases.items()}
        uris = {each.image: each.pushed_image.uri for each in versions}
        values = _values(run, uris, planned.others)
        values["live_versions"] = {**cast(dict[str, str], values["live_versions"]), **live_versions}
        saved = stages.plan(run, replace(planned.terraform.stack, refreshes=False), values, stage.update)
        if saved.updates or saved.deletes:
            raise TerraformError(
                "The infrastructure was changed while the first version was verified.",
                "\n".join(saved.changes),
                run.settings.environment.command("deploy"),
            )
        stages.apply(run, saved, stage.update)
        stage.done(", ".join(f"{each.image} version {each.version}" for each in first))
    urls = {each.image: each.url for each in state.require_functions(run)}
    return tuple(replace(each, url=urls[each.image]) for each in versions)
