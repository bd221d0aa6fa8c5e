"""Finds Terraform providers on this machine, for a machine that cannot reach Terraform's registry.

A mirror is a folder that holds `registry.terraform.io/NAMESPACE/TYPE/...`, packed or unpacked.
https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from delivery.terraform.plan import CACHE

HOST = "registry.terraform.io"
LOCK = ".terraform.lock.hcl"
# https://developer.hashicorp.com/terraform/language/files/dependency-lock: written by Terraform in this form
_LOCKED = re.compile(r'^provider "([^"]+)" \{\n  version += +"([^"]+)"', re.MULTILINE)
# Folders in which packages and administrators put shared data (FHS 3.0); each is searched two levels deep.
_ROOTS = ("opt", "usr/local", "usr/local/share", "usr/share", "usr/lib", "var/lib", "srv")


def locked(lock: Path) -> tuple[tuple[str, str], ...]:
    """The providers of a lock file with their versions, such as (registry.terraform.io/hashicorp/aws, 5.100.0)."""
    return tuple(_LOCKED.findall(lock.read_text())) if lock.exists() else ()


def names(folder: Path) -> tuple[str, ...]:
    """The locked providers of a root module as Terraform shows them, such as hashicorp/aws."""
    return tuple(provider.removeprefix(f"{HOST}/") for provider, _ in locked(folder / LOCK))


def find(variables: Mapping[str, str], providers: tuple[tuple[str, str], ...], top: Path = Path("/")) -> Path | None:
    """The first folder that has all `providers`, for `terraform init -plugin-dir`; None without one.

    The most specific folder comes first. With `-plugin-dir`, Terraform takes providers from nowhere else.
    """
    if not providers:
        return None
    having = (folder for folder in _candidates(variables, top) if all(_has(folder, *each) for each in providers))
    return next(having, None)


def _has(folder: Path, provider: str, version: str) -> bool:
    unpacked, packed = f"{version}/*", f"terraform-provider-{Path(provider).name}_{version}_*.zip"
    return any(_matches(folder / provider, pattern) for pattern in (unpacked, packed))


def _candidates(variables: Mapping[str, str], top: Path) -> Iterator[Path]:
    if cache := variables.get(CACHE):
        yield Path(cache)
    # Terraform's own implied local mirror directories
    if home := variables.get("HOME"):
        yield Path(home) / ".terraform.d" / "plugins"
        yield Path(variables.get("XDG_DATA_HOME") or Path(home) / ".local" / "share") / "terraform" / "plugins"
    for root in (top / name for name in _ROOTS):
        yield root / "terraform" / "plugins"
        for pattern in (HOST, f"*/{HOST}", f"*/*/{HOST}"):
            yield from (folder.parent for folder in _matches(root, pattern))


def _matches(folder: Path, pattern: str) -> list[Path]:
    """The matches below a folder; none in a folder that this user may not read.

    Path.glob raises PermissionError there in Python 3.11 and 3.12.
    """
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
