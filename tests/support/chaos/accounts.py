"""An environment in an account of its own: the commands are real; Terraform, buildx and AWS are fakes with a memory."""

import functools
import hashlib
import json
from dataclasses import replace
from pathlib import Path

from support.build import BUILT, CONFIG, blob, digest_of, manifest
from support.chaos.observed import Cut, Ecr, Functions
from support.chaos.oracle import Oracle
from support.terraform import change, diagnostic, planned
from support.world import ADDRESS, UPDATE, answers, state_document, world

from delivery.git import Commit
from delivery.process.shell import Result
from delivery.settings import Environment

HOST = "registry.test:5000"
IMAGE = "sse-streaming"
CREATE = change(ADDRESS, "create", after={})
CONNECT = change("module.sse.aws_lambda_alias.live[0]", "create", after={})


class Account:
    """One environment in an account of its own: its fakes, its run context, and the oracle that watches them."""

    def __init__(self, root, name):
        self.name, self.oracle = name, Oracle(lambda commit: digest_of(built(commit)[0]))
        self.repository = f"{name}-{IMAGE}-lambda"
        self.ecr = Ecr(self.repository, self.oracle)
        self.functions = Functions(self.oracle, lambda uri: uri.partition("@")[2] in self.held)
        self.blobs: dict[str, bytes] = {}
        self.infrastructure = 0  # its number in the sources; a change goes through Terraform
        self._applied, self._wanted, self._live_versions = 0, "", {}
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
        self.functions.sick, self.functions.meanwhile = False, lambda: None
        self._aws.cloudwatch.counts = {}
        self.cut(None, None)

    def fail_requests(self):
        """Whatever version has a share of the requests fails some of them."""
        versions = range(1, self.functions.numbered + 2)
        self._aws.cloudwatch.counts = {(str(version), "Errors"): 3 for version in versions}

    def _tools(self):
        terraform = {"plan": self._plan, "show": self._show, "apply": self._apply}
        terraform["state push"] = self._push_state
        return {"docker buildx bake": self._bake, **{f"terraform {name}": answer for name, answer in terraform.items()}}

    def _plan(self, command):
        (file,) = (word for word in command.argv if word.startswith("-var-file=") and word.endswith(".json"))
        values = json.loads(Path(file.partition("=")[2]).read_text())
        self._wanted, self._live_versions = values["images"][IMAGE], values["live_versions"]
        return planned(*self._changes()).get("terraform plan")

    def _changes(self):
        """The function as it is in Lambda; its alias is made once a version is named, and then ignored."""
        now = self.functions.images.get("$LATEST")
        changed = (now, self._applied) != (self._wanted, self.infrastructure)
        connects = IMAGE in self._live_versions and not self.functions.live
        return [UPDATE if now else CREATE] * changed + [CONNECT] * connects

    def _show(self, _):
        return planned(*self._changes())["terraform show"]

    def _apply(self, command):
        self.functions.meanwhile()
        if not self.functions.holds(self._wanted):
            return Result(1, diagnostic(f"Source image {self._wanted} does not exist"), "")
        self._change(self._changes())
        return self._record(command)

    def _record(self, _):
        self._aws.s3.objects["service.tfstate"] = state_document(self.functions.images["$LATEST"])
        return ""

    def _push_state(self, command):
        self._aws.s3.objects["service.tfstate"] = command.stdin
        return ""

    def _change(self, changes):
        if CONNECT in changes:
            self.functions.connect(self._live_versions[IMAGE])
        if changes not in ([], [CONNECT]):
            self.functions.given(self._wanted)
            self.functions.configured, self._applied = True, self.infrastructure

    @property
    def recorded(self):
        """Whether the state has the image of the function."""
        image = json.dumps(self.functions.images["$LATEST"])
        return image in self._aws.s3.objects["service.tfstate"]

    def _bake(self, command):
        text, blobs = built(command.variables["COMMIT"])
        metadata = Path(command.argv[command.argv.index("--metadata-file") + 1])
        metadata.write_text(json.dumps({IMAGE: {"containerimage.digest": digest_of(text)}}))
        if command.variables["OUTPUT"] == "push":
            self.blobs |= blobs
            self.held[digest_of(text)] = text
            self.ecr.tags[self.repository, "latest"] = digest_of(text)
        if command.variables["OUTPUT"] == "layout":
            for digest, content in {**blobs, digest_of(text): text.encode()}.items():
                blob(Path(command.variables["OUTPUTS"]) / IMAGE, digest).write_bytes(content)
        return BUILT


@functools.cache
def built(commit):
    """The image of a commit, whose digests are true: the text of its manifest, and its blobs by digest.

    Each second commit does not touch the context, and so has the image of the commit before it.
    """
    context = int(commit) // 2
    layer, config = f"app {context}".encode(), json.dumps(CONFIG).encode()
    blobs = {f"sha256:{hashlib.sha256(content).hexdigest()}": content for content in (layer, config)}
    first, second = ({"digest": digest, "size": len(content)} for digest, content in blobs.items())
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **first}]
    return manifest(config=second, layers=layers), blobs
