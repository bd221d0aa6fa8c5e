"""Tasks that bring an image to where it serves."""

from collections.abc import Sequence

from invoke.context import Context

from delivery import canary as shifting
from delivery import console, release, state
from delivery import deploy as story
from delivery import promote as promotion
from delivery import publish as images
from delivery import rollback as undoing
from delivery.console import ENV, confirmed, say, task
from tasks.common import CANARY, DESTROY, LOCK_WAIT, ROOT, YES, bench, waiting


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


@task(help={**ENV, **LOCK_WAIT})
def tf_plan(c: Context, env: str | None = None, lock_wait: str = "") -> None:
    """Publish the image, then say what a deploy would change in the infrastructure."""
    with bench(waiting(c, lock_wait), env) as b:
        story.plan(b, story.guard(b))


@task(help=DESTROY | LOCK_WAIT, iterable=["destroy"])
def tf_apply(
    c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] | None = None, lock_wait: str = ""
) -> None:
    """Plan and apply: publishes a new version, and leaves the alias `live` where it is."""
    with bench(waiting(c, lock_wait), env) as b:
        saved = story.plan(b, story.guard(b), tuple(destroy or ()))
        confirmed(b, yes, f"Apply this to {env}?")
        story.apply(b, saved)


@task(help=ENV)
def verify(c: Context, env: str | None = None) -> None:
    """Open the stream of the newest version and say whether it streams."""
    with bench(c, env) as b:
        for target in state.current(b):
            release.check(b, target)


@task(help=DESTROY | CANARY | LOCK_WAIT, iterable=["destroy"])
def deploy(
    c: Context,
    env: str | None = None,
    yes: bool = False,
    destroy: Sequence[str] | None = None,
    canary: str = "",
    lock_wait: str = "",
) -> None:
    """Build, push, plan, apply, verify the new version's stream, then make it live."""
    steps = shifting.steps(canary)
    with bench(waiting(c, lock_wait), env) as b:
        saved = story.plan(b, story.guard(b), tuple(destroy or ()))
        confirmed(b, yes, f"Apply this to {env}?")
        released = story.deliver(b, saved, steps)
    b.progress.summary(f"{env}: commit {b.source.short} is live", tuple(map(release.words, released)))


@task(help=YES | CANARY | {"to": "the version to return to; without it, the last that served before and was verified"})
def rollback(c: Context, env: str | None = None, to: str = "", yes: bool = False, canary: str = "") -> None:
    """Verify an earlier release again and make it live instead; no build, no Terraform."""
    steps = shifting.steps(canary)
    with bench(c, env) as b:
        found = undoing.prepare(b, to)
        words = "; ".join(one.words() for one in found)
        if all(one.done for one in found):
            say(f"{env}: {words}. Nothing to do.")
            return
        confirmed(b, yes, f"Make this live in {env}: {words}?")
        released = undoing.rollback(b, found, steps)
    b.progress.summary(f"{env}: rolled back", tuple(map(release.words, released)))


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
