"""How an image is built: its files, and the images that it starts from. Read from the sources, before any build.

An image that the Dockerfile names with a digest is exactly that one, because BuildKit takes no other. Only for a
reference without a digest the log of the build says which image it was.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from delivery import git
from delivery.context import RunContext
from delivery.errors import ConfigurationError, MissingToolError
from delivery.image import bake, dockerfile
from delivery.image.dockerfile import Base
from delivery.inputs import BAKE_FILE
from delivery.process.shell import Shell
from delivery.settings import Settings

_LOCK = "requirements.txt"
Definitions = Mapping[str, Mapping[str, Any]]
"""Target to its definition, as `docker buildx bake --print` has it."""
ReadFile = Callable[[str], bytes | None]
"""Returns the content of a file by its path in the project; None if there is none."""


@dataclass(frozen=True)
class Recipe:
    """How the image of a target is built. `files`: path in the project to content. `lock`: its requirements file.

    `images`: all that the build uses. `base`: the one whose layers the image has; None for `FROM scratch`, and if the
    Dockerfile is not known.
    """

    target: str
    files: Mapping[str, bytes]
    lock: str = ""
    images: tuple[Base, ...] = ()
    base: Base | None = None

    def resolved(self, digests: Mapping[str, str]) -> "Recipe":
        """The recipe with the digests that a build found for references without one. `digests`: by full reference."""

        def known(base: Base) -> Base:
            return base if base.digest else replace(base, digest=digests.get(base.reference, ""))

        return self._mapped(known)

    def without_stand_ins(self) -> "Recipe":
        """The recipe without the digest of any image that a named context stands in for."""
        return self._mapped(lambda base: replace(base, digest="") if base.replaced else base)

    def _mapped(self, change: Callable[[Base], Base]) -> "Recipe":
        return replace(self, images=tuple(map(change, self.images)), base=change(self.base) if self.base else None)


def read(settings: Settings, shell: Shell) -> Mapping[str, Recipe]:
    """The recipe of each target, from the files that are built. Raises ConfigurationError."""

    def file(path: str) -> bytes | None:
        place = settings.source / path
        return place.read_bytes() if place.is_file() else None

    contexts = bake.contexts(settings)
    return {name: of_target(name, each, contexts, file) for name, each in bake.definitions(settings, shell).items()}


def definitions(run: RunContext) -> Definitions:
    """The targets as bake prints them now; none where that cannot be read, such as without docker."""
    with contextlib.suppress(MissingToolError, ConfigurationError):
        return bake.definitions(run.settings, run.shell)
    return {}


def of_commit(run: RunContext, known: Definitions, name: str, commit: str) -> Recipe:
    """The recipe of a target as a commit has it; without a file that the commit, or this clone, does not have.

    The definition of the target, and the named contexts, are those of now. So the digest of an image that a context
    stands in for is not known: it may have been another one when the commit was built.
    """
    if name not in known:
        return Recipe(name, {})

    def file(path: str) -> bytes | None:
        text = git.show(run.settings.root, commit.removesuffix("-dirty"), path, run.shell)
        return None if text is None else text.encode()

    return of_target(name, known[name], bake.contexts(run.settings), file).without_stand_ins()


def of_target(name: str, definition: Mapping[str, Any], contexts: Mapping[str, str], file: ReadFile) -> Recipe:
    """The recipe of one target. `definition`: as bake prints it. `contexts`: more than the target's own."""
    context = definition.get("context", ".")
    local = ":" not in context  # a URL is known to BuildKit only
    path = str(PurePosixPath(context, definition.get("dockerfile", "Dockerfile")))
    lock = str(PurePosixPath(context, _LOCK))
    paths = (
        BAKE_FILE,
        *((path,) if local and "dockerfile-inline" not in definition else ()),
        *((lock,) if local else ()),
    )
    files = {each: content for each in paths if (content := file(each)) is not None}
    text = definition.get("dockerfile-inline") or files.get(path, b"").decode(errors="replace")
    arguments = {key: str(value) for key, value in (definition.get("args") or {}).items()}
    stand_ins = {**(definition.get("contexts") or {}), **contexts}
    images = dockerfile.images(text, arguments, stand_ins, definition.get("target", ""))
    return Recipe(name, files, files.get(lock, b"").decode(errors="replace"), images.all, images.base)
