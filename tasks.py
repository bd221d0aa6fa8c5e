"""What `invoke` can do. Each task chains what it needs; each alone works. nox asks, invoke changes."""

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from invoke.context import Context

from delivery import bootstrap as foundation
from delivery import console, docker, function, sse, summary, terraform
from delivery import deploy as story
from delivery import doctor as check_up
from delivery import promote as promotion
from delivery import publish as images
from delivery import releases as history
from delivery.console import ENV, confirmed, say, task
from delivery.shell import Shell
from sandbox import lifecycle

ROOT = Path(__file__).parent
bench = functools.partial(console.bench, ROOT)
YES = {**ENV, "yes": "do not ask before a protected environment changes"}
DESTROY = {**YES, "destroy": "the address of something a protected environment may lose; once for each"}


@task(help={"env": f"{ENV['env']}; without it, only the tools are looked at"})
def doctor(c: Context, env: str | None = None) -> None:
    """Look at the tools, the credentials and what a deploy needs, and say how to mend what is missing."""
    if env is None:
        check_up.tell(check_up.look(check_up.of_tools(Shell(os.environ))), say)
        return
    with bench(c, env) as b:
        check_up.tell(check_up.look(check_up.of_environment(b)), say)


@task(help=DESTROY, iterable=["destroy"])
def bootstrap(c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] = ()) -> None:
    """Make the state bucket and the image repositories; once for an environment, harmless again."""
    with bench(c, env) as b:
        confirmed(b, yes, f"Make the state bucket of {env} if it is missing, and plan the rest?")
        saved = foundation.plan(b, docker.targets(b.settings, b.shell), tuple(destroy))
        confirmed(b, yes, f"Apply this to {env}?")
        foundation.apply(b, saved)


@task(help=ENV)
def build_image(c: Context, env: str | None = None) -> None:
    """Build the images into the local engine, without pushing."""
    with bench(c, env) as b:
        images.build(b, story.guard(b))


@task(help=ENV)
def push_image(c: Context, env: str | None = None) -> None:
    """Build and push the images as :latest and :<commit>; prints repository@digest."""
    with bench(c, env) as b:
        published = images.publish(b, story.guard(b))
    for image in published:
        say(image.uri)


@task(help=ENV)
def tf_plan(c: Context, env: str | None = None) -> None:
    """Publish the image, then say what a deploy would change in the infrastructure."""
    with bench(c, env) as b:
        story.plan(b, story.guard(b))


@task(help=DESTROY, iterable=["destroy"])
def tf_apply(c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] = ()) -> None:
    """Plan and apply: publishes a new version, and leaves the alias `live` where it is."""
    with bench(c, env) as b:
        saved = story.plan(b, story.guard(b), tuple(destroy))
        confirmed(b, yes, f"Apply this to {env}?")
        story.apply(b, saved)


@task(help={**ENV, "lock": "the ID in the message that said so", "stack": "whose state is locked: service or registry"})
def tf_unlock(c: Context, env: str | None = None, lock: str = "", stack: str = story.STACK) -> None:
    """Remove a state lock that a dead run left behind."""
    with bench(c, env) as b:
        terraform.unlock(story.initialise(b, stack), lock, b.shell)


@task(help=ENV)
def verify(c: Context, env: str | None = None) -> None:
    """Open the stream of the newest version and say whether it streams."""
    with bench(c, env) as b:
        for target in story.current(b):
            story.check(b, target)


@task(help=DESTROY, iterable=["destroy"])
def deploy(c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] = ()) -> None:
    """Build, push, plan, apply, verify the new version's stream, then make it live."""
    with bench(c, env) as b:
        saved = story.plan(b, story.guard(b), tuple(destroy))
        confirmed(b, yes, f"Apply this to {env}?")
        released = story.deliver(b, saved)
    b.progress.summary(f"{env}: commit {b.source.short} is live", tuple(map(story.words, released)))


@task(
    help={
        "from_": "the environment whose live and verified image is taken",
        "to": "the environment it is copied to",
        "commit": "refuse unless this commit is what is live there",
        "yes": YES["yes"],
    }
)
def promote(
    c: Context, from_: str | None = None, to: str | None = None, commit: str | None = None, yes: bool = False
) -> None:
    """Copy the image that is live and verified in one environment to another, byte for byte; no build."""
    with console.benches(ROOT, c, from_, to) as (origin, target):
        found = promotion.prepare(origin, target, commit)
        if all(one.live for one in found):
            say(f"{to} already serves it: {'; '.join(one.words() for one in found)}. Nothing to do.")
            return
        confirmed(target, yes, f"Copy this to {to}?")
        promotion.promote(origin, target, found)
    target.progress.summary(f"{to} has what {from_} serves", tuple(one.words() for one in found))


@task(help=ENV)
def releases(c: Context, env: str | None = None) -> None:
    """List the versions: when, commit, image, verified, live."""
    with bench(c, env) as b:
        for target in story.current(b):
            for line in history.table(history.history(b.aws, target)):
                say(line)


@task(help={**ENV, "events": "how many events to print before it ends"})
def stream(c: Context, env: str | None = None, events: str = "10") -> None:
    """Print the live stream's events as they come."""
    with bench(c, env) as b:
        target = story.current(b)[0]
    query = {"events": events, "interval": "1"}
    for event in sse.events(function.stream(b.aws, target, target.alias, query, silence=60)):
        say(f"{event.name:<10} {event.data}")
        sys.stdout.flush()


@task()
def job_summary(c: Context) -> None:
    """Say how the jobs of a workflow ended: NEEDS is GitHub's `toJSON(needs)`."""
    del c
    page = summary.jobs(os.environ.get("NEEDS", ""))
    summary.publish(os.environ, page, {})
    say(page)


@task()
def sandbox_up(c: Context) -> None:
    """Start the cloud on this machine: a Docker engine, an AWS emulator, the base image."""
    del c
    lifecycle.start(ROOT, say)


@task()
def sandbox_down(c: Context) -> None:
    """Stop the cloud on this machine and forget what was deployed to it."""
    del c
    lifecycle.stop(ROOT, say)


@task()
def sandbox_status(c: Context) -> None:
    """Say what of the cloud on this machine is running."""
    del c
    for part, state, detail in lifecycle.status(ROOT):
        say(f"{part:<10} {state:<8} {detail}")
