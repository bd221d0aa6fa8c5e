"""Tasks that keep the place: what deploys need before them, and what they leave behind."""

from collections.abc import Sequence

from invoke.context import Context

from delivery import bootstrap as foundation
from delivery import deploy as story
from delivery import docker
from delivery import lock as locks
from delivery.console import ENV, confirmed, say, task
from sandbox import lifecycle
from tasks.common import DESTROY, ROOT, bench


@task(help=DESTROY, iterable=["destroy"])
def bootstrap(c: Context, env: str | None = None, yes: bool = False, destroy: Sequence[str] = ()) -> None:
    """Make the state bucket and the image repositories; once for an environment, harmless again."""
    with bench(c, env) as b:
        confirmed(b, yes, f"Make the state bucket of {env} if it is missing, and plan the rest?")
        saved = foundation.plan(b, docker.targets(b.settings, b.shell), tuple(destroy))
        confirmed(b, yes, f"Apply this to {env}?")
        foundation.apply(b, saved)


@task(
    help={
        **ENV,
        "lock": "its ID: you have looked, and its owner is dead",
        "stack": "whose state is locked: service or registry",
    }
)
def unlock(c: Context, env: str | None = None, lock: str = "", stack: str = story.STACK) -> None:
    """Show who holds a state lock, and remove it if its owner cannot be alive any more."""
    with bench(c, env) as b:
        say(locks.release(b.aws, story.initialise(b, stack), lock, b.shell))


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
