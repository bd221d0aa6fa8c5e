"""One environment of plain settings, `preprod`, in a clone of its own: what is broken, cancelled and watched here."""

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from support.deploys.checkout import Checkout, Outcome
from support.deploys.refusals import plain

ENV, ACCOUNT = "preprod", "111111111111"
FUNCTION, REPOSITORY = f"{ENV}-sse-streaming", f"{ENV}-sse-streaming-lambda"
BUCKET = f"{ENV}-{ACCOUNT}-us-east-1-terraform-state"
SOURCE = "src/lambdas/sse_streaming/app.py"
# Invoke sets a setting of invoke.yaml from it. A change of the infrastructure needs no commit that way, so no build.
MEMORY = "INVOKE_ENVIRONMENTS_PREPROD_VARIABLES_TF_VAR_MEMORY_MB"
# What comes from the environment of the process that types, as on a laptop or in a job.
KEYS = {
    "AWS_ACCESS_KEY_ID": ACCOUNT,
    "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
    "AWS_SESSION_TOKEN": secrets.token_hex(40),
}
PASSWORD = secrets.token_hex(30)
TOOLS = {"terraform", "docker", "docker-buildx", "git"}


@dataclass(frozen=True)
class Place:
    """The clone, and its `preprod` seen from outside."""

    clone: Checkout
    endpoint: str
    path: str
    settings: dict[str, str] = field(default_factory=lambda: {MEMORY: "512"})
    """Variables that change a setting of this environment."""

    @classmethod
    def make(cls, clone: Checkout) -> "Place":
        """Let `preprod` be an account of the clone's emulator, in a commit."""
        settings = clone.settings
        document = yaml.safe_load((clone.root / "invoke.yaml").read_text())
        before = {name: value for name, value in plain(settings["variables"]).items() if name not in KEYS}
        variables = {**before, "TF_VAR_memory_mb": "512"}
        document["environments"][ENV].update(registry=settings["registry"], variables=variables, bootstraps=True)
        (clone.root / "invoke.yaml").write_text(yaml.safe_dump(document))
        clone.commit("preprod is an account of the emulator")
        return cls(clone, before["AWS_ENDPOINT_URL"], before.get("PATH", os.environ["PATH"]))

    def typed(self, task: str, **variables: str) -> subprocess.Popen[str]:
        """Type `invoke task --env preprod`, the way a workflow's step does: bash replaces itself."""
        words = f"exec {sys.executable} -m invoke {task} --env {ENV}"
        environ = {**os.environ, "PYTHONPATH": str(self.clone.root / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
        return subprocess.Popen(
            ["bash", "-e", "-c", words],
            cwd=self.clone.root,
            env={**environ, **KEYS, **self.settings, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def invoke(self, task: str, **variables: str) -> Outcome:
        """Type it and wait for its end."""
        child = self.typed(task, **variables)
        try:
            text, _ = child.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)
            raise AssertionError(f"{task} did not end in 600 s:\n{child.communicate(timeout=60)[0]}") from None
        return Outcome(child.returncode, text)

    def client(self, service: str):
        return self.clone.client(service, ACCOUNT)

    def live(self) -> str:
        return self.client("lambda").get_alias(FunctionName=FUNCTION, Name="live")["FunctionVersion"]

    def newest(self) -> str:
        pages = self.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=FUNCTION)
        versions = [item["Version"] for page in pages for item in page["Versions"]]
        return max(filter(str.isdigit, versions), key=int)

    def objects(self) -> dict[str, bytes]:
        """Everything in the state bucket, locks included."""
        s3 = self.client("s3")
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def locks(self) -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [item["Key"] for item in listed if item["Key"].endswith(".tflock")]

    def memory(self, megabytes: int) -> None:
        """Give Terraform something to change: a new version, without a build."""
        self.settings[MEMORY] = str(megabytes)

    def tools(self) -> dict[int, str]:
        """The tools that run for this clone, by process: by their environment, their folder or their arguments."""
        root = str(self.clone.root).encode()
        result = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                name = (process / "comm").read_text().strip()
                text = [(process / part).read_bytes() for part in ("environ", "cmdline")]
                where = os.fsencode((process / "cwd").readlink())
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                ours = any(root in part for part in (*text, where))
                if ours and state != "Z" and (name in TOOLS or name.startswith("terraform-pro")):
                    result[int(process.name)] = text[1].replace(b"\0", b" ").decode(errors="replace")
        return result

    def containers(self) -> set[str]:
        """Every container of the engine that is no function of the emulator's: those come and go with its calls."""
        variables = {**os.environ, **self.clone.settings["variables"]}
        listed = ["docker", "ps", "--all", "--format", "{{.ID}} {{.Labels}}"]
        lines = subprocess.run(listed, env=variables, check=True, capture_output=True, text=True).stdout.splitlines()
        return {line.split()[0] for line in lines if "ministack" not in line}

    def scratches(self) -> list[str]:
        return [path.name for path in (self.clone.root / ".deploy").glob("run_*")]


def stages(text: str) -> list[str]:
    """The stages that ended or were stopped, as a person saw them."""
    return re.findall(r"^[✓✗] (\w+)", text, re.MULTILINE)
