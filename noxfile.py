"""What nox can ask. `./dev nox` asks everything below but `lock`; nox asks, invoke changes."""

import shutil

import nox

nox.options.default_venv_backend = "none"  # one environment: the one ./dev made
nox.options.sessions = ["lint", "types", "unit", "function", "validate", "image", "integration"]
LOCKED = ("src/lambdas/sse_streaming/requirements", "requirements")


@nox.session
def lint(session: nox.Session) -> None:
    """Python and Terraform are formatted, and ruff has nothing to say."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("terraform", "fmt", "-check", "-recursive", "infrastructure")


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
def image(session: nox.Session) -> None:
    """Build the images and check them, without any cloud."""
    session.run("pytest", "tests/image", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Lock the requirements again, with hashes, naming no registry (needs uv on PATH)."""
    if not shutil.which("uv"):
        session.error("uv was not found; try: pipx install uv")
    for name in LOCKED:
        flags = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header")
        session.run("uv", "pip", "compile", *flags, f"{name}.in", "-o", f"{name}.txt", external=True)
