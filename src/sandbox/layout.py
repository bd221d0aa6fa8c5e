"""The folders of a checkout's sandbox. Every name that is global to the machine is made here."""

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
        """The layout of the checkout at `root`; the same checkout always has the same layout."""
        root = root.resolve()
        return cls(root=root, id=hashlib.sha256(str(root).encode()).hexdigest()[:8])

    @property
    def home(self) -> Path:
        """All that the sandbox writes, except `run`; ignored by git."""
        return self.root / ".sandbox"

    @property
    def cache(self) -> Path:
        """Downloads, and archives made from them; may be copied between checkouts."""
        return self.home / "cache"

    @property
    def logs(self) -> Path:
        """One log file for each daemon."""
        return self.home / "logs"

    @property
    def state(self) -> Path:
        """Locks, the emulator's last settings, the list of lent images."""
        return self.home / "state"

    @property
    def engine(self) -> Path:
        """The private Docker engine: its programs, its client configuration, its images."""
        return self.home / "engine"

    @property
    def run(self) -> Path:
        """Sockets. Outside `home`, because the path of a Unix socket has at most 107 bytes (unix(7), sun_path)."""
        return Path("/run") / f"sbx-{self.id}"

    @property
    def bridge(self) -> str:
        """The private engine's bridge: 12 characters; an interface name may have 15 (IFNAMSIZ)."""
        return f"sbx-{self.id}"
