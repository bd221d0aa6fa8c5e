"""Where a checkout's sandbox keeps its things; every name that is global to the machine derives from here."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders and the machine-wide names of one checkout's sandbox. Touches no file."""

    root: Path
    id: str

    @classmethod
    def of(cls, root: Path) -> "Layout":
        """The layout of the checkout at `root`; the same checkout always gets the same one."""
        root = root.resolve()
        return cls(root=root, id=hashlib.sha256(str(root).encode()).hexdigest()[:8])

    @property
    def home(self) -> Path:
        """Everything the sandbox writes, but for `run`; ignored by git."""
        return self.root / ".sandbox"

    @property
    def cache(self) -> Path:
        """Downloads and things made from them; may be copied between checkouts."""
        return self.home / "cache"

    @property
    def logs(self) -> Path:
        """One log file per daemon."""
        return self.home / "logs"

    @property
    def state(self) -> Path:
        """Pidfiles, locks and remembered choices (ports, subnets)."""
        return self.home / "state"

    @property
    def engine(self) -> Path:
        """The private Docker engine: its programs, its client configuration, its images."""
        return self.home / "engine"

    @property
    def run(self) -> Path:
        """Sockets. Outside `home` because a Unix socket's path holds 107 bytes (unix(7), sun_path)."""
        return Path("/run") / f"sbx-{self.id}"

    @property
    def bridge(self) -> str:
        """The private engine's bridge: 12 characters of the 15 an interface name may have (IFNAMSIZ)."""
        return f"sbx-{self.id}"
