"""dpkg's database of an image whose packages were unpacked and not installed: with it, apt-get works in the image.

https://manpages.debian.org/trixie/dpkg-dev/deb-control.5, deb-triggers.5; /usr/share/doc/dpkg/spec/triggers.txt.gz
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import processes

_DATABASE = "var/lib/dpkg"


def write(debs: Sequence[Path], root: Path) -> None:
    """Write the state that dpkg would have after it had installed these packages, whose files are in `root`.

    Raises:
        SandboxError: a package is broken.
    """
    info = root / _DATABASE / "info"
    for folder in (info, root / _DATABASE / "triggers", root / _DATABASE / "updates"):
        folder.mkdir(parents=True, exist_ok=True)
    (info / "format").write_text("1\n")
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        stanzas = dict(pool.map(lambda deb: _registered(deb, root), debs))
    (root / _DATABASE / "status").write_text("".join(f"{stanzas[name]}\n" for name in sorted(stanzas)))
    for name, packages in sorted(_interests(info).items()):
        with (root / _DATABASE / "triggers" / name).open("a") as file:
            file.writelines(f"{line}\n" for line in packages)
    # Without these two, the first dpkg takes the database for one without triggers, and runs those of all packages.
    for name in ("Lock", "Unincorp"):
        (root / _DATABASE / "triggers" / name).touch(mode=0o600)


def stanza(control: str, conffiles: Sequence[tuple[str, str]]) -> str:
    """The package's entry in the status file: its control file, the state, and the MD5 of its configuration files."""
    lines = [line for line in control.splitlines() if line.strip()]
    lines.insert(1, "Status: install ok installed")
    if conffiles:
        lines += ["Conffiles:", *(f" {path} {digest}" for path, digest in conffiles)]
    return "\n".join(lines) + "\n"


def paths(contents: str) -> str:
    """The package's list of files, from the output of `dpkg-deb --contents`."""
    listed = []
    for line in contents.splitlines():
        kind, path = line[0], line.split(maxsplit=5)[5]
        separator = {"l": " -> ", "h": " link to "}.get(kind)
        path = (path.split(separator)[0] if separator else path).removeprefix(".").rstrip("/")
        listed.append(path or "/.")
    return "".join(f"{path}\n" for path in listed)


def interests(triggers: str, package: str) -> list[tuple[str, str]]:
    """(file of the trigger database, line) for each trigger that the package waits for."""
    found = []
    for line in triggers.splitlines():
        kind, _, trigger = line.partition("#")[0].strip().partition(" ")
        if kind in ("interest", "interest-await", "interest-noawait"):
            waiting = package + ("/noawait" if kind.endswith("noawait") else "")
            trigger = trigger.strip()
            found.append(("File", f"{trigger} {waiting}") if trigger.startswith("/") else (trigger, waiting))
    return found


def _registered(deb: Path, root: Path) -> tuple[str, str]:
    """Write the package's files in the database; returns its name and its entry in the status file."""
    info = root / _DATABASE / "info"
    contents = processes.run(["dpkg-deb", "--contents", str(deb)])
    shown = "--showformat=${Package} ${Multi-Arch} ${Architecture}"
    name = _qualified(processes.run(["dpkg-deb", "--show", shown, str(deb)]))
    folder = info / f"{name}.control"
    processes.run(["dpkg-deb", "--control", str(deb), str(folder)])
    control = (folder / "control").read_text()
    (folder / "control").unlink()
    for file in folder.iterdir():
        file.rename(info / f"{name}.{file.name}")
    folder.rmdir()
    (info / f"{name}.list").write_text(paths(contents))
    conffiles = info / f"{name}.conffiles"
    listed = conffiles.read_text().split() if conffiles.exists() else []
    present = [path for path in listed if (root / path.lstrip("/")).is_file()]
    return name, stanza(control, [(path, _md5(root / path.lstrip("/"))) for path in present])


def _qualified(fields: str) -> str:
    """The name of the package in dpkg's file names: with its architecture if several may be installed beside it."""
    package, *rest = fields.split()
    return f"{package}:{rest[-1]}" if rest[0] == "same" else package


def _interests(info: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in sorted(info.glob("*.triggers")):
        for name, line in interests(file.read_text(), file.name.removesuffix(".triggers")):
            found.setdefault(name, []).append(line)
    return found


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
