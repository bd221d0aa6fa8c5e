"""Everything that `invoke` can do. Every task runs its own prerequisites; `invoke --help TASK` explains its options.

*nox asks, invoke changes*: checks and tests are in noxfile.py. The modules of the rooms below are imported at their
first use (delivery/lazy.py).
"""

import atexit
import gc
import itertools
import os
import re
import sys
from collections.abc import Sequence

from invoke.context import Context
from invoke.main import program
from invoke.tasks import Task

# Invoke writes no compiled modules, so each task would compile this suite again, for 0.2 s of CPU time.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
# At its end Python looks for garbage in everything: 0.1 s for botocore's descriptions of AWS. The system frees it all.
atexit.register(gc.freeze)

import delivery
from delivery import aws, cli, commands, image, release, terraform
from delivery.cli import jobs, usage
from delivery.cli.output import print_line, print_lines
from delivery.cli.prompt import ask, confirm
from delivery.cli.session import ROOT, session
from delivery.cli.task import task
from delivery.errors import ConfigurationError

# Invoke loads this file before it reads invoke.yaml, and before it parses the tasks and their options.
usage.install(program, ROOT / "invoke.yaml")

ENV = {"env": "the environment, by its name in invoke.yaml"}
YES = {**ENV, "yes": "do not ask before a protected environment changes"}
DESTROY = {"destroy": "the address of a resource that a protected environment may lose; repeat it for each address"}
LOCK_WAIT = {"lock_wait": "how long to wait for the state lock, such as 5m (default: terraform.lock_wait)"}
CANARY = {"canary": "shares of the requests for the new version, each for a time, such as 10%/5m,50%/10m; or none"}
ONLY = {"only": "a function, by the name of its image; repeat it or use commas (default: all)"}
BUILD = {"build": "--no-build refuses to build: the registry must have the commit's images"}
JSON = {"json": "print JSON, and nothing else, on stdout"}


FIRST = (
    ("invoke doctor", "check the tools of this machine"),
    ("invoke deploy --env sandbox", "start a cloud on this machine, and deploy to it"),
    ("invoke status --env sandbox", "show what is live"),
)
HEADINGS = {
    "Ship": ("deploy", "acceptance", "rollback", "promote", "hold", "unhold"),
    "The steps of a deploy": ("build-image", "push-image", "tf-plan", "tf-apply", "verify"),
    "Read": ("status", "releases", "diff", "sbom", "logs", "stream", "doctor"),
    "Write events": ("publish",),
    "Set up and clean up": ("new", "remove", "bootstrap", "unlock", "prune"),
    "The cloud on this machine": ("sandbox-up", "sandbox-status", "sandbox-down"),
    "In a workflow": ("comment", "job-summary"),
}
"""What `invoke` alone lists; tests/unit/delivery/cli/test_overview.py compares it with the tasks."""


@task(default=True)
def overview(c: Context) -> None:
    """List the tasks by heading, and the commands to type first; `invoke` alone does this.

    Example: invoke
    """
    del c
    tasks = {name.replace("_", "-"): value for name, value in globals().items() if isinstance(value, Task)}
    print_lines(cli.overview.lines(FIRST, HEADINGS, {name: each.__doc__ or "" for name, each in tasks.items()}))


# --- Ship -------------------------------------------------------------------------------------------------------------


@task(help=ENV)
def build_image(c: Context, env: str | None = None) -> None:
    """Build the images into the local engine; push nothing.

    Example: invoke build-image --env sandbox
    """
    with session(c) as s:
        run = s.open(env)
        image.push.build(run, commands.deploy.guard(run))


@task(help=ENV)
def push_image(c: Context, env: str | None = None) -> None:
    """Build and push the images as :latest and :<commit>; print repository@digest.

    Example: invoke push-image --env preprod
    """
    with session(c) as s:
        run = s.open(env)
        images = commands.deploy.push_images(run)
        s.output((each.digest for each in images), [run.commit.tag])
    print_lines(each.uri for each in images)


