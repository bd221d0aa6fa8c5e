"""The repository's workflow, run unmodified by act on this machine: GitHub's side of the tests.

Third-party actions are played by the stubs in `actions/`; act itself plays GitHub. What act does not enforce, these
tests cannot see: concurrency, approvals, id-token, timeouts, trigger filters.
"""

import filecmp
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import yaml
from checkout import Checkout, Outcome

STUBS = Path(__file__).parent / "actions"
ACCOUNTS = {"preprod": "111111111111", "prod": "222222222222"}
_FOREIGN = ("AWS_", "GITHUB_", "ACTIONS_", "INVOKE_", "PYTEST_", "DOCKER_", "RUNNER_")


@dataclass
class Run:
    """One run: act's exit code; of each job its result, what it said (outputs and summary too) and its seconds."""

    code: int
    jobs: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Everything, for a failing assertion."""
        return "\n".join(f"== {job}: {self.jobs.get(job)}\n{text}" for job, text in self.said.items())

    def table(self) -> str:
        """The jobs with their results and times, as they ended."""
        return "\n".join(f"{job:<26}{result:<10}{self.seconds[job]:6.1f} s" for job, result in self.jobs.items())


@dataclass(frozen=True)
class Pipeline:
    """A clone with a sandbox in which `preprod` and `prod` are two accounts; `home` is the runner's."""

    clone: Checkout
    home: Path

    @classmethod
    def make(cls, clone: Checkout, home: Path) -> "Pipeline":
        """Say where the accounts' registry is, in invoke.yaml; bootstrap both, as a person does once."""
        document = yaml.safe_load((clone.root / "invoke.yaml").read_text())
        for name in ACCOUNTS:
            document["environments"][name]["registry"] = clone.settings["registry"]
        (clone.root / "invoke.yaml").write_text(yaml.safe_dump(document))
        clone.commit("the sandbox's registry")
        made = cls(clone, home)
        with ThreadPoolExecutor() as pool:
            for outcome in pool.map(made.bootstrap, ACCOUNTS):
                assert outcome.code == 0, outcome.text
        return made

    def bootstrap(self, name: str) -> Outcome:
        """Type `invoke bootstrap` as somebody of that account."""
        keys = {"AWS_ACCESS_KEY_ID": ACCOUNTS[name], "AWS_SECRET_ACCESS_KEY": "test"}
        return self.clone.invoke("bootstrap", "--env", name, "--yes", **{**self.environ(), **keys})

    def environ(self) -> dict[str, str]:
        """What a runner's steps find: the tools and the way to the cloud, but no credentials."""
        made = Path(sys.prefix)
        again = f"./dev would make {made} again; run these tests with ./dev"
        assert filecmp.cmp(made / "requirements.txt", self.clone.root / "requirements.txt", shallow=False), again
        assert (made / "place").read_text().strip() == sys.prefix, again
        own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        cloud = {name: value for name, value in self.clone.settings["variables"].items() if value}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            cloud.pop(name, None)
        return {
            **own,
            **cloud,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / "credentials"),
            "AWS_CONFIG_FILE": str(self.home / "config"),
            "XDG_CONFIG_HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "DEV_VENV": sys.prefix,
            "NO_COLOR": "1",
            "TTY_COMPATIBLE": "0",  # act gives its steps a terminal, GitHub none; read by rich
            "MYPY_CACHE_DIR": str(self.home / "mypy"),
            "ORIGIN": str(self.clone.root),
        }

    def run(self, *words: str, variables: dict[str, str] | None = None, **more: str) -> Run:
        """`act` with these words; `variables` are the repository's, `more` is the runner's environment."""
        argv = [*self._act(variables or {}), *words]
        environ = {**self.environ(), **more}
        result = subprocess.run(
            argv, cwd=self.clone.root, env=environ, capture_output=True, text=True, timeout=600, check=False
        )
        return _read(result)

    def _act(self, variables: dict[str, str]) -> list[str]:
        config = self.home / "act" / "actrc"  # without one it asks a question
        config.parent.mkdir(parents=True, exist_ok=True)
        config.touch()
        roles = {f"{name.upper()}_ROLE_ARN": f"arn:aws:iam::{of}:role/ci/x" for name, of in ACCOUNTS.items()}
        roles["PREPROD_READER_ROLE_ARN"] = roles["PREPROD_ROLE_ARN"]  # the stub looks at the account alone
        argv = [str(Path(sys.prefix, "bin", "act")), "--json", "--rm", "--workflows", ".github/workflows/deploy.yml"]
        argv += ["-P", "ubuntu-24.04=-self-hosted", "--action-cache-path", str(self.home / "actions")]
        argv += ["--cache-server-addr", "127.0.0.1", "--cache-server-path", str(self.home / "artifacts")]
        argv += ["--artifact-server-path", str(self.home / "files"), "--artifact-server-addr", "127.0.0.1"]
        argv += ["--artifact-server-port", "0"]
        argv += [word for pair in {**roles, **variables}.items() for word in ("--var", "=".join(pair))]
        return argv + [word for stub in self._stubs() for word in ("--local-repository", stub)]

    def _stubs(self) -> list[str]:
        """One for each third-party action that any file names; a new one without a stub fails the run."""
        files = (self.clone.root / ".github").rglob("*.yml")
        used = {match for file in files for match in re.findall(r"uses: ([\w-]+/[\w-]+@\w+)", file.read_text())}
        return [f"https://github.com/{name}={STUBS / name.partition('@')[0].replace('/', '-')}" for name in used]


def _read(result: subprocess.CompletedProcess[str]) -> Run:
    run = Run(result.returncode)
    began: dict[str, datetime] = {}
    for line in f"{result.stdout}{result.stderr}".splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {"msg": line}
        job = entry.get("jobID", "")
        run.said[job] = run.said.get(job, "") + entry.get("msg", "").rstrip("\n") + "\n"
        if "time" in entry:
            now = datetime.fromisoformat(entry["time"])
            run.seconds[job] = (now - began.setdefault(job, now)).total_seconds()
        if entry.get("jobResult"):
            run.jobs[job] = entry["jobResult"]
    return run
