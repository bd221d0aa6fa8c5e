"""What nox can ask. `./dev nox` asks everything below but `lock`, once; nox asks, invoke changes."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"  # one environment: the one ./dev made
nox.options.sessions = ["lint", "types", "unit", "function", "validate", "image", "deploys"]
_TRAFFIC = tuple(f"tests/chaos/test_{name}.py" for name in ("bad_images", "side_by_side"))
_FAULTS = tuple(f"tests/chaos/test_{name}.py" for name in ("faults", "histories"))
_SANDBOX = ("tests/integration/cloud", "tests/integration/test_engine.py")
# What `deploys` runs at once: lanes of about one length
LANES = {
    "integration": ("tests/integration", *(f"--ignore={path}" for path in _SANDBOX)),
    "workflow": ("tests/workflow", *_TRAFFIC),
    "faults": (*_FAULTS, *_SANDBOX),
    "chaos": ("tests/chaos", *(f"--ignore={path}" for path in _TRAFFIC + _FAULTS)),
}
LOCKED = ("src/lambdas/sse_streaming/requirements", "requirements")


@nox.session
def lint(session: nox.Session) -> None:
    """Everything that has a linter is formatted and has nothing said against it; offline."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")
    session.run("terraform", "fmt", "-check", "-recursive", "infrastructure")
    session.run("shellcheck", "dev", ".ci/run")
    session.run("hadolint", *_files("*Dockerfile"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *_files(".github/workflows/*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-actions", *_files("*action.yml"))
    # The auditor is zizmor's strictest persona; .github/zizmor.yml has the reason for each thing it may not say.
    # Strict collection: a file that it cannot read would otherwise pass with a warning.
    session.run("zizmor", "--offline", "--persona", "auditor", "--strict-collection", "--quiet", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    session.run("mypy")


@nox.session
def unit(session: nox.Session) -> None:
    """Everything that needs no process and no network; under ten seconds."""
    _pytest(session, "tests/unit")


@nox.session
def function(session: nox.Session) -> None:
    """The function against AWS's own Runtime Interface Emulator."""
    _pytest(session, "tests/lambda")


@nox.session
def validate(session: nox.Session) -> None:
    """Terraform accepts every root module."""
    _pytest(session, "tests/terraform")


@nox.session
def integration(session: nox.Session) -> None:
    """The real thing: engine, emulator, Terraform, deploys that work and deploys that must fail."""
    _pytest(session, "tests/integration")


@nox.session
def workflow(session: nox.Session) -> None:
    """The workflows of GitHub, unmodified, on this machine: preprod and prod are two accounts of the emulator."""
    _pytest(session, "tests/workflow")


@nox.session
def chaos(session: nox.Session) -> None:
    """Everything that can break does: bad images, faults in each stage, cancels at any moment (`-- --cancels 100`)."""
    _pytest(session, "tests/chaos")


@nox.session
def image(session: nox.Session) -> None:
    """Build the images and check them, without any cloud."""
    _pytest(session, "tests/image")


@nox.session
def deploys(session: nox.Session) -> None:
    """`integration`, `workflow` and `chaos` in four lanes at once, each with a sandbox of its own."""
    lanes = {name: _lane(name) for name in LANES}
    children = [child for child, _ in lanes.values()]
    try:
        failed = [name for name, (child, _) in lanes.items() if child.wait()]
    except KeyboardInterrupt:
        for child in children:  # as a terminal does it, and once: a second one would cut short what the fixtures stop
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGINT)
        for child in children:
            child.wait(120)
        raise
    for _, telling in lanes.values():
        telling.join(5)
    if failed:
        session.error(f"failed: {', '.join(failed)}; above, its lines begin so")


@nox.session
def reproducible(session: nox.Session) -> None:
    """One commit, two clones, no cache: one digest. A part of `image`, on its own."""
    _pytest(session, "tests/image/test_reproducible.py")


@nox.session
def lock(session: nox.Session) -> None:
    """Lock the requirements again, with hashes, naming no registry (needs uv on PATH)."""
    if not shutil.which("uv"):
        session.error("uv was not found; try: pipx install uv")
    for name in LOCKED:
        flags = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header")
        session.run("uv", "pip", "compile", *flags, f"{name}.in", "-o", f"{name}.txt", external=True)


def _pytest(session: nox.Session, folder: str) -> None:
    # Its fixtures stop what they started; nox would kill it a third of a second after Ctrl-C.
    session.run("pytest", folder, *session.posargs, interrupt_timeout=90.0, terminate_timeout=30.0)


def _lane(name: str) -> tuple[subprocess.Popen[str], threading.Thread]:
    # Folders of its own: pytest unlocks a session's before its last fixtures end, and another that ends may remove it
    folder = Path(tempfile.gettempdir()) / f"lane-{name}"
    folder.mkdir(exist_ok=True)
    variables = {**os.environ, "PYTEST_DEBUG_TEMPROOT": str(folder)}
    argv = [sys.executable, "-u", "-m", "pytest", "-v", *LANES[name]]
    pipe, merged = subprocess.PIPE, subprocess.STDOUT
    child = subprocess.Popen(
        argv, stdout=pipe, stderr=merged, stdin=subprocess.DEVNULL, text=True, start_new_session=True, env=variables
    )
    telling = threading.Thread(target=_tell, args=(name, child), daemon=True)
    telling.start()
    return child, telling


def _tell(name: str, child: subprocess.Popen[str]) -> None:
    for line in child.stdout or ():
        print(f"{name:<12} {line}", end="", flush=True)


def _files(pattern: str) -> list[str]:
    """The project's own files of that name: those git knows."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", pattern], check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name]
