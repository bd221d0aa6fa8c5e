"""docker buildx bake: which images exist, how they are built, and the digests that buildx reports."""

import functools
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from delivery import health
from delivery.errors import BuildError, ConfigurationError
from delivery.git import Commit
from delivery.image import failure, login
from delivery.image.build_log import BuildLog
from delivery.image.network import Network
from delivery.inputs import BAKE_FILE, BAKE_VARIABLES
from delivery.process.shell import Command, Result, Shell
from delivery.reference import Image, PushedImage
from delivery.settings import Environment, Settings

NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
ROLES = ("delivery", "reader", "signer")  # the CI roles, <environment>-<role>: infrastructure/modules/ci_role
LONGEST = 64  # Lambda API, CreateFunction, FunctionName; IAM API, CreateRole, RoleName
# The gha cache of buildx reads these. A `run:` step does not have them, and buildx then drops the cache silently.
# https://docs.docker.com/build/cache/backends/gha/#authentication
_GHA = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL")


@dataclass(frozen=True)
class Bake:
    """One `docker buildx bake` as data: its targets, the environment of the images, and its variables.

    `output`: `load` into the local engine, `digest` alone, `layout` into a folder in `folder`, or `push`. `folder` is
    for this one bake: it gets the metadata, too. `fresh`: whether nothing of an earlier build is used.
    """

    targets: tuple[str, ...]
    environment: Environment
    variables: Mapping[str, str]
    folder: Path
    output: str
    network: Network = field(default_factory=Network)
    fresh: bool = False

    @property
    def metadata(self) -> Path:
        """The file in which buildx records the digests."""
        return self.folder / "build.json"

    def layout(self, target: str) -> Path:
        """The folder that `layout` writes for a target."""
        return self.folder / target

    def files(self) -> dict[Path, str]:
        """The content of the files that bake reads in `folder`; they may hold passwords of proxies and of an index."""
        pip = {self._pip: self.network.pip} if self.network.pip else {}
        return {self._compose: self._services(), **pip}

    def command(self, root: Path, *, entitlements: bool) -> Command:
        """The command. Since 0.20, buildx needs `--allow` for a host network and for files outside the project."""
        argv = [
            "docker",
            "buildx",
            "bake",
            "--file",
            str(self._compose),
            "--file",
            BAKE_FILE,
            "--progress",
            "plain",
        ]
        ours = {
            "OUTPUT": self.output,
            "OUTPUTS": str(self.folder),
            "CA_BUNDLE": self.network.certificates,
            "PIP_CONFIG": str(self._pip) if self.network.pip else "",
            # buildx would ask git six times for what only its own provenance says, which docker-bake.hcl disables:
            # https://docs.docker.com/build/building/variables/#buildx_git_info
            "BUILDX_GIT_INFO": "false",
        }
        if entitlements:
            argv += ["--allow", "network.host"] if self.network.mode == "host" else []
            for file in filter(None, (ours["CA_BUNDLE"], ours["PIP_CONFIG"])):
                argv += ["--allow", f"fs.read={file}"]
            if not self.folder.is_relative_to(root):  # an exported commit
                argv += ["--allow", f"fs={self.folder}", "--allow", f"fs={self.variables['CACHE_DIR']}"]
        argv += ["--no-cache"] if self.fresh else []
        argv += ["--metadata-file", str(self.metadata), *self.targets]
        return Command(tuple(argv), cwd=root, variables={**self.variables, **ours})

    @property
    def _compose(self) -> Path:
        """A Compose file with the network of RUN steps, which buildx 0.13 ignores in HCL, and stand-ins for images."""
        return self.folder / "network.compose.yaml"

    @property
    def _pip(self) -> Path:
        return self.folder / "pip.conf"

    def _services(self) -> str:
        build: dict[str, object] = {"context": ".", "network": self.network.mode}
        if self.network.proxies:
            # Compose reads `$` as the start of a variable.
            build["args"] = {name: value.replace("$", "$$") for name, value in self.network.proxies.items()}
        # https://docs.docker.com/reference/compose-file/build/#additional_contexts
        if contexts := _contexts(self.variables.get("BUILD_CONTEXTS", "")):
            build["additional_contexts"] = contexts
        return json.dumps({"services": {name: {"build": build} for name in self.targets}})


@dataclass(frozen=True)
class Baked:
    """The digest of each target, the counts of steps for people, and what went wrong with the build cache."""

    digests: Mapping[str, str]
    counts: str
    warnings: tuple[str, ...]
    resolved: Mapping[str, str] = field(default_factory=dict)
    """Image to digest, for each that the log of the build names with its digest."""


