"""The Dockerfiles of the bake targets: only these are built."""

import hashlib
import json
from typing import Any

from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

FILE = "docker-bake.hcl"
"""The file of the targets, in the root of the checkout."""


def dockerfiles(layout: Layout, engine: Engine) -> dict[str, str]:
    """The text of each Dockerfile, by its path in the checkout; of an inline one, by the name of its target.

    A bake file that docker cannot read has none here: the build says what is wrong with it.
    """
    found = {}
    for name, target in sorted(_targets(layout, engine).items()):
        if inline := target.get("dockerfile-inline"):
            found[name] = str(inline)
            continue
        path = layout.root / target.get("context", ".") / target.get("dockerfile", "Dockerfile")
        if path.is_file():  # not a context that is elsewhere, such as a repository of git
            place = path.relative_to(layout.root) if path.is_relative_to(layout.root) else path
            found[str(place)] = path.read_text()
    return found


def _targets(layout: Layout, engine: Engine) -> dict[str, dict[str, Any]]:
    """The targets of the default group, as bake prints them; remembered until the bake file changes."""
    file, memory = layout.root / FILE, layout.state / "targets.json"
    if not file.is_file():
        return {}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    try:
        known = json.loads(memory.read_text())
        if known["file"] == digest:
            return dict(known["targets"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is none, or an interrupted start left half of one
    try:
        printed = json.loads(engine.docker("buildx", "bake", "--file", str(file), "--print"))
    except (SandboxError, ValueError):
        return {}
    known = {"file": digest, "targets": printed.get("target", {})}
    layout.state.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps(known))
    return dict(known["targets"])
