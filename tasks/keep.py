"""Tasks that keep the place: what deploys need before them, and what they leave behind."""

from collections.abc import Sequence

from invoke.context import Context

from delivery import bootstrap as foundation
from delivery import deploy as story
from delivery import docker
from delivery import lock as locks
from delivery import prune as pruning
from delivery.console import ENV, asked, confirmed, say, task
from sandbox import lifecycle
from tasks.common import DESTROY, ROOT, bench


@task(help=DESTROY, iterable=["destroy"])
def bootstrap(c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] | None = None) -> None:
    """Make the state bucket and the image repositories; once for an environment, harmless again."""
    with bench(c, env) as b:
        confirmed(b, yes, f"Make the state bucket of {env} if it is missing, and plan the rest?")
        saved = foundation.plan(b, docker.targets(b.settings, b.shell), tuple(destroy or ()))
        confirmed(b, yes, f"Apply this to {env}?")
        foundation.apply(b, saved)


@task(
    help={
        **ENV,
        "lock": "its ID: you have looked, and its owner is dead",
        "stack": "whose state is locked: service or foundation",
    }
)
def unlock(c: Context, env: str | None = None, lock: str = "", stack: str = story.STACK) -> None:
    """Show who holds a state lock, and remove it if its owner cannot be alive any more."""
    with bench(c, env) as b:
        say(locks.release(b.aws, story.initialise(b, stack), lock, b.shell))


@task(help={**ENV, "yes": "do not ask", "dry_run": "only show what would go"})
def prune(c: Context, env: str | None = None, yes: bool = False, dry_run: bool = False) -> None:
    """Remove versions that nothing can want any more, and the images only they ran; always asks.

    Never what is live, weighted, released or newer than what is live. The CI role may not: it deletes nothing.
    """
    with bench(c, env) as b:
        found = pruning.find(b)
        if found and not dry_run:
            asked(b, yes, f"Remove this from {env}?", "What is removed does not come back.")
            pruning.remove(b, found)


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
