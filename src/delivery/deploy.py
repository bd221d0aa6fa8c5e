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
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery import (
    bootstrap,
    clock,
    docker,
    function,
    function_url,
    lock,
    parallel,
    publish,
    registry,
    source,
    terraform,
    verify,
)
from delivery.errors import RefusedError, UnhealthyError
from delivery.function import Alias, Function
from delivery.image import Image, PublishedImage
from delivery.terraform import Plan, Stack
from delivery.workbench import Workbench, require_docker

STACK = "service"
_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}  # OCI's name to Lambda's


@dataclass(frozen=True)
class Release:
    """A version that was verified and made live."""

    environment: str
    image: str
    version: str
    url: str
    public: bool
    verified_at: datetime


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
        values = {
            **bootstrap.vars_of(bench.settings.environment),
            "images": {image.name: image.uri for image in published},
            "commit": bench.source.tag,
            "architecture": _ARCHITECTURES[bench.settings.platform],
        }
        work = functools.partial(terraform.plan, stack, values, bench.scratch, bench.shell, stage.say)
        saved = lock.patiently(bench.aws, stack, bench.shell, stage.say, work)
        stage.done(saved.words()[-1])
    for words in saved.words()[:-1]:
        bench.progress.detail(words)
    saved.require_harmless(bench.settings.environment, destroy)
    return saved


def apply(bench: Workbench, saved: Plan) -> tuple[Function, ...]:
    """Apply exactly that plan; returns the functions with their new versions."""
    with bench.progress.stage("apply") as stage:
        outputs: dict[str, Any]
        if saved.empty:
            outputs = terraform.outputs(saved.stack, bench.shell)
            stage.done("nothing to do")
        else:
            work = functools.partial(terraform.apply, saved, bench.shell, stage.say)
            outputs = lock.patiently(bench.aws, saved.stack, bench.shell, stage.say, work)
            stage.done(saved.done())
    return function.deployed(outputs)


def check(bench: Workbench, target: Function) -> None:
    """Verify the newest version's stream: it has to name the commit it was deployed as.

    Raises UnhealthyError; the alias has not moved then.
    """
    with bench.progress.stage("verify") as stage:
        stage.say(f"waiting for version {target.version}")
        function.wait_active(bench.aws, target)
        stage.say(f"opening the stream of version {target.version}")
        commit = function.commit(bench.aws, target)
        health = verify.verify(bench.aws, target, commit, bench.settings.deadlines)
        stage.done(f"{target.image} version {target.version}: {health.words()}")
    bench.progress.fact("digest", target.digest)
    bench.progress.fact("tag", commit)


def release(bench: Workbench, target: Function, seen: Alias) -> Release:
    """Move the alias, if it still names what was `seen` before the verification; open the URL, tag the image."""
    with bench.progress.stage("release") as stage:
        # Before the move: retention protects what a release tag names, so it must never lag behind what serves.
        repository, _, digest = target.image_uri.partition("@")
        registry.tag_release(bench.aws, PublishedImage(target.image, repository, digest), target.version)
        if seen.version != target.version:
            function.move(bench.aws, target, seen)
        public = function_url.settle(bench.aws, target)
        moved = f"{seen.version} -> {target.version}" if seen.version != target.version else target.version
        stage.done(f"alias {target.alias}: version {moved}, open to {'everyone' if public else 'signed requests'}")
    where = bench.settings.environment.name
    return Release(where, target.image, target.version, target.stream_url, public, clock.now())


def deliver(bench: Workbench, saved: Plan) -> tuple[Release, ...]:
    """Apply a plan, verify every function's new version, and only then make them live."""
    targets = apply(bench, saved)
    seen = [function.alias(bench.aws, target) for target in targets]
    for target in targets:
        check(bench, target)
    return tuple(release(bench, target, alias) for target, alias in zip(targets, seen, strict=True))


def words(released: Release) -> str:
    """A release, and what to type to see it."""
    see = f"curl -N {released.url}" if released.public else f"./dev invoke stream --env {released.environment}"
    return f"{released.image} version {released.version} streams:\n  {see}"


def initialise(bench: Workbench, name: str = STACK) -> Stack:
    """A root module's Terraform, ready to plan."""
    with bench.progress.stage("init") as stage:
        stack = terraform.init(bench.settings, name, bench.shell, stage.say)
        stage.done(f"terraform is ready for {bench.settings.environment.name}")
    return stack


def current(bench: Workbench) -> tuple[Function, ...]:
    """The functions as they are deployed. Raises UnhealthyError when there are none."""
    if not (found := functions(bench)):
        raise UnhealthyError("Nothing is deployed yet.", "", "invoke deploy --env ...")
    return found


def functions(bench: Workbench) -> tuple[Function, ...]:
    """The functions as they are deployed, none before the first deploy."""
    outputs = terraform.outputs(initialise(bench), bench.shell)
    return function.deployed(outputs) if "functions" in outputs else ()


def _require_commit_of_everyone(bench: Workbench) -> None:
    if bench.source.dirty:
        raise RefusedError(
            f"{bench.settings.environment.name} is protected, and the work tree has changes.",
            "What runs there must be a commit.",
            "git commit, then deploy again",
        )
    source.require_merged(bench.settings.root, bench.source.commit, bench.settings.default_branch, bench.shell)
