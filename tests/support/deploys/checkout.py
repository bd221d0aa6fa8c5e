"""A clone of the project in a folder of its own, with a sandbox of its own: what a person has, and types."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from support.deploys.provisions import provide
from support.waiting import until

from sandbox import lifecycle

PROJECT = Path(__file__).parents[3]
FUNCTION = "sandbox-sse-streaming"
REPOSITORY = "sandbox-sse-streaming-lambda"
BUCKET = "sandbox-000000000000-us-east-1-terraform-state"


@dataclass(frozen=True)
class Outcome:
    """How a command ended, as a person saw it: exit code and everything printed."""

    code: int
    text: str


@dataclass(frozen=True)
class Checkout:
    """The clone. `variables` are those of the process that types the commands."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> "Checkout":
        """Clone the work tree as it is now, uncommitted changes included, and commit it there."""
        listed = _git(PROJECT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
        for name in filter(None, listed):
            if (PROJECT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, root / name)
        provide(root)
        for tfvars in (root / "infrastructure" / "foundation").glob("*.tfvars"):
            if "state_history_days" not in tfvars.read_text():  # the provider waits 50 s until it believes the rule
                tfvars.write_text(f"{tfvars.read_text()}\nstate_history_days = 0\n")
        _git(root, "init", "--quiet", "--initial-branch=main")
        made = cls(root)
        made.commit("the project as it is")
        return made

    def invoke(self, *words: str, timeout: float = 600, **variables: str) -> Outcome:
        """Type `./dev invoke ...` and wait for its end."""
        child = self.start(*words, **variables)
        try:
            text, _ = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)
            text, _ = child.communicate(timeout=60)
            raise AssertionError(f"{words} did not end within {timeout} s:\n{text}") from None
        return Outcome(child.returncode, text)

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Type a command and do not wait."""
        environ = {**os.environ, "PYTHONPATH": str(self.root / "src"), "NO_COLOR": "1", "COLUMNS": "200", **variables}
        return subprocess.Popen(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self) -> None:
        """Stop its sandbox, once what was typed here has ended: a test that was interrupted did not wait for it."""
        with contextlib.suppress(AssertionError):
            until(lambda: not _at(self.root), 60, "the end of what was typed")
        lifecycle.stop(self.root, print)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change one place in a file."""
        path = self.root / name
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new))

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit."""
        self.git("add", "--all")
        who = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
        self.git(*who, "commit", "--quiet", "--message", message)
        return self.head()

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *words: str) -> str:
        """Type a git command; returns what it printed."""
        return _git(self.root, *words)

    def restore(self, commit: str) -> None:
        """Go back to a commit, forgetting everything since."""
        self.git("reset", "--hard", "--quiet", commit)

    @property
    def settings(self) -> dict[str, Any]:
        """What the sandbox tells the tasks: its registry and variables."""
        return lifecycle.start(self.root, lambda _: None)

    def terraform(self, *words: str) -> Outcome:
        """Type terraform in the service's folder, as somebody who goes around the tasks."""
        data = self.root / ".deploy" / "sandbox" / "service"
        environ = {**os.environ, **self.settings["variables"], "TF_DATA_DIR": str(data), "TF_IN_AUTOMATION": "1"}
        argv = ["terraform", f"-chdir={self.root / 'infrastructure' / 'service'}", *words, "-no-color"]
        result = subprocess.run(
            argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return Outcome(result.returncode, " ".join(f"{result.stdout}{result.stderr}".split()))

    def client(self, service: str, account: str = "000000000000") -> Any:
        """A boto3 client of the sandbox: the outside view the assertions take."""
        variables = self.settings["variables"]
        make: Any = boto3.client  # its stubs take only literal names of services
        return make(
            service,
            region_name="us-east-1",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            aws_access_key_id=account,
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        )

    def live(self) -> str:
        """The version that the alias names."""
        return str(self.client("lambda").get_alias(FunctionName=FUNCTION, Name="live")["FunctionVersion"])

    def served(self) -> str:
        """The version that the public address is served by."""
        url = self.client("lambda").get_function_url_config(FunctionName=FUNCTION, Qualifier="live")["FunctionUrl"]
        with urllib.request.urlopen(f"{url}api/v2/stream?events=1", timeout=60) as answer:
            return hello(answer.read().decode().splitlines())["version"]

    def versions(self) -> list[str]:
        """Every published version."""
        pages = self.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=FUNCTION)
        versions = [version["Version"] for page in pages for version in page["Versions"]]
        return [version for version in versions if version != "$LATEST"]

    def tags(self) -> dict[str, str]:
        """Tag to digest, of the function's repository."""
        details = self.client("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"]
        return {tag: detail["imageDigest"] for detail in details for tag in detail.get("imageTags", [])}

    def locked(self) -> bool:
        """Whether a Terraform lock lies in the state bucket."""
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET)
        return any(item["Key"].endswith(".tflock") for item in listed.get("Contents", []))


def hello(lines: Iterable[str]) -> dict[str, str]:
    """The data of the first event of a stream given as text lines."""
    data = next(line for line in lines if line.startswith("data:"))
    result: dict[str, str] = json.loads(data.removeprefix("data:"))
    return result


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


def _at(folder: Path) -> list[str]:
    """The processes that work in that folder, zombies left out."""
    result = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                result.append(process.name)
    return result
