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

from delivery import git
from delivery.aws import ecr, function
from delivery.aws.function import Function
from delivery.commands import bootstrap
from delivery.context import RunContext, require_docker
from delivery.errors import RefusedError
from delivery.image import bake, push
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import Image
from delivery.release import live
from delivery.release.canary import AliasMove, Step
from delivery.release.live import Release
from delivery.terraform import stages, state, variables
from delivery.terraform.plan import Plan

STACK = state.STACK


def guard(run: RunContext) -> tuple[Image, ...]:
    """Everything that can be refused before anything changes; returns the images we intend.

    Raises MissingToolError, RefusedError, ConfigurationError or CloudError.
    """
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        versions = require_docker(run)
        if run.settings.environment.protected:
            _require_commit_of_everyone(run)
        names = bake.targets(run.settings, run.shell)
        stage.done(f"{versions}, commit {run.commit.short}")
    if run.settings.bootstraps and bootstrap.needed(run, names):
        bootstrap.apply(run, bootstrap.plan(run, names))
    images = bake.images(run.settings, names, run.commit)
    ecr.require_repositories(run.aws, images)
    return images


def plan(run: RunContext, images: tuple[Image, ...], destroy: tuple[str, ...] = ()) -> Plan:
    """Publish while Terraform initialises, then plan on the digests.

    `destroy`: addresses that may be destroyed although the environment is protected. Raises RefusedError for others.
    """
    pushed, stack = parallel.both(run.shell, lambda: push.push(run, images), lambda: stages.init(run, STACK))
    with run.progress.stage("plan", interrupted=UNCHANGED) as stage:
        values = variables.service(run.settings, {image.name: image.uri for image in pushed}, run.commit.tag)
        saved = stages.plan(run, stack, values, stage.update)
        stage.done(saved.counts)
    saved.require_harmless(run.settings.environment, destroy)
    if not saved.empty:
        for image in pushed:
            ecr.protect(run.aws, image)  # from before the first version runs it, until `prune` finds none left
    return saved


def apply(run: RunContext, saved: Plan) -> tuple[Function, ...]:
    """Apply exactly that plan; returns the functions with their new versions.

    A run that was killed between Lambda's update and its publication left Terraform nothing to change, and the change
    without a version: it gets one here, and the state learns of it.
    """

    left = "Terraform recorded in its state what it had changed; the alias was not moved"
    with run.progress.stage("apply", interrupted=left, after="apply is complete; the alias was not moved") as stage:
        if not saved.empty:
            stages.apply(run, saved, stage.update)
        targets = state.require_functions(run)
        if all(function.publish_version(run.aws, target) == target.version for target in targets):
            stage.done("nothing to do" if saved.empty else saved.applied)
        else:
            stages.refresh(run, saved, stage.update)
            targets = state.require_functions(run)
            stage.done("what a killed run had changed has a version now")
    return targets


def deliver(run: RunContext, saved: Plan, steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Apply a plan, verify every function's new version, and only then make them live, in steps if there are any."""
    targets = apply(run, saved)
    moves = [AliasMove(one, live.end_canary(run, one, function.read_alias(run.aws, one))) for one in targets]
    for target in targets:
        live.verify_version(run, target)
    return live.make_live(run, tuple(moves), steps)


def _require_commit_of_everyone(run: RunContext) -> None:
    if run.commit.dirty:
        raise RefusedError(
            f"{run.settings.environment.name} is protected, and the work tree has changes.",
            "What runs there must be a commit.",
            "git commit, then deploy again",
        )
    git.require_merged(run.settings.root, run.commit.sha, run.settings.default_branch, run.shell)
