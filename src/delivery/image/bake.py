"""docker buildx bake: which images exist, how they are built, and the digests that buildx reports."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.aws import permissions
from delivery.errors import NO_SPACE, BuildError, CloudError, ConfigurationError, disk_full
from delivery.git import Commit
from delivery.image.build_log import BuildLog
from delivery.process.shell import Command, Shell
from delivery.reference import Image, PushedImage
from delivery.settings import Environment, Settings

FILE = "docker-bake.hcl"
# The variables of the file. A variable of the same name in a person's shell, such as PLATFORM, must not reach it.
_VARIABLES = (
    *("REGISTRY", "ENVIRONMENT", "COMMIT", "PLATFORM", "OUTPUT", "ARCHIVES", "CACHE", "CACHE_DIR"),
    *("CA_BUNDLE", "SOURCE_DATE_EPOCH"),
)
# The gha cache of buildx reads these. A `run:` step does not have them, and buildx then drops the cache silently.
# https://docs.docker.com/build/cache/backends/gha/#authentication
_GHA = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL")


@dataclass(frozen=True)
class Bake:
    """One `docker buildx bake` as data: its targets, the environment of the images, and its variables.

    `output`: `load` into the local engine, `archive` into a file in `folder`, or `push`. The metadata goes to `folder`.
    """

    targets: tuple[str, ...]
    environment: Environment
    variables: Mapping[str, str]
    folder: Path
    output: str

    @property
    def metadata(self) -> Path:
        """The file in which buildx records the digests."""
        return self.folder / "build.json"

    def archive(self, target: str) -> Path:
        """The file that `archive` writes for a target."""
        return self.folder / f"{target}.tar"

    @property
    def network(self) -> Path:
        """A Compose file with the network of RUN steps: buildx 0.13 ignores that attribute in HCL."""
        return self.folder / "network.compose.yaml"

    def networks(self) -> str:
        """The content of that file."""
        build = {"context": ".", "network": self.variables["BUILD_NETWORK"]}
        return json.dumps({"services": {name: {"build": build} for name in self.targets}})

    def command(self, root: Path, *, entitlements: bool) -> Command:
        """The command. Since 0.20, buildx needs `--allow` for a host network and for files outside the project."""
        argv = ["docker", "buildx", "bake", "--file", str(self.network), "--file", FILE, "--progress", "plain"]
        if entitlements and self.variables["BUILD_NETWORK"] == "host":
            argv += ["--allow", "network.host"]
        if entitlements and self.variables["CA_BUNDLE"]:
            argv += ["--allow", f"fs.read={self.variables['CA_BUNDLE']}"]
        if entitlements and not self.folder.is_relative_to(root):  # an exported commit
            argv += ["--allow", f"fs={self.folder}", "--allow", f"fs={self.variables['CACHE_DIR']}"]
        argv += ["--metadata-file", str(self.metadata), *self.targets]
        variables = {**self.variables, "OUTPUT": self.output, "ARCHIVES": str(self.folder)}
        return Command(tuple(argv), cwd=root, variables=variables)


def targets(settings: Settings, shell: Shell) -> tuple[str, ...]:
    """The targets that docker-bake.hcl builds by default; each is an image. Raises ConfigurationError."""
    argv = ("docker", "buildx", "bake", "--file", FILE, "--print")
    result = shell.run(Command(argv, cwd=settings.source, without=_VARIABLES))
    if result.code:
        raise ConfigurationError(f"{FILE} cannot be read.", result.stderr.strip(), f"correct {FILE}")
    names: dict[str, object] = json.loads(result.stdout)["target"]
    return tuple(sorted(names))


def images(settings: Settings, names: tuple[str, ...]) -> tuple[Image, ...]:
    """The images of an environment, each with its repository `{registry}/{environment}-{name}-lambda`."""
    return tuple(Image(name, repository(settings, name)) for name in names)


def repository(settings: Settings, name: str) -> str:
    """The repository of an image in an environment; docker-bake.hcl has the same rule."""
    environment = settings.environment
    return f"{environment.registry}/{environment.name}-{name}-lambda"


def variables(settings: Settings, commit: Commit, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables of docker-bake.hcl. `inherited`: the environment of the tools, with BUILD_NETWORK and CA_BUNDLE.

    Raises ConfigurationError when the selected cache cannot work.
    """
    if settings.cache == "gha" and (missing := [name for name in _GHA if not inherited.get(name)]):
        raise ConfigurationError(
            "build.cache is `gha`, and its credentials are missing: nothing would be cached.",
            f"Not set: {', '.join(missing)}",
            "export the runtime variables in a step before this one, or INVOKE_BUILD_CACHE=registry",
        )
    return {
        "REGISTRY": settings.environment.registry,
        "ENVIRONMENT": settings.environment.name,
        "COMMIT": commit.tag,
        "PLATFORM": settings.platform,
        "CACHE": settings.cache,
        "CACHE_DIR": str(settings.root / ".deploy" / "cache"),
        "SOURCE_DATE_EPOCH": str(commit.committed_at),
        "BUILD_NETWORK": inherited.get("BUILD_NETWORK") or "default",
        "CA_BUNDLE": inherited.get("CA_BUNDLE", ""),
    }


