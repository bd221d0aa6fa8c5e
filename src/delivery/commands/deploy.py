"""`invoke deploy`: from a commit to a version that serves.

    guards --+-- image: build -> check -> push --> PushedImage --+
             +-- terraform: init ----------------> Stack --------+--> plan --> apply --> new version
                                                                                             |
    Release <-- URL opened <-- alias `live` moves <-- the stream of the version is verified -+
                     | fails: the alias returns       | fails: the alias stays, the old version serves, exit 7

Terraform gets the digest that was pushed; tags are for people. Terraform owns the function and publishes its versions.
The alias belongs to this command, so that no version serves before it was verified. That holds for the first version
too: the first apply makes a function that nobody can call, and a second, short one connects the verified version to an
alias and a URL. Each step reads first what exists, so the next deploy continues an interrupted one.
"""

from collections.abc import Mapping
from dataclasses import replace

from delivery import git
from delivery.aws import bucket, ecr, function, regions
from delivery.aws.function import Alias, Function
from delivery.commands import bootstrap
from delivery.context import RunContext, require_docker
from delivery.errors import RefusedError, TerraformError
from delivery.image import bake, push
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import Image
from delivery.release import live
from delivery.release.canary import AliasMove, Step
from delivery.release.live import Release
from delivery.terraform import stages, state, variables
from delivery.terraform.plan import Plan, Stack


def guard(run: RunContext) -> tuple[Image, ...]:
    """Refuse everything that can be refused before anything changes; return the images to deploy.

    An environment with `bootstraps: true` gets its missing bucket and repositories here. Raises MissingToolError,
    RefusedError, ConfigurationError or CloudError.
    """
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        versions = require_docker(run)
        regions.require_function_urls(run.settings.environment)
        if run.settings.environment.protected:
            _require_merged_commit(run)
        names = bake.targets(run.settings, run.shell)
        bucket.exists(run.aws)  # refuses a bucket of somebody else
        stage.done(f"{versions}, commit {run.commit.short}")
    if run.settings.bootstraps and bootstrap.needed(run, names):
        bootstrap.apply(run, bootstrap.plan(run, names))
    bootstrap.require(run, names)
    return bake.images(run.settings, names)


def plan(run: RunContext, images: tuple[Image, ...], destroy: tuple[str, ...] = ()) -> Plan:
    """Push the images while Terraform initialises, then plan on their digests.

    `destroy`: addresses of resources that a protected environment may lose. Raises RefusedError for any other.
    """
    pushed, stack = parallel.both(run.shell, lambda: push.push(run, images), lambda: stages.init(run, state.STACK))
    with run.progress.stage("plan", interrupted=UNCHANGED) as stage:
        uris, live_versions = {image.name: image.uri for image in pushed}, state.live_versions(run)
        values = variables.service(run.settings, uris, run.commit.tag, live_versions)
        saved = stages.plan(run, stack, values, stage.update)
        stage.done(saved.counts)
    saved.require_harmless(run.settings.environment, destroy)
    if not saved.empty:
        for image in pushed:
            ecr.protect(run.aws, image)  # before a version runs the image; `prune` removes the tag's image later
    return saved


def apply(run: RunContext, saved: Plan) -> tuple[Function, ...]:
    """Apply exactly that plan; return the functions with their new versions.

    A run that was killed after Lambda's update and before PublishVersion leaves an empty plan and a change without a
    version: this publishes the version, and refreshes the state.
    """
    left = "Terraform recorded in its state what it had changed; the alias was not moved"
    with run.progress.stage("apply", interrupted=left, after="apply is complete; the alias was not moved") as stage:
        if not saved.empty:
            stages.apply(run, saved, stage.update)
        functions = state.require_functions(run)
        if all(function.publish_version(run.aws, deployed) == deployed.version for deployed in functions):
            stage.done("nothing to do" if saved.empty else saved.applied)
        else:
            stages.refresh(run, saved, stage.update)
            functions = state.require_functions(run)
            stage.done("published the version that a killed run had left unpublished")
    return functions


def deliver(run: RunContext, saved: Plan, steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Apply a plan, verify the new version of every function, and only then make all of them live.

    `steps`: the steps of a canary; without steps the alias moves at once. Raises TerraformError, UnhealthyError,
    RefusedError or CloudError.
    """
    functions = apply(run, saved)
    found = [(each, function.find_alias(run.aws, each)) for each in functions]
    before = {each.image: live.end_canary(run, each, alias) for each, alias in found if alias}
    for deployed in functions:
        live.verify_version(run, deployed)
    if len(before) < len(functions):
        functions = _connect(run, saved.stack, functions, before)
    moves = [AliasMove(each, before.get(each.image) or function.read_alias(run.aws, each)) for each in functions]
    return live.make_live(run, tuple(moves), steps)


def _connect(
    run: RunContext, stack: Stack, functions: tuple[Function, ...], live_aliases: Mapping[str, Alias]
) -> tuple[Function, ...]:
    """Make the alias and the URL of the functions that had no verified version; return all functions as they are now.

    `live_aliases`: image name to the alias of each other function. Raises TerraformError or CloudError.
    """
    left = "the first version was verified; Terraform recorded in its state what it had connected"
    with run.progress.stage("connect", interrupted=left, after="the first version has its alias and its URL") as stage:
        for deployed in functions:
            if deployed.image not in live_aliases:
                ecr.tag_release(run.aws, deployed.pushed_image, deployed.version)  # before the version serves
        versions = {each.image: each.version for each in functions}
        versions |= {image: alias.version for image, alias in live_aliases.items()}
        uris = {each.image: each.image_uri for each in functions}
        values = variables.service(run.settings, uris, run.commit.tag, versions)
        saved = stages.plan(run, replace(stack, refreshes=False), values, stage.update)
        if saved.updates or saved.deletes:
            raise TerraformError(
                "The infrastructure was changed while the first version was verified.",
                "\n".join(saved.changes),
                run.settings.environment.command("deploy"),
            )
        stages.apply(run, saved, stage.update)
        stage.done(", ".join(f"{image} version {versions[image]}" for image in versions if image not in live_aliases))
    return state.require_functions(run)


def _require_merged_commit(run: RunContext) -> None:
    if run.commit.dirty:
        raise RefusedError(
            f"{run.settings.environment.name} is protected, and the work tree has changes.",
            "A protected environment runs commits only.",
            "git commit, then deploy again",
        )
    git.require_merged(run.settings.root, run.commit.sha, run.settings.default_branch, run.shell)
