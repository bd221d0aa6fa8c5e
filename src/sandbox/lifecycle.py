"""Start, stop and status of the whole sandbox.

    engine --+-- base images --+-- ready
             +-- emulator -----+

Each part starts from any state that its last run left, so the next start completes one that was interrupted.
"""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.base_image import images
from sandbox.emulator import cloud
from sandbox.emulator.configuration import ACCOUNT, REGION
from sandbox.engine import choice
from sandbox.layout import Layout

INTERRUPTED = (
    "parts of the sandbox may be running; the next start uses or replaces them, `invoke sandbox-down` stops them"
)
"""What an interrupted `start` leaves, for the message that follows the interrupt."""

Update = Callable[[str], None]


def start(root: Path, update: Update) -> dict[str, object]:
    """Make the sandbox of the checkout at `root` ready; takes well under a second when it is ready already.

    Args:
        root: the checkout; all state goes to its ``.sandbox`` folder.
        update: called with one line for each thing that was done, with its seconds.

    Returns:
        The settings of the sandbox's environment: ``account``, ``region``, ``registry``, ``builder``, and
        ``variables``, the environment variables that every tool needs.

    Raises:
        SandboxError: a part cannot be made ready.
    """
    layout = Layout.of(root)
    began = time.monotonic()
    layout.home.mkdir(parents=True, exist_ok=True)
    engine = choice.start(layout, update)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # The long part stays in this thread, where an interrupt ends it at once.
        starting = beside.submit(cloud.start, layout, engine, update)
        stand_ins = images.ensure_all(layout, engine, update)
        local = starting.result()
    update(f"sandbox  ready in {time.monotonic() - began:.1f} s")
    return {
        "account": ACCOUNT,
        "region": REGION,
        "registry": local.registry,
        "builder": "",  # the engine's own: it has the base images that were made here
        "variables": {**engine.variables, **_aws(local.endpoint, os.environ), **contexts(stand_ins)},
    }


def contexts(stand_ins: Mapping[str, str]) -> dict[str, str]:
    """The variable with the named contexts of a build: for each pinned image, the image that stands in for it."""
    pairs = (f"{pinned}=docker-image://{name}" for pinned, name in stand_ins.items())
    return {"BUILD_CONTEXTS": " ".join(pairs)}


def stop(root: Path, update: Update) -> None:
    """End all daemons and leave nothing outside the checkout's ``.sandbox``; images and downloads stay in it."""
    layout = Layout.of(root)
    if not layout.home.exists():
        return
    cloud.stop(layout)
    images.withdraw(layout)
    choice.stop(layout, update)
    update("sandbox  down")


def status(root: Path) -> list[tuple[str, str, str]]:
    """(part, state, detail) of each part; the state is ``up``, ``down`` or ``broken``."""
    layout = Layout.of(root)
    return [("engine", *choice.status(layout)), ("cloud", *cloud.status(layout))]


def _aws(endpoint: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead the AWS SDKs (SDK reference, "Environment variables") and Terraform to the emulator."""
    # Python, unlike Go, would send even requests to this machine through a proxy.
    direct = ",".join(filter(None, (environment.get("NO_PROXY") or environment.get("no_proxy"), "127.0.0.1")))
    # The account, the profile, the endpoints and the FIPS settings of the person are for a real cloud.
    cleared = {name: "" for name in environment if name.startswith("AWS_")}
    return {
        **cleared,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": endpoint,
        # Terraform's backend finds STS by this setting only; without it, it would ask the real STS.
        "AWS_ENDPOINT_URL_STS": endpoint,
        # The emulator takes an access key of twelve digits for the account.
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
