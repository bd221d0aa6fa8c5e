"""The sandbox's one door: make everything ready, end it, say how it is.

    engine --+-- base images --+-- ready
             +-- cloud --------+

Every part starts from whatever its last run left behind, so an interrupted start is mended by the next.
"""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.base_image import images
from sandbox.emulator import cloud
from sandbox.engine import choice
from sandbox.layout import Layout

Say = Callable[[str], None]


def start(root: Path, say: Say) -> dict[str, object]:
    """Make the sandbox of the checkout at `root` ready; well under a second when it already is.

    Args:
        root: the checkout; all state goes to its ``.sandbox`` folder.
        say: told, one line each, what was done and how long it took.

    Returns:
        The settings of the sandbox's environment: ``account``, ``region``, ``registry``, and ``variables``, what
        every tool needs in its environment.

    Raises:
        SandboxError: a part cannot be made ready.
    """
    layout = Layout.of(root)
    began = time.monotonic()
    layout.home.mkdir(parents=True, exist_ok=True)
    running = choice.start(layout, say)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # The long part stays in this thread, where an interrupt ends it at once.
        coming = beside.submit(cloud.start, layout, running, say)
        images.ensure_all(layout, running, say)
        local = coming.result()
    say(f"sandbox  ready in {time.monotonic() - began:.1f} s")
    return {
        "account": cloud.ACCOUNT,
        "region": cloud.REGION,
        "registry": local.registry,
        "variables": {**running.variables, **_aws(local.endpoint, os.environ)},
    }


def stop(root: Path, say: Say) -> None:
    """End everything and leave nothing outside the checkout's ``.sandbox``; images and downloads stay in it."""
    layout = Layout.of(root)
    if not layout.home.exists():
        return
    cloud.stop(layout)
    images.withdraw(layout)
    choice.stop(layout, say)
    say("sandbox  down")


def status(root: Path) -> list[tuple[str, str, str]]:
    """(part, state, detail) of each part; the state is ``up``, ``down`` or ``broken``."""
    layout = Layout.of(root)
    return [("engine", *choice.status(layout)), ("cloud", *cloud.status(layout))]


def _aws(endpoint: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What leads the AWS SDKs (SDK reference, "Environment variables") and Terraform to the local cloud."""
    # Python, unlike Go, would ask a proxy even for this machine.
    direct = ",".join(filter(None, (environment.get("NO_PROXY") or environment.get("no_proxy"), "127.0.0.1")))
    elsewhere = {name: "" for name in environment if name.startswith("AWS_ENDPOINT_URL_")}
    return {
        **elsewhere,
        "AWS_PROFILE": "",
        "AWS_ENDPOINT_URL": endpoint,
        # Terraform's backend asks STS by its own setting, and would find the real one.
        "AWS_ENDPOINT_URL_STS": endpoint,
        # The emulator takes an access key of twelve digits for the account.
        "AWS_ACCESS_KEY_ID": cloud.ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": cloud.REGION,
        "AWS_DEFAULT_REGION": cloud.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
