"""Checks and tests. `./dev nox` runs all of them once; `lock`, `real`, `bench` and the parts of `lanes` only by name.

*nox asks, invoke changes*: everything that changes something is in tasks.py.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nox

# https://pkg.go.dev/runtime#hdr-Environment_Variables: Terraform and its provider live for seconds, and a quarter of
# their CPU time would be the collection of garbage. The limit is for the engines of the sandboxes, which live longer.
os.environ.setdefault("GOGC", "off")
os.environ.setdefault("GOMEMLIMIT", "600MiB")
# The tests start hundreds of interpreters in clones of their own: without compiled modules each one compiles the suite.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

nox.options.default_venv_backend = "none"  # every session uses the environment of ./dev
nox.options.sessions = ["lint", "types", "lanes"]
# Parts of `integration` and `chaos` that use nothing of what the other tests there deploy
_PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "integration": {
        "policy": tuple(
            f"tests/integration/test_{name}.py" for name in ("oidc", "policy", "policy_promotion", "policy_recorded")
        ),
        "sandbox": ("tests/integration/cloud", "tests/integration/test_engine.py"),
    },
    "chaos": {
        "faults": ("tests/chaos/test_faults.py", "tests/chaos/test_histories.py"),
    },
}


def _rest(name: str) -> tuple[str, ...]:
    return (f"tests/{name}", *(f"--ignore={path}" for part in _PARTS[name].values() for path in part))


# Name => arguments of pytest; the longest first, with `unit` among them, for an early answer. `runner` runs `validate`,
# as GitHub's runner does.
LANES = {
    "integration": _rest("integration"),
    "chaos": _rest("chaos"),
    "faults": _PARTS["chaos"]["faults"],
    "workflow": ("tests/workflow",),
    "unit": ("tests/unit",),
    "runner": ("tests/runner",),
    "policy": _PARTS["integration"]["policy"],
    "sandbox": _PARTS["integration"]["sandbox"],
    "image": ("tests/image",),
    "function": ("tests/lambdas",),
}
_AT_ONCE = 5  # on two cores: a lane often waits for AWS's eventual consistency, a deadline or a lock
_DONE = re.compile(r"\[ *\d+%\]$")  # at the end of a test's line
# Linters and types judge what belongs to the suite, and the sample: not the code that a team adds, which has its own
# style. `invoke remove --name sse-streaming` removes the sample.
_TEAMS = ("src/lambdas/*", "tests/lambdas/*", "tests/acceptance/test_*", "tests/unit/lambdas/*")
_SAMPLE = Path("src/lambdas/sse_streaming")
_TYPED = (
    *("src/delivery", "src/sandbox", "tasks.py", "noxfile.py"),
    *("tests/bench", "tests/real", "tests/support/real", "tests/support/aws_model.py"),
)
LOCKED = (
    *sorted(str(path.with_suffix("")) for path in Path("src").glob("**/requirements.in")),
    *("requirements", "tests/bench/awscli", "tests/bench/servers"),
)


@nox.session
def lint(session: nox.Session) -> None:
    """Every linter and formatter, and the contracts between the rooms of src; offline."""
    teams = [word for path in _teams() for word in ("--extend-exclude", path)]
    session.run("ruff", "check", ".", *teams)
    session.run("ruff", "format", "--check", ".", *teams)
    session.run("lint-imports", "--no-cache")
    session.run("terraform", "fmt", "-check", "-recursive", "infrastructure")
    session.run("shellcheck", "--external-sources", "dev", ".ci/run", *_files("*.sh"))
    session.run("hadolint", *_files("*Dockerfile"))
    # Of every function, also those of a team: what is shipped. The tests build theirs on the base of the sandbox alone.
    shipped = [name for name in _listed("*Dockerfile") if not name.startswith("tests/")]
    session.run("python", "tests/support/lint_dockerfiles.py", *shipped, env={"PYTHONPATH": "src"})
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *_files(".github/workflows/*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-actions", *_files("*action.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    # tests/terraform compares the files with what the module ci_role makes.
    quiet = {"PYTHONWARNINGS": "ignore"}  # of parliament: it still uses pkg_resources
    session.run("python", "tests/support/lint_policies.py", *_files("tests/terraform/policies/*.json"), env=quiet)
    # `auditor` is the strictest persona of zizmor; .github/zizmor.yml gives the reason for each ignored finding.
    # Without strict collection, a file that zizmor cannot read passes with a warning.
    session.run("zizmor", "--offline", "--persona", "auditor", "--strict-collection", "--quiet", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Type checks: mypy, strict."""
    session.run("mypy", *_TYPED, *([str(_SAMPLE)] if _SAMPLE.exists() else []))


