"""An environment in an account of its own: the commands are real; Terraform, buildx and AWS are fakes with a memory."""

import functools
import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

from support.build import BUILT, CONFIG, digest_of, manifest
from support.chaos.observed import Cut, Ecr, Functions
from support.chaos.oracle import Oracle
from support.terraform import change, diagnostic, planned
from support.world import UPDATE, answers, outputs, world

from delivery.git import Commit
from delivery.process.shell import Result
from delivery.settings import Environment

HOST = "registry.test:5000"
IMAGE = "sse-streaming"
CONNECT = change("module.sse.aws_lambda_alias.live[0]", "create", after={})


class Account:
    """One environment in an account of its own: its fakes, its run context, and the oracle that watches them."""

    def __init__(self, root, name):
        self.name, self.oracle = name, Oracle()
        self.repository = f"{name}-{IMAGE}-lambda"
        self.functions, self.ecr = Functions(self.oracle), Ecr(self.repository, self.oracle)
        self.blobs: dict[str, bytes] = {}
        self.meanwhile = lambda: None
        self._wanted, self._applied, self._live_versions = {}, {}, {}
        environment = Environment(name, "000000000000", "us-east-1", HOST, state_bucket="state")
        self._world = world(root, answers(**self._tools()), environment=environment)
        self._aws = self._world.aws
        self._aws.functions, self._aws.ecr = self.functions, self.ecr
        del self._aws.s3.objects["service.tfstate"]

    def run_context(self, commit="0" * 40):
        """Begin a run; return its run context, where that commit is checked out."""
        self.oracle.begins()
        return replace(self._world.run, commit=Commit(commit, False))

    @property
    def held(self):
        """The digests in its repository."""
        return self.ecr.repositories[self.repository]

    def cut(self, effects, error):
        """The run that begins now ends after so many effects."""
        self.functions.refuses = self.ecr.refuses = Cut(effects, error)

    def calm(self):
        """Whatever was wrong in a run is over with it."""
        self.functions.sick, self.meanwhile = False, lambda: None
        self._aws.cloudwatch.counts = {}
        self.cut(None, None)

    def fail_requests(self):
        """Whatever version has a share of the requests fails some of them."""
        versions = range(1, int(self.oracle.newest or 0) + 2)
        self._aws.cloudwatch.counts = {(str(version), "Errors"): 3 for version in versions}

    def _tools(self):
        terraform = {"plan": self._plan, "show": self._show, "apply": self._apply}
        return {"docker buildx bake": self._bake, **{f"terraform {name}": answer for name, answer in terraform.items()}}

    def _plan(self, command):
        (file,) = (word for word in command.argv if word.startswith("-var-file=") and word.endswith(".json"))
        self._wanted = json.loads(Path(file.partition("=")[2]).read_text())
        self._live_versions = self._wanted.pop("live_versions")
        return planned(*self._changes())["terraform plan"]

    def _changes(self):
        """The function changes with its variables; its alias is made once a version is named, and then ignored."""
        connects = IMAGE in self._live_versions and not self.functions.live
        return [UPDATE] * (self._wanted != self._applied) + [CONNECT] * connects

    def _show(self, _):
        return planned(*self._changes())["terraform show"]

    def _apply(self, _):
        self.meanwhile()
        uri = self._wanted["images"][IMAGE]
        if uri.partition("@")[2] not in self.held:
            return Result(1, diagnostic(f"Source image {uri} does not exist"), "")
        changes, version = self._changes(), self.oracle.newest
        if UPDATE in changes:
            version = self.functions.publish(uri, self._wanted["commit"])
        if CONNECT in changes:
            self.functions.connect(self._live_versions[IMAGE])
        self._applied, result = self._wanted, json.loads(outputs(version, uri))
        self._aws.s3.objects["service.tfstate"] = json.dumps({"version": 4, "outputs": result})
        return ""

    def _bake(self, command):
        text, blobs = built(command.variables["COMMIT"])
        metadata = Path(command.argv[command.argv.index("--metadata-file") + 1])
        metadata.write_text(json.dumps({IMAGE: {"containerimage.digest": digest_of(text)}}))
        if command.variables["OUTPUT"] == "push":
            self.blobs |= blobs
            self.held[digest_of(text)] = text
            self.ecr.tags[self.repository, "latest"] = digest_of(text)
        else:
            _archive(Path(command.variables["ARCHIVES"]) / f"{IMAGE}.tar", text, blobs)
        return BUILT


@functools.cache
def built(commit):
    """The image of a commit, whose digests are true: the text of its manifest, and its blobs by digest."""
    layer, config = f"app {commit}".encode(), json.dumps({**CONFIG, "created": commit}).encode()
    blobs = {f"sha256:{hashlib.sha256(content).hexdigest()}": content for content in (layer, config)}
    first, second = ({"digest": digest, "size": len(content)} for digest, content in blobs.items())
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **first}]
    return manifest(config=second, layers=layers), blobs


def _archive(file, text, blobs):
    with tarfile.open(file, "w") as tar:
        for digest, content in {**blobs, digest_of(text): text.encode()}.items():
            entry = tarfile.TarInfo(f"blobs/{digest.replace(':', '/')}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
