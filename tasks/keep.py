"""Tasks that keep the place: what deploys need before them, and what they leave behind."""

from collections.abc import Sequence

from invoke.context import Context

from delivery import bootstrap as foundation
from delivery import deploy as story
from delivery import docker, terraform
from delivery.console import ENV, confirmed, say, task
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


@task(help={**ENV, "lock": "the ID in the message that said so", "stack": "whose state is locked: service or registry"})
def tf_unlock(c: Context, env: str | None = None, lock: str = "", stack: str = story.STACK) -> None:
    """Remove a state lock that a dead run left behind."""
    with bench(c, env) as b:
        terraform.unlock(story.initialise(b, stack), lock, b.shell)


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