@nox.session
def unit(session: nox.Session) -> None:
    """The unit tests: no process, no network; under ten seconds."""
    _pytest(session, "tests/unit")


@nox.session
def function(session: nox.Session) -> None:
    """The tests of the functions: of the sample with AWS's own Runtime Interface Emulator."""
    if not Path("tests/lambdas").exists():
        session.skip("no function has tests in tests/lambdas")
    _pytest(session, "tests/lambdas")


@nox.session
def validate(session: nox.Session) -> None:
    """Validate every Terraform root module."""
    _pytest(session, "tests/terraform")


@nox.session
def runner(session: nox.Session) -> None:
    """Run the checks as GitHub's runner does: a shallow clone, an ordinary user, the system's Python."""
    _pytest(session, "tests/runner")


@nox.session
def integration(session: nox.Session) -> None:
    """Deploys with a real engine, emulator and Terraform: deploys that work, and deploys that must fail."""
    _pytest(session, "tests/integration")


@nox.session
def workflow(session: nox.Session) -> None:
    """Run GitHub's workflow files on this machine; preprod and prod are two accounts of the emulator."""
    _pytest(session, "tests/workflow")


@nox.session
def chaos(session: nox.Session) -> None:
    """Break things: bad images, faults in each stage, cancels at any moment (`-- --cancels 100`)."""
    _pytest(session, "tests/chaos")


@nox.session
def image(session: nox.Session) -> None:
    """Build the images and check them; no cloud."""
    _pytest(session, "tests/image")


@nox.session
def lanes(session: nox.Session) -> None:
    """All tests, five pytests at a time: `unit`, `function`, `runner` (with `validate`), `image`, `integration`, ...

    Not `nox --parallel`: it prints the output of a session when the session ends, and its Ctrl-C is a SIGTERM and then
    a SIGKILL, so the fixtures would not stop their sandboxes.
    """
    waiting, failed = [name for name, words in LANES.items() if Path(words[0]).exists()], list[str]()
    running: dict[str, _Lane] = {}
    ended: dict[str, _Lane] = {}
    try:
        while waiting or running:
            while waiting and len(running) < _AT_ONCE:
                name = waiting.pop(0)
                running[name] = _Lane(name)
            for name, lane in list(running.items()):
                if lane.ended():
                    failed += [name] if lane.code else []
                    ended[name] = running.pop(name)
            time.sleep(0.2)
    except KeyboardInterrupt:
        for lane in running.values():
            lane.interrupt()
        for lane in running.values():
            lane.wait()
        raise
    session.log(", ".join(f"{name} {lane.seconds:.0f} s" for name, lane in ended.items()))
    for name in failed:
        print(*ended[name].report, sep="\n", flush=True)
    if failed:
        session.error(f"failed: {', '.join(failed)}; the lines of a lane begin with its name")


@nox.session
def reproducible(session: nox.Session) -> None:
    """Build one context in two clones without a cache, and compare the digests. A part of `image`."""
    _pytest(session, "tests/image/test_reproducible.py")