@task(help={**ENV, **LOCK_WAIT})
def tf_plan(c: Context, env: str | None = None, lock_wait: str = "") -> None:
    """Push the image, then show the infrastructure changes of a deploy.

    Example: invoke tf-plan --env preprod --lock-wait 5m
    """
    with session(c) as s:
        run = s.open(env, lock_wait)
        plan = commands.deploy.plan(run)
        s.show("Plan", plan.changes)


@task(help={**YES, **DESTROY, **LOCK_WAIT}, iterable=["destroy"])
def tf_apply(
    c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] | None = None, lock_wait: str = ""
) -> None:
    """Plan and apply: publish a new version, and leave the alias `live` where it is.

    Example: invoke tf-apply --env preprod --yes
    """
    with session(c) as s:
        run = s.open(env, lock_wait)
        release.hold.require_none(run)
        plan = commands.deploy.plan(run, tuple(destroy or ()))
        s.show("Plan", plan.changes)
        confirm(run, f"Apply this to {env}?", yes=yes)
        commands.deploy.apply(run, plan)


@task(help={**ENV, **ONLY}, iterable=["only"])
def verify(c: Context, env: str | None = None, only: Sequence[str] | None = None) -> None:
    """Verify the newest version by the health contract of its image.

    Example: invoke verify --env preprod --only sse-streaming
    """
    with session(c) as s:
        names = commands.selection.parse(only)
        run = s.open(env)
        functions = commands.selection.functions(terraform.state.require_functions(run), names)
        versions = release.live.verify_newest(run, functions)
        s.output((version.digest for version in versions), (version.commit for version in versions))


@task(help={**YES, **DESTROY, **CANARY, **LOCK_WAIT, **ONLY, **BUILD}, iterable=["destroy", "only"])
def deploy(
    c: Context,
    env: str | None = None,
    yes: bool = False,
    destroy: Sequence[str] | None = None,
    canary: str = "",
    lock_wait: str = "",
    only: Sequence[str] | None = None,
    build: bool = True,
) -> None:
    """Build, push, plan, apply, verify the new version, then make it live.

    Example: invoke deploy --env preprod --canary 10%/5m,50%/10m
    """
    release.canary.steps(canary, "")  # a malformed option is refused before anything is read
    with session(c) as s:
        names = commands.selection.parse(only)
        run = s.open(env, lock_wait, changing=True)
        steps = release.canary.steps(canary, run.settings.canary.steps)
        release.hold.require_none(run)
        plan = commands.deploy.plan(run, tuple(destroy or ()), names, build=build)
        s.show("Plan", plan.changes)
        confirm(run, f"Apply this to {env}?", yes=yes)
        released = commands.deploy.deliver(run, plan, steps)
        s.output((each.digest for each in released), [run.commit.tag], cli.report.deployment_url(released))
        title = f"{env}: commit {run.commit.short} is live"
        lines = (*cli.report.scan_lines(plan.scanned), *cli.report.release_lines(released))
        s.announce(f"{title}, deployed by {run.aws.caller()}", lines)
    run.progress.summary(title, lines)


@task(help={**ENV, **ONLY}, iterable=["only"])
def acceptance(c: Context, env: str | None = None, only: Sequence[str] | None = None) -> None:
    """Run tests/acceptance against what is live, and record beside the image that it passed.

    Example: invoke acceptance --env preprod
    """
    with session(c) as s:
        names = commands.selection.parse(only)
        run = s.open(env)
        deployed = terraform.state.require_functions(run)
        accepted = commands.acceptance.accept(run, deployed, commands.selection.functions(deployed, names))
        s.output((version.digest for version in accepted), (version.commit for version in accepted))
    run.progress.summary(f"{env}: accepted", cli.report.acceptance_lines(accepted))


