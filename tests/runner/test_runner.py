"""GitHub's runner: a shallow clone, an ordinary user, an almost empty environment, the system's Python."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

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


def test_the_last_job_shows_how_the_jobs_ended_on_a_laptop_too(runner):
    code, output = runner.run("./dev", "invoke", "job-summary", NEEDS=NEEDS)
    assert code == 0, output
    assert "| ✓ | check | success |" in output