@nox.session
def real(session: nox.Session) -> None:
    """One run in two throwaway AWS accounts, which variables name; never part of another session. See CONTRIBUTING.md.

    Bootstrap, deploy as the CI role, empty plan, canary, rollback, prune, promote, and the removal of everything.
    Without the variables it says what it needs, makes and costs. `REAL=sandbox` runs the same story on two accounts of
    the emulator. The answers of AWS go to tests/real/answers, without secrets, accounts and names.
    """
    # The removal takes minutes after Ctrl-C: without it, the accounts keep what was made.
    pytest = ("pytest", "tests/real", "-x", "-v", "-s", "--durations=0")
    session.run(*pytest, *session.posargs, interrupt_timeout=900.0, terminate_timeout=900.0)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure deploys against the tools themselves: `-- --repeat 5 --only NAME`. See docs/performance.md."""
    # As a person's shell is: without the variables above, which would change the time of every side.
    variables = {"PYTHONPATH": os.pathsep.join(("src", "tests")), "GOGC": None, "GOMEMLIMIT": None}
    command = ("python", "-m", "bench", *session.posargs)
    session.run(*command, env=variables, interrupt_timeout=90.0, terminate_timeout=30.0)


@nox.session
def lock(session: nox.Session) -> None:
    """Lock the requirements again, with hashes and without the address of a registry (needs uv on PATH)."""
    if not shutil.which("uv"):
        session.error("uv was not found; try: pipx install uv")
    for name in LOCKED:
        flags = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header"]
        flags.append("--no-strip-extras")  # pip takes the hash of a requirement with an extra from such a line only
        session.run("uv", "pip", "compile", *flags, f"{name}.in", "-o", f"{name}.txt", external=True)


def _pytest(session: nox.Session, folder: str) -> None:
    # The fixtures need time to stop engines and emulators; by default nox kills pytest 0.3 s after Ctrl-C.
    session.run("pytest", folder, *session.posargs, interrupt_timeout=90.0, terminate_timeout=30.0)


class _Lane:
    """A pytest in the background, whose lines are printed behind its name.

    One temporary folder for each lane of each checkout: pytest releases a folder before its last fixtures end, and
    another pytest that ends may then remove it.
    """

    def __init__(self, name: str) -> None:
        self._name, self._began, self.seconds = name, time.monotonic(), 0.0
        self._lines = list[str]()
        checkout = hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:8]
        folder = Path(tempfile.gettempdir()) / f"lane-{checkout}-{name}"
        folder.mkdir(exist_ok=True)
        self._child = subprocess.Popen(
            [*_nice(name), sys.executable, "-u", "-m", "pytest", "-v", *LANES[name]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTEST_DEBUG_TEMPROOT": str(folder)},
        )
        self._printer = threading.Thread(target=self._print, daemon=True)
        self._printer.start()

    @property
    def code(self) -> int | None:
        return self._child.poll()

    def ended(self) -> bool:
        """Whether it has ended; then all its lines are printed."""
        if self.code is None:
            return False
        self._printer.join(5)
        self.seconds = time.monotonic() - self._began
        return True

    @property
    def report(self) -> list[str]:
        """What pytest printed after its last test: the failures."""
        begin = max((number for number, line in enumerate(self._lines) if _DONE.search(line)), default=-1)
        return [f"{self._name:<12} {line}" for line in self._lines[begin + 1 :]]

    def interrupt(self) -> None:
        """Interrupt it once, like a terminal: a second SIGINT would interrupt the clean-up of the fixtures."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGINT)

    def wait(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(120)

    def _print(self) -> None:
        for line in self._child.stdout or ():
            self._lines.append(line.rstrip("\n"))
            print(f"{self._name:<12} {line}", end="", flush=True)


def _nice(name: str) -> tuple[str, ...]:
    """The longest lanes decide when all end, so a shorter one leaves them the processors."""
    return ("nice", "-n", str(min(list(LANES).index(name), 4)))


def _teams() -> list[str]:
    """The folders and files of functions other than the sample."""
    paths = (path for pattern in _TEAMS for path in sorted(Path().glob(pattern)))
    return [str(path) for path in paths if "sse_streaming" not in path.name]


def _listed(pattern: str) -> list[str]:
    """The files of that name that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", pattern], check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and Path(name).exists()]


def _files(pattern: str) -> list[str]:
    """Those of them that belong to the suite or to the sample."""
    teams = _teams()
    return [name for name in _listed(pattern) if not any(Path(name).is_relative_to(team) for team in teams)]