@task(
    help={
        **YES,
        **CANARY,
        **ONLY,
        "to": "the version to return to (default: the last verified release that served before)",
    },
    iterable=["only"],
)
def rollback(
    c: Context,
    env: str | None = None,
    to: str = "",
    yes: bool = False,
    canary: str = "",
    only: Sequence[str] | None = None,
) -> None:
    """Verify an earlier release again, and make it live; no build, no Terraform.

    Example: invoke rollback --env prod --to sse-streaming:7
    """
    steps = release.canary.steps(canary, "")
    commands.rollback.require_version(to)
    with session(c) as s:
        names = commands.selection.parse(only)
        run = s.open(env, changing=True)
        returns = commands.rollback.prepare(run, to, names)
        text = cli.report.returns_text(returns)
        if all(planned.done for planned in returns):
            print_line(f"{env}: {text}. Nothing to do.")
            return
        confirm(run, f"Make this live in {env}: {text}?", yes=yes)
        released = commands.rollback.rollback(run, returns, steps)
        commits = (planned.commit for planned in returns)
        s.output((each.digest for each in released), commits, cli.report.deployment_url(released))
        s.announce(f"{env}: rolled back by {run.aws.caller()}", (text, *cli.report.release_lines(released)))
    run.progress.summary(f"{env}: rolled back", cli.report.release_lines(released))


@task(
    help={
        "from_": "the environment whose live and verified image is copied",
        "to": "the environment that gets the copy",
        "commit": "refuse unless this commit is live in the source environment",
        "rebuild": "build the commit again without a cache, and refuse an image that differs from it",
        "yes": YES["yes"],
    }
)
def promote(
    c: Context,
    from_: str | None = None,
    to: str | None = None,
    commit: str | None = None,
    rebuild: bool = False,
    yes: bool = False,
) -> None:
    """Copy the live and verified image of one environment to another, byte for byte; no build.

    With --rebuild it builds once more, to compare; what is copied is still the image that was verified.

    Example: invoke promote --from preprod --to prod --rebuild
    """
    commands.promote.require_options(from_, to, commit)
    with session(c) as s:
        origin, target = s.open(from_), s.open(to, changing=True)
        promotions = commands.promote.prepare(origin, target, commit)
        if all(planned.live for planned in promotions):
            print_line(f"{to} already serves it: {'; '.join(cli.report.promotion_lines(promotions))}. Nothing to do.")
            return
        if rebuild:
            commands.rebuild.require_same(origin, promotions)
        confirm(target, f"Copy this to {to}?", yes=yes)
        commands.promote.promote(origin, target, promotions)
        s.output((each.image.digest for each in promotions), (each.commit for each in promotions))
        title = f"{to} has the images that {from_} serves, promoted by {target.aws.caller()}"
        s.announce(title, cli.report.promotion_lines(promotions))
    target.progress.summary(f"{to} has the images that {from_} serves", cli.report.promotion_lines(promotions))


@task(
    help={
        **ENV,
        "reason": "why nothing may be deployed; who deploys reads it",
        "until": "the end, such as 4h or 2026-12-01T08:00 in UTC (default: until `unhold`)",
    }
)
def hold(c: Context, env: str | None = None, reason: str = "", until: str = "") -> None:
    """Refuse deploys and promotions to an environment until `unhold`; a rollback always works.

    Example: invoke hold --env prod --reason "incident 42" --until 4h
    """
    with session(c) as s:
        text, end = release.hold.parse(reason, until)
        line = cli.report.hold_line(str(env), release.hold.place(s.open(env, changing=True), text, end))
        s.announce(line)
    print_line(line)


@task(help=ENV)
def unhold(c: Context, env: str | None = None) -> None:
    """Lift the hold of an environment.

    Example: invoke unhold --env prod
    """
    with session(c) as s:
        run = s.open(env, changing=True)
        if release.hold.lift(run):
            s.announce(f"{env} is not held any more: lifted by {run.aws.caller()}")


# --- Read -------------------------------------------------------------------------------------------------------------


