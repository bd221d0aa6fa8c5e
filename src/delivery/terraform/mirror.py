"""Terraform providers on this machine, for when the provider registry cannot be reached.

A mirror is a folder that holds `registry.terraform.io/NAMESPACE/TYPE/...`, packed or unpacked.
https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

HOST = "registry.terraform.io"
# Roots of the file system where packages and administrators put shared data (FHS 3.0), searched two deep.
_ROOTS = ("opt", "usr/local", "usr/local/share", "usr/share", "usr/lib", "var/lib", "srv")


def find(variables: Mapping[str, str], top: Path = Path("/")) -> Path | None:
    """The first folder that works as `terraform init -plugin-dir`, most specific first; None without one."""
    for folder in _candidates(variables, top):
        if any((folder / HOST).glob("*/*/*")):
            return folder
    return None


def _candidates(variables: Mapping[str, str], top: Path) -> Iterator[Path]:
    if cache := variables.get("TF_PLUGIN_CACHE_DIR"):
        yield Path(cache)
    # Terraform's own implied local mirror directories
    home = Path(variables.get("HOME", "/root"))
    yield home / ".terraform.d" / "plugins"
    yield Path(variables.get("XDG_DATA_HOME") or home / ".local" / "share") / "terraform" / "plugins"
    for root in (top / name for name in _ROOTS):
        yield root / "terraform" / "plugins"
        for pattern in (HOST, f"*/{HOST}", f"*/*/{HOST}"):
            yield from (found.parent for found in sorted(root.glob(pattern)))
