"""A clone of the project with a sandbox, its environments, and the commands that are typed in it."""

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from support.deploys.checkout import PROJECT, Checkout

from bench import measure
from bench.measure import CommandFailedError, Typed
from delivery.image import network
from delivery.image.bake import Bake
from delivery.settings import Environment
from delivery.terraform import mirror
from sandbox.engine import private
from sandbox.layout import Layout

RAW = Path(__file__).parent / "raw"
IMAGE, REGION = "sse-streaming", "us-east-1"
APP = "src/lambdas/sse_streaming/app.py"
DEPENDENCIES = "src/lambdas/sse_streaming/requirements.txt"
DOCKERFILE = "src/lambdas/sse_streaming/Dockerfile"
MAIN = "infrastructure/service/main.tf"
FOLDER = PROJECT / ".bench"
"""Everything that a bench writes; git ignores it."""
_FIRST_ACCOUNT = 310_000_000_000
_AWS_CLI = Path(__file__).parent / "awscli.txt"


@dataclass
class Place:
    """The clone. Each environment is an account of its own in one emulator, so the sides do not disturb each other.

    `settings`: of the sandbox, which may be that of another clone. `folder`: what the tools keep. `relay`: an
    address that delays each call of AWS's API. `others`: a clone for each number of functions.
    """

    clone: Checkout
    settings: Mapping[str, Any]
    folder: Path
    logs: Path
    relay: str = ""
    accounts: dict[str, str] = field(default_factory=dict)
    deployed: set[str] = field(default_factory=set)
    others: "dict[int, Place]" = field(default_factory=dict)

    @property
    def _variables(self) -> dict[str, str]:
        """The variables of an environment. Invoke takes names that differ by case only for one name."""
        return {name: value for name, value in self.settings["variables"].items() if name != "no_proxy"}

    def declare(self, *names: str) -> None:
        """Add environments like `preprod` in a commit. `prod` is protected."""
        document = yaml.safe_load((self.clone.root / "invoke.yaml").read_text())
        for name in names:
            self.accounts[name] = self._account(name)
            document["environments"][name] = {
                "account": self.accounts[name],
                "region": REGION,
                "registry": self.settings["registry"],
                "protected": name == "prod",
                "variables": {**self._variables, "AWS_ACCESS_KEY_ID": self.accounts[name]},
            }
            for root, text in (("service", "log_retention_days = 14\n"), ("foundation", "state_history_days = 0\n")):
                (self.clone.root / "infrastructure" / root / f"{name}.tfvars").write_text(text)
        (self.clone.root / "invoke.yaml").write_text(yaml.safe_dump(document))
        self.clone.commit(f"environments: {', '.join(names)}")
        for name in names:
            self.do(self.invoke("bootstrap", "--env", name, "--yes"))

    def invoke(self, *words: str, **variables: str) -> Typed:
        """A task of this project."""
        environ = {**os.environ, "PYTHONPATH": str(self.clone.root / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
        return Typed((sys.executable, "-m", "invoke", *words), self.clone.root, {**environ, **variables})

    def raw(self, script: str, name: str) -> Typed:
        """A script of `raw/` on an environment, in the work tree."""
        return Typed((str(RAW / f"{script}.sh"),), self.clone.root, self.raw_environ(name))

    def do(self, *commands: Typed) -> None:
        """Run commands that are not measured."""
        measure.run(commands, self.logs / "not-measured.log")

    def change(self, file: str, name: str, number: int) -> None:
        """Commit a change of a file that no other call makes, so that no side gets what another one has built."""
        path = self.clone.root / file
        lines = [line for line in path.read_text().splitlines() if not line.startswith("# bench")]
        path.write_text("\n".join([*lines, f"# bench: {name} {number}", ""]))
        self.clone.commit(f"{file}: {name} {number}")

    def upgrade(self, name: str, number: int) -> None:
        """Commit another version of one package of the function, with its hash: pip makes another image."""
        path, version = self.clone.root / DEPENDENCIES, f"3.{19 - number % 10}"
        entry = f"idna=={version} --hash=sha256:{_wheel_hash('idna', version, self.folder)}\n"
        text, count = re.subn(r"^idna==.*\n(?: .*\n)*", entry, path.read_text(), flags=re.MULTILINE)
        if count != 1:
            raise CommandFailedError(f"{DEPENDENCIES} has {count} lines of idna")
        path.write_text(text)
        self.change(DEPENDENCIES, name, number)

    def memory(self, name: str, megabytes: int) -> None:
        """Commit another memory size of the function of an environment."""
        path = self.clone.root / "infrastructure" / "service" / f"{name}.tfvars"
        path.write_text(f"log_retention_days = 14\nmemory_mb          = {megabytes}\n")
        self.clone.commit(f"{name}: {megabytes} MB")

    def reset(self) -> None:
        """A clean tree of the newest commit."""
        self.dirty(on=False)
        self.clone.git("checkout", "--quiet", "main")

    def dirty(self, *, on: bool) -> None:
        """Change a tracked file that no image contains, or take the change back."""
        if on:
            (self.clone.root / "README.md").write_text("Not committed.\n")
        else:
            self.clone.git("checkout", "--quiet", "--", "README.md")

    def require_live(self, name: str) -> None:
        """Check that the image that was pushed last is live. Raises CommandFailedError.

        A deploy that does less than it says would be a fast one.
        """
        functions, registry = (self.clone.client(service, self.accounts[name]) for service in ("lambda", "ecr"))
        live = functions.get_function(FunctionName=f"{name}-{IMAGE}", Qualifier="live")["Code"]["ImageUri"]
        details = registry.describe_images(repositoryName=f"{name}-{IMAGE}-lambda", imageIds=[{"imageTag": "latest"}])
        pushed = details["imageDetails"][0]["imageDigest"]
        if not live.endswith(f"@{pushed}"):
            raise CommandFailedError(f"{name}: {live} is live, and {pushed} was pushed last")

    @property
    def endpoint(self) -> str:
        """The address of the emulator."""
        return str(self.settings["variables"]["AWS_ENDPOINT_URL"])

    @property
    def private_engine(self) -> bool:
        """Whether the engine belongs to the sandbox, so that its build cache may be emptied."""
        return bool(private.running(Layout.of(self.clone.root)))

    def empty_builder(self) -> None:
        """Remove everything that the builder remembers of earlier builds."""
        argv = ("docker", "buildx", "prune", "--all", "--force")
        self.do(Typed(argv, self.clone.root, {**os.environ, **self.settings["variables"]}))

    def ready(self, name: str, first: Callable[[str], Typed]) -> None:
        """Declare an environment and deploy to it with the command of a first deploy, once."""
        if name not in self.accounts:
            self.declare(name)
        if name not in self.deployed:
            self.do(first(name))
            self.deployed.add(name)

    def ours(self, name: str, **variables: str) -> Typed:
        """A deploy with this project."""
        return self.invoke("deploy", "--env", name, *(("--yes",) if name == "prod" else ()), **variables)

    def first(self, name: str) -> Typed:
        """A first deploy with the tools themselves."""
        return self.raw("first", name)

    def _account(self, name: str) -> str:
        """Another number for each environment of each clone."""
        digest = hashlib.sha256(f"{self.clone.root} {name}".encode()).hexdigest()
        return str(_FIRST_ACCOUNT + int(digest[:8], 16))

    def tools_environ(self) -> dict[str, str]:
        """The variables that lead to the tools and to the cloud."""
        cloud: dict[str, str] = self.settings["variables"]
        ours = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "PYTHON", "TF_VAR_"))}
        path = f"{installed(_AWS_CLI)}{os.pathsep}{cloud.get('PATH', os.environ['PATH'])}"
        given = {**ours, **cloud, "PATH": path}
        return {name: value for name, value in given.items() if value}  # the AWS CLI refuses an empty AWS_CA_BUNDLE

    def raw_environ(self, name: str) -> dict[str, str]:
        """The variables of the scripts in `raw/`, and of the tools that they call; writes the files that they read."""
        work, commit, registry = self._work(name), self.clone.head(), self.settings["registry"]
        tools = self.tools_environ()
        stand_ins = {"BUILD_CONTEXTS": tools.get("BUILD_CONTEXTS", "")}
        environment = Environment(name, self.accounts[name], REGION, registry, state_bucket="")
        bake = Bake((IMAGE,), environment, stand_ins, work, "push", network.inherited(tools))
        for file, content in bake.files().items():
            file.write_text(content)
        values = {"environment": name, "account": self.accounts[name], "region": REGION}
        (work / "values.tfvars.json").write_text(json.dumps(values))
        return {
            **tools,
            **bake.command(self.clone.root, entitlements=False).variables,
            "AWS_ACCESS_KEY_ID": self.accounts[name],
            **{"DOCKER_CONFIG": str(work / "docker"), "TF_DATA_DIR": str(work / "terraform")},
            **{"ENVIRONMENT": name, "ACCOUNT": self.accounts[name], "REGION": REGION, "CHECKPOINT_DISABLE": "1"},
            **{"REGISTRY": registry, "CACHE": "registry", "COMMIT": commit, "IMAGE": IMAGE},
            **{"FUNCTION": f"{name}-{IMAGE}", "WORK": str(work), "PLUGINS": _plugins(self.clone.root)},
            "COMPOSE": str(work / "network.compose.yaml"),
        }

    def _work(self, name: str) -> Path:
        """The folder of an environment for the tools; docker's settings are those of the sandbox, without a login."""
        work = self.folder / name
        if not work.exists():
            (work / "docker").mkdir(parents=True)
            before = Path(self.settings["variables"].get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
            document = json.loads(before.read_text()) if before.exists() else {}
            kept = {key: value for key, value in document.items() if key == "cliPluginsExtraDirs"}
            (work / "docker" / "config.json").write_text(json.dumps(kept))
        return work


@functools.cache
def _plugins(root: Path) -> str:
    """A folder with Terraform's providers, found as the tasks find it; "" if there is none."""
    providers = mirror.locked(root / "infrastructure" / "service" / mirror.LOCK)
    return str(mirror.find(os.environ, providers) or "")


@functools.cache
def installed(lock: Path) -> Path:
    """The folder with the programs of a lock file, in an environment of its own that is made on first use."""
    name = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    venv = FOLDER / f"{lock.stem}-{name}"
    if not (venv / "complete").exists():
        _checked((sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(venv)))
        _checked((str(venv / "bin" / "pip"), "install", "--quiet", "--require-hashes", "-r", str(lock)))
        (venv / "complete").touch()
    return venv / "bin"


def _checked(argv: Iterable[str]) -> None:
    subprocess.run(tuple(argv), check=True, stdin=subprocess.DEVNULL)


@functools.cache
def _wheel_hash(package: str, version: str, folder: Path) -> str:
    """The SHA-256 of the wheel of a package that is only Python."""
    made = folder / "wheels" / version
    argv = ("pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(made))
    subprocess.run([sys.executable, "-m", *argv, f"{package}=={version}"], check=True)
    (wheel,) = made.glob("*.whl")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