@task(help={"env": f"{ENV['env']}; without it, only the tools are checked"})
def doctor(c: Context, env: str | None = None) -> None:
    """Check the tools, the credentials and what a deploy needs, and say how to mend what is missing.

    Example: invoke doctor --env prod
    """
    with session(c) as s:
        check = commands.doctor.check_environment if env else commands.doctor.check_tools
        findings = check(s.request(env), s.shell, s.progress)
    print_lines(cli.report.finding_lines(findings))
    commands.doctor.require_success(findings)


@task(help={**ENV, **JSON})
def diff(c: Context, env: str | None = None, json: bool = False) -> None:
    """Show what a deploy would change: commits, layers, packages, infrastructure; push and apply nothing.

    Example: invoke diff --env prod --json
    """
    with session(c, quiet=json) as s:
        difference = commands.diff.compare(s.open(env))
        if not json:
            s.show("A deploy would change", cli.report.difference_lines(difference))
    if json:
        print_line(cli.report.difference_json(difference))


@task(help={**ENV, **ONLY, **JSON}, iterable=["only"])
def sbom(c: Context, env: str | None = None, only: Sequence[str] | None = None, json: bool = False) -> None:
    """Show the packages of what is live: the signed SBOM beside each image, or one made from its layers.

    Example: invoke sbom --env prod --only sse-streaming --json
    """
    with session(c, quiet=json) as s:
        names = commands.selection.parse(only)
        run = s.open(env)
        functions = commands.selection.functions(terraform.state.require_functions(run), names)
        contents = commands.sbom.read(run, functions)
    print_lines([cli.report.sbom_json(contents)] if json else cli.report.sbom_lines(contents))


@task(help={**ENV, **JSON})
def releases(c: Context, env: str | None = None, json: bool = False) -> None:
    """List the versions: time, commit, image, verified, live, who made them live, and rollbacks.

    Example: invoke releases --env prod
    """
    with session(c, quiet=json) as s:
        run = s.open(env)
        functions = terraform.state.require_functions(run)
        result = release.history.read_all(run, functions)
        held = None if json else release.hold.read(run)
    if json:
        print_line(cli.report.history_json(result, {each.image: each.url for each in functions}))
        return
    if held:
        print_line(cli.report.hold_line(str(env), held))
    print_lines(cli.report.history_table(result))


@task(
    help={"env": "an environment; repeat it for each (default: all that need not be started)", **JSON}, iterable=["env"]
)
def status(c: Context, env: Sequence[str] | None = None, json: bool = False) -> None:
    """Show environments side by side: what is live, since when, by whom, drift, and whether the bytes are the same.

    Example: invoke status --env preprod --env prod
    """
    with session(c, quiet=json) as s:
        environments = commands.status.read(s.environments(env or ()), s.shell, s.open)
    print_lines([cli.report.status_json(environments)] if json else cli.report.status_table(environments))


@task(
    help={
        **ENV,
        "only": "the function, by the name of its image (default: the first)",
        "events": "the number of events to print",
    },
    iterable=["only"],
)
def stream(c: Context, env: str | None = None, only: Sequence[str] | None = None, events: str = "10") -> None:
    """Print the events of the live stream as they arrive.

    Example: invoke stream --env prod --events 3
    """
    with session(c) as s:
        if not re.fullmatch("[1-9][0-9]*", events):
            raise ConfigurationError(
                f"Malformed --events: {events!r}", "It is a whole number, 1 or more.", "--events 10"
            )
        names = commands.selection.parse(only)
        run = s.open(env)
        chunks = commands.stream.open_live(run, int(events), names)
    for event in itertools.islice(aws.sse.events(chunks), int(events)):
        print_line(f"{event.name:<10} {event.data}")
        sys.stdout.flush()


