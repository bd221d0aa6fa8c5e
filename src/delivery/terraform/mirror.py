"""Finds Terraform providers on this machine, for a machine that cannot reach Terraform's registry.

A mirror is a folder that holds `registry.terraform.io/NAMESPACE/TYPE/...`, packed or unpacked.
https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

HOST = "registry.terraform.io"
# Folders in which packages and administrators put shared data (FHS 3.0); each is searched two levels deep.
_ROOTS = ("opt", "usr/local", "usr/local/share", "usr/share", "usr/lib", "var/lib", "srv")


def find(variables: Mapping[str, str], top: Path = Path("/")) -> Path | None:
    """The first folder that can be `terraform init -plugin-dir`, the most specific first; None without one."""
    for folder in _candidates(variables, top):
        if _matches(folder / HOST, "*/*/*"):
            return folder
    return None


def _candidates(variables: Mapping[str, str], top: Path) -> Iterator[Path]:
    if cache := variables.get("TF_PLUGIN_CACHE_DIR"):
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
