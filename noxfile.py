"""What nox can ask. `./dev nox` asks everything below but `lock`; nox asks, invoke changes."""

import shutil
import subprocess

import nox

nox.options.default_venv_backend = "none"  # one environment: the one ./dev made
nox.options.sessions = ["lint", "types", "unit", "function", "validate", "image", "integration", "workflow", "chaos"]
LOCKED = ("src/lambdas/sse_streaming/requirements", "requirements")


@nox.session
def lint(session: nox.Session) -> None:
    """Everything that has a linter is formatted and has nothing said against it; offline."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
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
    session.run("pytest", "tests/unit", *session.posargs)


@nox.session
def function(session: nox.Session) -> None:
    """The function against AWS's own Runtime Interface Emulator."""
    session.run("pytest", "tests/lambda", *session.posargs)


@nox.session
def validate(session: nox.Session) -> None:
    """Terraform accepts every root module."""
    session.run("pytest", "tests/terraform", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """The real thing: engine, emulator, Terraform, deploys that work and deploys that must fail."""
    session.run("pytest", "tests/integration", *session.posargs)


@nox.session
def workflow(session: nox.Session) -> None:
    """The workflows of GitHub, unmodified, on this machine: preprod and prod are two accounts of the emulator."""
    session.run("pytest", "tests/workflow", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Everything that can break does: bad images, faults in each stage, cancels at any moment (`-- --cancels 100`)."""
    session.run("pytest", "tests/chaos", *session.posargs)


@nox.session
def image(session: nox.Session) -> None:
    """Build the images and check them, without any cloud."""
    session.run("pytest", "tests/image", *session.posargs)


@nox.session
def reproducible(session: nox.Session) -> None:
    """One commit, two clones, no cache: one digest. A part of `image`, on its own."""
    session.run("pytest", "tests/image/test_reproducible.py", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Lock the requirements again, with hashes, naming no registry (needs uv on PATH)."""
    if not shutil.which("uv"):
        session.error("uv was not found; try: pipx install uv")
    for name in LOCKED:
        flags = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header")
        session.run("uv", "pip", "compile", *flags, f"{name}.in", "-o", f"{name}.txt", external=True)


def _files(pattern: str) -> list[str]:
    """The project's own files of that name: those git knows."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", pattern], check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name]