def targets(settings: Settings, shell: Shell, only: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The targets that docker-bake.hcl builds by default; each is an image with a health contract.

    `only`: the targets that will be built, without names all; nothing but the names of the others is checked.
    Raises ConfigurationError for a file that cannot be read, for a name that AWS or Terraform does not take, for a
    context that does not exist, and for a contract that is missing or malformed.
    """
    read = definitions(settings, shell)
    require_names(settings, tuple(sorted(read)))
    for name, target in sorted(read.items()):
        if only and name not in only:
            continue
        _require_context(settings, name, target)
        _require_contract(name, target.get("labels") or {})
    return tuple(sorted(read))


def definitions(settings: Settings, shell: Shell) -> dict[str, Mapping[str, Any]]:
    """The targets that docker-bake.hcl builds by default, as bake prints them. Raises ConfigurationError."""
    argv = ("docker", "buildx", "bake", "--file", BAKE_FILE, "--print")
    result = shell.run(Command(argv, cwd=settings.source, without=BAKE_VARIABLES))
    if result.code:
        raise ConfigurationError(f"{BAKE_FILE} cannot be read.", result.stderr.strip(), f"correct {BAKE_FILE}")
    read: dict[str, Mapping[str, Any]] = json.loads(result.stdout)["target"]
    return read


def _require_context(settings: Settings, name: str, target: Mapping[str, Any]) -> None:
    """Raises ConfigurationError for a context or a Dockerfile that does not exist; of a URL, only BuildKit knows."""
    context = target.get("context", "")
    if not context or ":" in context:
        return
    folder = settings.source / context
    inline = "dockerfile-inline" in target
    file = folder / target.get("dockerfile", "Dockerfile")
    if missing := next((each for each in (folder, file) if not (each.exists() or (inline and each is file))), None):
        kind = "Dockerfile" if missing is file else "context"
        path = os.path.relpath(missing, settings.source)
        why = "It is not in the commit: git ignores it, or it was not added." if settings.exported else ""
        what = f"{BAKE_FILE}, target {name}: the {kind} does not exist: {path}"
        raise ConfigurationError(what, why, f"correct `{kind.lower()}` in the target {name}, or make {path}")


def _require_contract(name: str, labels: Mapping[str, str | None]) -> None:
    text = labels.get(health.LABEL)
    try:
        if text is None:
            raise health.missing()
        health.parse(text)
    except ConfigurationError as error:
        error.what = f"{BAKE_FILE}, target {name}: {error.what}"
        error.hint = f"in the target {name}: {error.hint}"
        raise


def require_names(settings: Settings, names: tuple[str, ...]) -> None:
    """Raises ConfigurationError unless each name can be that of a repository, a function and a role of its own.

    The names of roles are unique in an account, whatever their path and region: IAM user guide, "IAM and STS quotas".
    """
    environment = settings.environment.name
    if wrong := [name for name in names if not NAME.fullmatch(name)]:
        what = f"{BAKE_FILE} has a target whose name Terraform and ECR cannot take: {', '.join(wrong)}"
        why = "It is the name of a function: lower-case letters and digits, joined by single hyphens; a letter first."
        raise ConfigurationError(what, why, f"rename it in {BAKE_FILE}, such as `orders-api`")
    if wrong := [name for name in names if len(f"{environment}-{name}") > LONGEST]:
        what = f"{BAKE_FILE} has a target whose name is too long: {', '.join(wrong)}"
        why = f"{environment}-{wrong[0]} has more than {LONGEST} characters, the limit of Lambda and IAM."
        raise ConfigurationError(what, why, f"rename it in {BAKE_FILE}")
    ours = {f"{environment}-{name}" for name in names}
    if both := sorted(ours & {f"{environment}-{role}" for role in ROLES}):
        what = f"A function cannot have the name of a CI role: {', '.join(both)}"
        raise ConfigurationError(what, "The names of roles are unique in an account.", f"rename it in {BAKE_FILE}")
    for other in settings.neighbours:
        if both := sorted(ours & {f"{other}-{name}" for name in (*names, *ROLES)}):
            what = f"{environment} and {other} are in one account, and would share a name: {', '.join(both)}"
            why = "Functions and roles of both environments would have the same name."
            raise ConfigurationError(what, why, f"rename the target in {BAKE_FILE}, or the environment in invoke.yaml")


def images(settings: Settings, names: tuple[str, ...]) -> tuple[Image, ...]:
    """The images of an environment."""
    return tuple(Image(name, settings.environment.repository(name)) for name in names)


def variables(settings: Settings, commit: Commit, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables of docker-bake.hcl. `inherited`: the environment of the tools.

    Raises ConfigurationError when the selected cache cannot work.
    """
    if settings.cache == "gha" and (missing := [name for name in _GHA if not inherited.get(name)]):
        raise ConfigurationError(
            "build.cache is `gha`, and its credentials are missing: nothing would be cached.",
            f"Not set: {', '.join(missing)}",
            "export the runtime variables in a step before this one, or INVOKE_BUILD_CACHE=registry",
        )
    # https://docs.docker.com/build/building/variables/#buildx_builder; without a name, docker's own choice stays
    builder = {"BUILDX_BUILDER": settings.builder} if settings.builder else {}
    return {
        **builder,
        "REGISTRY": settings.environment.registry,
        "ENVIRONMENT": settings.environment.name,
        "COMMIT": commit.tag,
        "PLATFORM": settings.platform,
        "CACHE": settings.cache,
        "CACHE_DIR": str(settings.root / ".deploy" / "cache"),
        # Of the environment only: an exported variable must not change the base of an image.
        "BUILD_CONTEXTS": settings.variables.get("BUILD_CONTEXTS", ""),
    }


def contexts(settings: Settings) -> dict[str, str]:
    """The stand-ins for images that the environment has. Raises ConfigurationError."""
    return _contexts(settings.variables.get("BUILD_CONTEXTS", ""))


def _contexts(text: str) -> dict[str, str]:
    """The stand-ins of `NAME=TARGET NAME=TARGET`, such as `python:3.13-slim=docker-image://mirror.test/python:3.13`."""
    contexts = {}
    for item in text.split():
        name, _, target = item.partition("=")
        if not (name and target):
            what = f"Malformed variable BUILD_CONTEXTS: {item!r}"
            raise ConfigurationError(what, "It is NAME=TARGET, with a space between two.", "correct it in invoke.yaml")
        contexts[name] = target
    return contexts


def build(bake: Bake, root: Path, shell: Shell, update: Callable[[str], None]) -> Baked:
    """Build all targets. `update` gets each new step.

    A build cache that does not work is a warning: a cache that is refused before the build (an expired token, a folder
    that cannot be written), or that loses a layer during it, is left out. Raises BuildError with the failing step and
    its last 20 lines, CloudError when a registry refused, ConfigurationError.
    """
    bake.folder.mkdir(exist_ok=True)
    for file, content in bake.files().items():
        file.touch(mode=0o600)
        file.write_text(content)
    result, log = _run(bake, root, shell, update)
    warnings = log.warnings
    if result.code and log.may_be_the_cache and bake.variables.get("CACHE", "none") != "none":
        why = log.failure()[1] or _last(result)
        result, log = _run(replace(bake, variables={**bake.variables, "CACHE": "none"}), root, shell, update)
        warnings = (*warnings, f"The build cache could not be used: {why}")
    if result.code:
        raise failure.of_build(log, _last(result), bake.environment, bake.output)
    metadata = json.loads(bake.metadata.read_text())
    digests = {name: metadata[name].get("containerimage.digest", "") for name in bake.targets}
    return Baked(digests, log.counts(), warnings, log.resolved)


def _run(bake: Bake, root: Path, shell: Shell, update: Callable[[str], None]) -> tuple[Result, BuildLog]:
    log = BuildLog()

    def on_line(line: str) -> None:
        if step := log.feed(line):
            update(step)

    command = bake.command(root, entitlements=_has_entitlements(shell))
    # Only the program gets the credentials: a step of a build gets no variable that the bake file does not name.
    return shell.run(replace(command, credentials=login.helper_used(shell)), on_line), log


@functools.lru_cache(maxsize=1)
def _has_entitlements(shell: Shell) -> bool:
    return "--allow" in shell.run(Command(("docker", "buildx", "bake", "--help"))).stdout


def pushed_images(images: tuple[Image, ...], digests: Mapping[str, str]) -> tuple[PushedImage, ...]:
    """The images with the digests that buildx reports. Raises BuildError when a digest is missing."""
    try:
        return tuple(PushedImage(image.name, image.repository, digests[image.name]) for image in images)
    except ValueError as error:
        raise BuildError("buildx reports no digest of the built image.", str(error), "update buildx") from error


def _last(result: Result, lines: int = 5) -> str:
    text = "\n".join(result.stderr.strip().splitlines()[-lines:])
    return text or f"docker ended with {result.code}"
