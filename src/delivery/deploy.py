"""The story of a deploy.

    guards --+-- docker.publish ---> PublishedImage --+
             +-- terraform.init ---> Stack -----------+--> Plan --> apply --> new version
                                                                                  |
             Release <-- URL open <-- alias `live` moves <-- its stream verified <+
                                                             | fails: the alias stays, the old version serves

What is applied is the digest that was published; tags are for people. Terraform owns the function and publishes the
version; the alias's target belongs to this story, so nothing serves before it was verified. (The first version of all
has the alias from the start, because a Function URL needs one; a public URL stays closed until it was verified.) Every
step looks at what exists first, so a deploy that was cut off anywhere is continued by the next one.
"""

import functools
from collections.abc import Callable, Mapping

from delivery import bootstrap, docker, function, lock, parallel, publish, registry, source, state, terraform
from delivery import release as releasing
from delivery.canary import Move, Step
from delivery.errors import RefusedError
from delivery.function import Function
from delivery.image import Image
from delivery.plan import Plan, Stack
from delivery.release import Release
from delivery.workbench import Workbench, require_docker

STACK = state.STACK
_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}  # OCI's name to Lambda's


def guard(bench: Workbench) -> tuple[Image, ...]:
    """Everything that can be refused before anything changes; returns the images we intend.

    Raises MissingToolError, RefusedError, ConfigurationError or CloudError.
    """
    with bench.progress.stage("guards") as stage:
        versions = require_docker(bench)
        if bench.settings.environment.protected:
            _require_commit_of_everyone(bench)
        names = docker.targets(bench.settings, bench.shell)
        stage.done(f"{versions}, commit {bench.source.short}")
    if bench.settings.bootstraps and bootstrap.needed(bench, names):
        bootstrap.apply(bench, bootstrap.plan(bench, names))
    images = docker.images(bench.settings, names, bench.source)
    registry.require_repositories(bench.aws, images)
    return images


def plan(bench: Workbench, images: tuple[Image, ...], destroy: tuple[str, ...] = ()) -> Plan:
    """Publish while Terraform initialises, then plan on the digests.

    `destroy`: addresses that may be destroyed although the environment is protected. Raises RefusedError for others.
    """
    published, stack = parallel.both(bench.shell, lambda: publish.publish(bench, images), lambda: initialise(bench))
    with bench.progress.stage("plan") as stage:
        values = values_of(bench, {image.name: image.uri for image in published}, bench.source.tag)
        work = functools.partial(terraform.plan, stack, values, bench.scratch, bench.shell, stage.say)
        saved = lock.patiently(bench.aws, stack, bench.shell, stage.say, work)
        stage.done(saved.words()[-1])
    for words in saved.words()[:-1]:
        bench.progress.detail(words)
    saved.require_harmless(bench.settings.environment, destroy)
    if not saved.empty:
        for image in published:
            registry.keep(bench.aws, image)  # from before the first version runs it, until `prune` finds none left
    return saved


def values_of(bench: Workbench, images: Mapping[str, str], commit: str) -> dict[str, object]:
    """What the service's root module is told. `images`: what each function is to run, by digest."""
    return {
        **bootstrap.vars_of(bench.settings.environment),
        "images": dict(images),
        "commit": commit,
        "architecture": _ARCHITECTURES[bench.settings.platform],
    }


def apply(bench: Workbench, saved: Plan) -> tuple[Function, ...]:
    """Apply exactly that plan; returns the functions with their new versions.

    A run that was killed between Lambda's update and its publication left Terraform nothing to change, and the change
    without a version: it gets one here, and the state learns of it.
    """

    def locked(work: Callable[..., None]) -> None:
        doing = functools.partial(work, saved, bench.shell, stage.say)
        lock.patiently(bench.aws, saved.stack, bench.shell, stage.say, doing)

    with bench.progress.stage("apply") as stage:
        if not saved.empty:
            locked(terraform.apply)
        targets = state.current(bench)
        if all(function.publish(bench.aws, target) == target.version for target in targets):
            stage.done("nothing to do" if saved.empty else saved.done())
        else:
            locked(terraform.refresh)
            targets = state.current(bench)
            stage.done("what a killed run had changed has a version now")
    return targets


def deliver(bench: Workbench, saved: Plan, steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Apply a plan, verify every function's new version, and only then make them live, in steps if there are any."""
    targets = apply(bench, saved)
    moves = [Move(one, releasing.settled(bench, one, function.alias(bench.aws, one))) for one in targets]
    for target in targets:
        releasing.check(bench, target)
    return releasing.release(bench, tuple(moves), steps)


def initialise(bench: Workbench, name: str = STACK) -> Stack:
    """A root module's Terraform, ready to plan."""
    with bench.progress.stage("init") as stage:
        stack = terraform.init(bench.settings, name, bench.shell, stage.say)
        stage.done(f"terraform is ready for {bench.settings.environment.name}")
    return stack


def _require_commit_of_everyone(bench: Workbench) -> None:
    if bench.source.dirty:
        raise RefusedError(
            f"{bench.settings.environment.name} is protected, and the work tree has changes.",
            "What runs there must be a commit.",
            "git commit, then deploy again",
        )
    source.require_merged(bench.settings.root, bench.source.commit, bench.settings.default_branch, bench.shell)
