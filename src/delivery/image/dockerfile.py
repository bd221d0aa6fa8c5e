"""The images that a Dockerfile uses, in FROM, in `COPY --from` and in `RUN --mount`.

https://docs.docker.com/reference/dockerfile/.
A named context of the build stands in for an image or a stage of that name:
https://docs.docker.com/reference/cli/docker/buildx/build/#build-context.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(?P<name>\w+)=[\"']?(?P<value>[^\"'\s]*)[\"']?", re.IGNORECASE)
_COPY = re.compile(r"(?:COPY|ADD)\s.*?--from=(\S+)", re.IGNORECASE)
_MOUNT = re.compile(r"--mount=\S*?\bfrom=([^,\s]+)")
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
_IMAGE = "docker-image://"
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class Base:
    """An image that a build starts from, or copies from.

    `name`: as the Dockerfile has it. `reference`: the image that the build really uses, with its registry; the URL of a
    named context that is no image. `digest`: empty if the reference has none. `is_image`: false for a folder, a
    repository of git or another target.
    """

    name: str
    reference: str
    digest: str
    is_image: bool = True

    @property
    def replaced(self) -> bool:
        """Whether a named context stands in for the image of the Dockerfile."""
        return self.reference != full_name(self.name)


@dataclass(frozen=True)
class Images:
    """`all`: each image once, in the order of the file. `base`: that of the built stage, None for `FROM scratch`."""

    all: tuple[Base, ...]
    base: Base | None


def images(
    text: str, arguments: Mapping[str, str] = _NONE, contexts: Mapping[str, str] = _NONE, stage: str = ""
) -> Images:
    """The images of a Dockerfile. `arguments`: of the build. `contexts`: name to target. `stage`: the built stage; the
    last one without it.
    """
    values, stages, used = dict(arguments), dict[str, Base | None](), dict[Base, None]()
    known = {full_name(name): target for name, target in contexts.items()}

    def base(name: str) -> Base | None:
        if name.lower() in stages and full_name(name) not in known:
            return stages[name.lower()]
        if name.lower() == "scratch":
            return None
        target = known.get(full_name(name), _IMAGE + name)
        is_image = target.startswith(_IMAGE)
        reference = full_name(target.removeprefix(_IMAGE)) if is_image else target
        digest = _DIGEST.search(reference)
        made = Base(name, reference, digest[1] if digest and is_image else "", is_image)
        used[made] = None
        return made

    last: Base | None = None
    for line in _instructions(text):
        if argument := _ARG.match(line):
            values.setdefault(argument["name"], argument["value"])
        elif match := _FROM.match(line):
            last = base(string.Template(match["image"]).safe_substitute(values))
            stages[(match["stage"] or str(len(stages))).lower()] = last
        else:
            for name in (*_COPY.findall(line), *_MOUNT.findall(line)):
                base(name)
    return Images(tuple(used), stages.get(stage.lower(), last))


def full_name(reference: str) -> str:
    """A reference with its registry, and the tag `latest` if it has neither tag nor digest.

    https://github.com/distribution/reference/blob/main/normalize.go
    """
    name, at, digest = reference.partition("@")
    registry, slash, rest = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ("." in registry or ":" in registry or registry == "localhost"):
        name = f"docker.io/{name}"
    elif registry == "docker.io" and "/" not in rest:
        name = f"docker.io/library/{rest}"
    if not at and ":" not in name.rpartition("/")[2]:
        name += ":latest"
    return f"{name}{at}{digest}"


def _instructions(text: str) -> list[str]:
    """The instructions, each in one line: "Format" and "Escape"."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [line.strip() for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines()]
