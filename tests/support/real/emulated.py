"""REAL=sandbox: two accounts of the emulator, given to the run as a person gives those of AWS."""

from pathlib import Path
from typing import Any

from support.deploys.checkout import Checkout
from support.real.accounts import NEEDED

ACCOUNTS = {"PREPROD": "111111111111", "PROD": "222222222222"}
_REST = dict(zip(NEEDED, ("", "", "", "", "us-east-1", "example/sse-streaming", "1001", "2002"), strict=True))


def start(checkout: Checkout, folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Start the sandbox of the checkout.

    Returns the variables of the process that runs the story, and the settings that its environments need more than
    those of AWS: the registry, and the way to the engine.
    """
    settings = checkout.settings
    # The emulator takes an account's number for a key of its root.
    profiles = (
        f"[{name}]\naws_access_key_id = {number}\naws_secret_access_key = sandbox\n"
        for name, number in ACCOUNTS.items()
    )
    credentials = folder / "sandbox-credentials"
    credentials.write_text("\n".join(profiles))
    named = {f"REAL_{name}_{what}": value for name, number in ACCOUNTS.items() for what, value in _both(name, number)}
    whose = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE")
    # Invoke takes names that differ by case only for one name.
    variables = {name: text for name, text in settings["variables"].items() if name not in (*whose, "no_proxy")}
    aws = {name: text for name, text in variables.items() if name.startswith("AWS_") and text}
    environ = {**_REST, **named, **aws, "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    return environ, {"registry": settings["registry"], "variables": variables}


def _both(profile: str, number: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("PROFILE", profile), ("ACCOUNT", number)
