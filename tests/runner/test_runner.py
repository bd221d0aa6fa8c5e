"""GitHub's runner: a shallow clone, an ordinary user, an almost empty environment, the system's Python."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml
from support import sample

ROOT = Path(__file__).parents[2]
NOBODY = 65534  # may not enter root's home
TERRAFORM = Path(shutil.which("terraform") or "/usr/local/bin/terraform").parent  # the workflow installs it
NEEDS = '{"check": {"result": "success", "outputs": {}}}'
# How this machine reaches package indexes: proxies, certificates, the index itself.
NETWORK = ("http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle", "pip_index_url", "pip_cert")


class Runner:
    """The clone of a job, and the user that runs its commands."""

    def __init__(self, root):
        self.clone, self.home = root / "clone", root / "home"
        network = {name: value for name, value in os.environ.items() if name.lower() in NETWORK}
        path = f"/usr/bin:/bin:{TERRAFORM}"
        self.variables = {"PATH": path, "HOME": str(self.home), "TMPDIR": str(root / "tmp"), **network}
        self.variables |= {"CI": "true", "GITHUB_ACTIONS": "true"}
        for folder in (self.home, root / "tmp"):
            folder.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(self.clone)], check=True)
        subprocess.run(["git", "checkout", "--quiet", "--detach"], cwd=self.clone, check=True)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(root)], check=True)

    def run(self, *arguments, **variables):
        """Run a program as an ordinary user; return the exit code and the output."""
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*user, *arguments],
            cwd=self.clone,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def runner():
    """Outside pytest's own folder, which only its owner may enter."""
    root = Path(tempfile.mkdtemp(prefix="runner-"))
    root.chmod(0o755)
    yield Runner(root)
    shutil.rmtree(root, ignore_errors=True)


def test_the_last_job_shows_how_the_jobs_ended_without_an_environment(runner):
    made = (runner.clone / ".venv").exists()
    workflow = yaml.safe_load((runner.clone / ".github/workflows/deploy.yml").read_text())
    step = workflow["jobs"]["summary"]["steps"][-1]
    code, output = runner.run("bash", "-c", step["run"], **{**step["env"], "NEEDS": NEEDS})
    assert code == 0, output
    assert "| ✓ | check | success |" in output
    assert (runner.clone / ".venv").exists() == made


def test_the_checks_of_a_pull_request_pass(runner):
    """The line of the workflow, in full; tests/workflow runs it with the linters only."""
    workflow = yaml.safe_load((runner.clone / ".github/workflows/checks.yml").read_text())
    line = workflow["jobs"]["checks"]["steps"][-1]["run"]
    code, output = runner.run("bash", "-e", "-c", line)
    assert code == 0, output[-4000:]
    for session in ("lint", "types", "unit", "validate"):
        assert re.search(rf"^nox > \* {session}: success", output, re.MULTILINE), output[-4000:]


UGLY = "import os,sys\ndef  f( x ) :\n  return undefined+x\n"
TEAM = ("src/lambdas/orders_api/ugly.py", "tests/lambdas/orders_api/test_ugly.py", "tests/unit/lambdas/test_ugly.py")


@sample.needed
def test_without_the_sample_and_with_a_function_in_a_style_of_its_own_every_check_passes(runner):
    """The step of docs/functions.md, "Remove the sample"; then the other suites skip what deploys it."""

    def typed(*words):
        code, output = runner.run(*words)
        assert code == 0, output[-4000:]
        return output

    head = typed("git", "rev-parse", "HEAD").strip()
    try:
        typed("./dev", "invoke", "new", "--name", "orders-api", "--kind", "http")
        for name in TEAM:
            runner.run("mkdir", "-p", str((runner.clone / name).parent))
            runner.run("sh", "-c", f'printf %s "$TEXT" > {name}', TEXT=UGLY)
        typed("git", "add", "--all")
        typed("git", "-c", "user.name=a", "-c", "user.email=a@b.test", "commit", "--quiet", "--message", "orders")
        assert "removed tests/lambdas/sse_streaming" in typed("./dev", "invoke", "remove", "--name", "sse-streaming")
        typed("terraform", "fmt", "-check", "-recursive", "infrastructure")
        output = typed("./dev", "nox", "-s", "lint", "types", "unit")
        assert re.search(r"^nox > \* unit: success", output, re.MULTILINE), output[-4000:]
        skipped = typed("./dev", "pytest", "tests/chaos", "tests/workflow", "tests/image/test_image.py", "-q")
        assert re.search(r"^\d+ passed, \d+ skipped in|^\d+ skipped in", skipped, re.MULTILINE), skipped[-4000:]
    finally:
        typed("git", "reset", "--hard", "--quiet", head)
        typed("git", "clean", "--quiet", "--force", "-d", "src", "tests")


def test_the_last_job_shows_how_the_jobs_ended_on_a_laptop_too(runner):
    code, output = runner.run("./dev", "invoke", "job-summary", NEEDS=NEEDS)
    assert code == 0, output
    assert "| ✓ | check | success |" in output