@task(
    help={
        **ENV,
        "only": "the function, by the name of its image (default: the first that reads events)",
        "event": "the name of the event, which a browser listens to",
        "data": "its data, as JSON (default: the time)",
        "every": "publish one after the other at this interval, such as 1s or 5m, until Ctrl-C",
    },
    iterable=["only"],
)
def publish(
    c: Context,
    env: str | None = None,
    event: str = "message",
    data: str = "",
    every: str = "",
    only: Sequence[str] | None = None,
) -> None:
    """Publish an event: every open stream gets it, and each client that comes back within a day.

    Example: invoke publish --env preprod --event order --data '{"order": 7}' --every 1s
    """
    with session(c) as s:
        wanted, names = commands.publish.parse(event, data, every), commands.selection.parse(only)
        run = s.open(env)
        with run.progress.stage("publish", interrupted=cli.report.published_text(0)) as stage:
            for number, (place, message) in enumerate(commands.publish.publish(run, names, wanted), 1):
                run.progress.detail(cli.report.published_line(place, message))
                stage.interrupted = cli.report.published_text(number)
                stage.done(cli.report.published_text(number))


@task(
    help={
        **ENV,
        **ONLY,
        "since": "how far back to read, such as 90s, 10m or 2h",
        "version": "only the lines of this version (default: all versions)",
        "follow": "print new lines as they come, until Ctrl-C",
    },
    iterable=["only"],
)
def logs(
    c: Context,
    env: str | None = None,
    only: Sequence[str] | None = None,
    since: str = "10m",
    version: str = "",
    follow: bool = False,
) -> None:
    """Print the lines that the functions wrote, with time, function and version.

    Example: invoke logs --env prod --only sse-streaming --since 1h --version 7
    """
    with session(c) as s:
        query, names = commands.logs.parse(since, version, follow), commands.selection.parse(only)
        run = s.open(env)
        deployed = commands.selection.functions(terraform.state.require_functions(run), names)
        for entry in commands.logs.read(run, deployed, query):
            print_lines(cli.report.log_lines(entry))
            sys.stdout.flush()


@task(
    help={
        "env": "an environment; repeat it for each (default: all that need not be started)",
        "dry_run": "print the Markdown, and post nothing",
    },
    iterable=["env"],
)
def comment(c: Context, env: Sequence[str] | None = None, dry_run: bool = False) -> None:
    """In a workflow: write on the pull request what a merge would change: one comment, which each run updates.

    Example: invoke comment --env preprod --env prod --dry-run
    """
    with session(c, quiet=dry_run) as s:
        pull = None if dry_run else cli.comment.of_job()
        previews = commands.comment.preview(s.environments(env or ()), s.open)
        if errors := cli.comment.error_lines(previews):
            s.show("Not known", errors)
        text = cli.comment.text(previews, pull)
        print_line(pull.write(text) if pull else text)
        commands.comment.require_one(previews)


@task()
def job_summary(c: Context) -> None:
    """In a workflow: show how the jobs ended. NEEDS is GitHub's `toJSON(needs)`.

    Example: NEEDS='{}' invoke job-summary
    """
    del c
    print_line(jobs.write(os.environ))


# --- Set up and clean up ----------------------------------------------------------------------------------------------


@task(
    help={**YES, **DESTROY, "adopt": "change nothing in AWS: write import blocks for what AWS has before Terraform"},
    iterable=["destroy"],
)
def bootstrap(
    c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] | None = None, adopt: bool = False
) -> None:
    """Make the state bucket, the image repositories and the CI roles; once for each environment, safe to repeat.

    Example: invoke bootstrap --env preprod
    """
    with session(c) as s:
        run = s.open(env)
        if adopt:
            adoption = commands.adopt.find(run, commands.bootstrap.targets(run))
            commands.adopt.write(ROOT, adoption)
            print_lines(cli.report.adoption_lines(adoption))
            commands.adopt.require_all(adoption)
            return
        confirm(run, f"Make the state bucket of {env} if it is missing, and plan the rest?", yes=yes)
        plan = commands.bootstrap.plan(run, commands.bootstrap.targets(run), tuple(destroy or ()))
        s.show("Plan", plan.changes)
        confirm(run, f"Apply this to {env}?", yes=yes)
        commands.bootstrap.apply(run, plan)


