"""What the tasks share: the project's folder, the bench they open, and the help of common options."""

import functools
from pathlib import Path

from invoke.context import Context

from delivery import console
from delivery.console import ENV

ROOT = Path(__file__).parents[1]
bench = functools.partial(console.bench, ROOT)
YES = {**ENV, "yes": "do not ask before a protected environment changes"}
LOCK_WAIT = {"lock_wait": "how long to wait for somebody else's state lock, such as 5m; by default not at all"}
DESTROY = {**YES, "destroy": "the address of something a protected environment may lose; once for each"}
CANARY = {
    "canary": "shares of the requests it gets first, and for how long: 10%/5m,50%/10m; AWS tells errors once a minute"
}
JSON = {"json": "as JSON, alone on stdout"}


def waiting(context: Context, lock_wait: str) -> Context:
    """The same context, with `--lock-wait` laid over what invoke.yaml or INVOKE_TERRAFORM_LOCK_WAIT say."""
    if lock_wait:
        context.config["terraform"]["lock_wait"] = lock_wait
    return context