def build(bake: Bake, root: Path, shell: Shell, update: Callable[[str], None]) -> tuple[dict[str, str], str]:
    """Build all targets; return the digest of each, and the counts of steps for people. `update` gets each new step.

    Raises BuildError with the failing step and its last 20 lines, CloudError when the registry refused.
    """
    log = BuildLog()

    def on_line(line: str) -> None:
        if step := log.feed(line):
            update(step)

    bake.network.write_text(bake.networks())
    entitlements = "--allow" in shell.run(Command(("docker", "buildx", "bake", "--help"))).stdout
    result = shell.run(bake.command(root, entitlements=entitlements), on_line)
    if result.code:
        raise _failure(log, _last(result.stderr) or f"docker ended with {result.code}", bake)
    metadata = json.loads(bake.metadata.read_text())
    return {name: metadata[name].get("containerimage.digest", "") for name in bake.targets}, log.counts()


def pushed_images(images: tuple[Image, ...], digests: Mapping[str, str]) -> tuple[PushedImage, ...]:
    """The images with the digests that buildx reports. Raises BuildError when a digest is missing."""
    try:
        return tuple(PushedImage(image.name, image.repository, digests[image.name]) for image in images)
    except ValueError as error:
        raise BuildError("buildx reports no digest of the built image.", str(error), "update buildx") from error


def _failure(log: BuildLog, last: str, bake: Bake) -> Exception:
    step, why = log.failure()
    doctor = bake.environment.command("doctor")
    why = why or last
    correct = "correct the Dockerfile, then run the same command again"
    if log.failed_in == "base":
        return BuildError("The base image is missing.", why, "check the FROM line, and that its registry answers")
    if log.failed_in == "step":
        return BuildError(f"The image does not build: {step}", why, correct)
    if NO_SPACE in why:
        return disk_full(why)
    if "exporting manifest lists" in why:
        why = f"{why}\nLambda accepts a single manifest: no index, no attestations."
        return BuildError("The build makes an index.", why, "keep provenance and sbom disabled in docker-bake.hcl")
    if re.search(r"exporter .*not (currently )?supported", why):
        hint = "`docker buildx create --use`, or the containerd image store"
        return ConfigurationError("This engine and builder cannot write an image to a file.", why, hint)
    if "Cache export is not supported" in why:
        hint = "`docker buildx create --use`, the containerd image store, or INVOKE_BUILD_CACHE=none"
        return ConfigurationError("build.cache cannot work with this engine and builder.", why, hint)
    if "failed to push" in why or "failed to authorize" in why:
        return _refused(why, bake.environment)
    what = "The image could not be pushed." if bake.output == "push" else "The image does not build."
    return BuildError(what, why, correct if "dockerfile" in why.lower() else doctor)


def _refused(why: str, environment: Environment) -> CloudError:
    if re.search(r"does not exist|name unknown|404 Not Found", why, re.IGNORECASE):
        return CloudError("The repository does not exist.", why, environment.command("bootstrap"))
    if "failed to do request" in why:  # the text of containerd for a request without an answer
        return CloudError("The registry cannot be reached.", why, "check the network, then run the same command again")
    actions = permissions.missing(why)
    doctor = environment.command("doctor")
    return CloudError("The registry refused the push.", why, permissions.hint(actions) if actions else doctor)


def _last(text: str, lines: int = 5) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