@task(
    help={
        "name": "the name of the function and of its bake target, such as orders-api",
        "kind": "http (answers requests), stream (Server-Sent Events) or event (no URL)",
    }
)
def new(c: Context, name: str = "", kind: str = "") -> None:
    """Write a new function: its code with a test, its bake target and its module block.

    Example: invoke new --name orders-api --kind http
    """
    with session(c) as s:
        made = commands.new.files(ROOT, name, kind, s.environments(()))
        commands.new.write(made)
        first = next(iter(delivery.settings.starting(s.config)), "")
    print_lines(cli.report.written_lines(name, [str(path.relative_to(ROOT)) for path in made], first))


@task(help={"name": "the name of the function, as in docker-bake.hcl"})
def remove(c: Context, name: str = "") -> None:
    """Remove a function from the project: its code and tests, its bake target and its module block.

    Only files change, and git has them; a deploy by a person then removes it from an environment.

    Example: invoke remove --name sse-streaming
    """
    with session(c) as s:
        removal = commands.remove.plan(ROOT, name, s.shell)
        commands.remove.apply(removal)
    paths = [[str(path.relative_to(ROOT)) for path in each] for each in (removal.gone, removal.changed)]
    print_lines(cli.report.removed_lines(name, *paths))


@task(
    help={
        **ENV,
        "lock": "the ID of the lock: you have checked that its owner is dead",
        "stack": "the root module whose state is locked: service or foundation",
    }
)
def unlock(c: Context, env: str | None = None, lock: str = "", stack: str = "service") -> None:
    """Show who holds a state lock, and remove the lock if its owner cannot be alive any more.

    Example: invoke unlock --env prod --stack foundation
    """
    commands.unlock.require_stack(stack)
    with session(c) as s:
        run = s.open(env)
        print_line(commands.unlock.unlock(run, stack, lock))


@task(help={**ENV, "yes": "do not ask", "dry_run": "only show what would be removed"})
def prune(c: Context, env: str | None = None, yes: bool = False, dry_run: bool = False) -> None:
    """Remove versions that can never serve again, and the images that only they ran; always asks.

    A version that is live, has a share of the requests, was released, or is newer than the live one is never removed.
    A person runs this task: the CI role may delete nothing.

    Example: invoke prune --env preprod --dry-run
    """
    with session(c) as s:
        run = s.open(env)
        prunings = commands.prune.plan(run)
        s.show("Can be removed", cli.report.pruning_lines(prunings))
        s.show("Retired", cli.report.retired_lines(commands.bootstrap.retired(run)))
        if prunings and not dry_run:
            ask(run, f"Remove this from {env}?", yes=yes, reason="What is removed does not come back.")
            commands.prune.remove(run, prunings)


@task()
def sandbox_up(c: Context) -> None:
    """Start the cloud on this machine: a Docker engine, an AWS emulator, the base image.

    Example: invoke sandbox-up
    """
    from sandbox import lifecycle

    with session(c) as s, s.progress.stage("sandbox", interrupted=lifecycle.INTERRUPTED) as stage:
        lifecycle.start(ROOT, stage.update)
        stage.done("ready")
    print_lines(_sandbox_lines())


@task()
def sandbox_down(c: Context) -> None:
    """Stop the cloud on this machine, and remove what was deployed to it.

    Example: invoke sandbox-down
    """
    from sandbox import lifecycle

    del c
    lifecycle.stop(ROOT, print_line)


@task()
def sandbox_status(c: Context) -> None:
    """Show which parts of the cloud on this machine are running.

    Example: invoke sandbox-status
    """
    del c
    print_lines(_sandbox_lines())


def _sandbox_lines() -> list[str]:
    from sandbox import lifecycle

    return [f"{part:<10} {condition:<8} {detail}" for part, condition, detail in lifecycle.status(ROOT)]
