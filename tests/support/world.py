"""A run context made of fakes: one environment, one image, an empty project folder."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import urllib3
from rich.console import Console

from delivery.aws.function import Function, Version
from delivery.context import RunContext
from delivery.git import Commit
from delivery.image import start_check
from delivery.progress import Progress
from delivery.reference import Image, PushedImage
from delivery.settings import Environment, Settings
from support.aws import ACCOUNT, STREAMED, URL, FakeAws, FakeEcr, FakeLambda, FakeS3, healthy
from support.build import CONFIG, DIGEST, bake, manifest, printed
from support.shell import FakeShell
from support.terraform import change, planned

COMMIT = "c" * 40
BASE = f"python:3.13-slim@sha256:{'b' * 64}"  # in the Dockerfile of every commit
ENVIRONMENT = Environment("sandbox", ACCOUNT, "us-east-1", "registry.test:5000", state_bucket="state")
NAME = "sandbox-sse-streaming-lambda"
REPOSITORY = f"registry.test:5000/{NAME}"
URI = f"{REPOSITORY}@{DIGEST}"
IMAGE = Image("sse-streaming", REPOSITORY)
PUSHED = PushedImage("sse-streaming", REPOSITORY, DIGEST)
OLD_DIGEST = "sha256:" + "0" * 64
OLD_URI = f"{REPOSITORY}@{OLD_DIGEST}"
FUNCTION = Function("sse-streaming", "fn", "live", URL)
VERSION = Version("sse-streaming", "fn", "live", URL, "2", PUSHED, COMMIT)
_STARTED = "http://127.0.0.1:32768/"  # the image, in its start check
STATE = "service.tfstate"
ADDRESS = "module.sse.aws_lambda_function.this"
UPDATE = change("module.sse.aws_lambda_function.this", "update", before={"image_uri": "old"}, after={"image_uri": URI})


@dataclass(frozen=True)
class World:
    """A run context and its fakes; `out` has the printed text."""

    run: RunContext
    shell: FakeShell
    aws: FakeAws
    out: io.StringIO

    def connect(self):
        """A push reaches the registry, and an apply the function and the state, unless a test has its own answers."""
        known = self.shell.answers
        if known.get("docker buildx bake") is bake:
            known["docker buildx bake"] = lambda command: _pushed(self.aws.ecr, command)
        if known.get("terraform apply") == "":
            known["terraform apply"] = lambda command: _applied(self, command)
        if known.get("terraform state push") == "":
            known["terraform state push"] = lambda command: self.aws.s3.objects.update({STATE: command.stdin}) or ""

    @property
    def recorded(self):
        """The attributes of the first function in the state."""
        (resource, *_) = json.loads(self.aws.s3.objects[STATE])["resources"]
        return resource["instances"][0]["attributes"]

    def stages(self):
        """The names of the stages, in the order they ended."""
        return [stage.name for stage in self.run.progress.stages]


def settings(root, protected=False, **changes):
    """Settings of the environment `sandbox`."""
    environment = Environment("sandbox", ACCOUNT, "us-east-1", "registry.test:5000", protected, state_bucket="state")
    return Settings(**{"root": root, "environment": environment, "cache": "none", **changes})


def outputs():
    """The outputs as the state has them."""
    result = {"function_name": "fn", "alias": "live", "url": FUNCTION.url}
    return json.dumps({"functions": {"value": {"sse-streaming": result}}})


def state_document(image=OLD_URI, **changes):
    """The state that Terraform keeps in the bucket; `image`: that of the function, as Terraform recorded it."""
    attributes = {"function_name": "fn", "image_uri": image}
    resource = {
        "module": "module.sse",
        "mode": "managed",
        "type": "aws_lambda_function",
        "name": "this",
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
    document = {"version": 4, "serial": 1, "outputs": json.loads(outputs()), "resources": [resource]}
    return json.dumps({**document, **changes})


def foundation_document(*images):
    """The state that a bootstrap left, with the repositories of these images."""
    repositories = {"repositories": {"value": {image: {} for image in images or ("sse-streaming",)}}}
    return json.dumps({"version": 4, "outputs": repositories})


def answers(*changes, **more):
    """A shell where every tool is there and works; the plan has `changes`."""
    return {
        "git log": f"{COMMIT}\n",
        "git -c core.fsmonitor=false -c core.untrackedCache=false status": "",
        "git read-tree": "",
        "git clean": "",
        "git rev-parse": COMMIT,
        "git rev-parse --show-prefix": "",
        "git merge-base": "",
        "git show": f"FROM {BASE}\n",
        "terraform version": json.dumps({"terraform_version": "1.11.4"}),
        "git --version": "git version 2.39.5",
        "docker version": "26.1.5+dfsg1\n",
        "docker buildx version": "github.com/docker/buildx 0.13.1",
        "docker buildx bake --file docker-bake.hcl --print": printed("sse-streaming"),
        "docker buildx bake --help": "  --file\n  --print\n",
        "docker login": "Login Succeeded\n",
        "docker image inspect": json.dumps(CONFIG["config"]),
        "docker run": "",
        "docker port": "127.0.0.1:32768\n",
        "docker rm": "",
        "docker buildx bake": bake,
        "terraform init": initialised,
        "terraform apply": "",
        "terraform state push": "",
        **planned(*changes),
        **more,
    }


def world(root, shell=None, protected=False, dirty=False, **changes):
    """A project at `root`, its bucket and repository there, the image not pushed yet, version 1 live with the old one.

    Without a `shell`, the plan is empty: only the image changes.
    """
    lock = hashlib.sha256(start_check.LOCK.read_bytes()).hexdigest()[:12]
    for machine in ("x86_64", "arm64"):
        emulator = root / ".cache" / f"aws-lambda-rie-{machine}-{lock}"
        emulator.parent.mkdir(parents=True, exist_ok=True)
        emulator.touch()
    out = io.StringIO()
    fake = FakeShell(answers() if shell is None else shell, {"DOCKER_CONFIG": str(root / "home")})
    functions = FakeLambda()
    functions.images |= {"$LATEST": OLD_URI, "1": OLD_URI}
    functions.commits["1"] = "b" * 40
    functions.responses |= {"1": healthy("1"), "2": healthy("2")}
    ready = settings(root, protected, **changes)
    ecr = FakeEcr({NAME: {OLD_DIGEST: "old"}})
    aws = FakeAws(ecr, functions, FakeS3("state"), environment=ready.environment)
    aws.configs |= {URI: CONFIG, OLD_URI: CONFIG}
    aws.s3.objects |= {"service.tfstate": state_document(), "foundation.tfstate": foundation_document()}
    progress = Progress(Console(file=out, width=200))
    source = Commit(COMMIT, dirty)
    scratch = root / ".deploy" / "run_1"
    scratch.mkdir(parents=True, exist_ok=True)
    run = RunContext(ready, source, fake, aws, progress, scratch)
    made = World(run, fake, aws, out)
    made.connect()
    return made


def blobs(monkeypatch, status=200, **config):
    """The registry serves one config blob; returns the requests it got. urllib3 has no seam of its own here."""
    asked = []

    def request(self, method, url, headers=None, **_):
        del self
        asked.append((method, url, headers))
        body = STREAMED if url.startswith(_STARTED) else json.dumps({**CONFIG, **config}).encode()
        return urllib3.HTTPResponse(io.BytesIO(body), status=status, preload_content=False)

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    return asked


def start(monkeypatch):
    """A started image answers with a whole stream; every other request goes where it went before."""
    other = urllib3.PoolManager.request

    def request(self, method, url, *args, **options):
        if url.startswith(_STARTED):
            return urllib3.HTTPResponse(io.BytesIO(STREAMED), status=200, preload_content=False)
        return other(self, method, url, *args, **options)

    monkeypatch.setattr(urllib3.PoolManager, "request", request)


def initialised(command):
    """What Terraform's init leaves: where the state is, and so its lock."""
    backend = {"config": {"bucket": "state", "key": "service.tfstate"}}
    data = Path(command.variables["TF_DATA_DIR"])
    (data / "terraform.tfstate").write_text(json.dumps({"backend": backend}))
    return ""


def _pushed(ecr, command):
    if command.variables["OUTPUT"] == "push":
        ecr.repositories[NAME][DIGEST] = manifest()
    return bake(command)


def _applied(made, command):
    """Terraform gives the function the image of its variables, and records what it has."""
    if str(command.argv[-1]).endswith("foundation.tfplan"):
        return ""
    values = json.loads((made.run.scratch / "service.tfvars.json").read_text())
    made.aws.functions.given(values["images"]["sse-streaming"])
    made.aws.functions.configured = True
    made.aws.s3.objects[STATE] = state_document(made.aws.functions.images["$LATEST"])
    return ""
