"""`invoke sbom`: the packages of what is live."""

import functools
from collections.abc import Sequence

from delivery.aws import function
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.errors import RefusedError
from delivery.image import contents, recipe
from delivery.image.contents import Contents
from delivery.image.layers import Changes
from delivery.process import parallel
from delivery.progress import UNCHANGED


def read(run: RunContext, functions: Sequence[Function]) -> tuple[Contents, ...]:
    """The SBOM of the live version of each function.

    Raises RefusedError when none is live, BuildError or CloudError.
    """
    known: dict[str, Changes] = {}
    with run.progress.stage("sbom", interrupted=UNCHANGED) as stage:
        live = tuple(filter(None, parallel.map(run.shell, functools.partial(_live, run, known), functions)))
        if not live:
            names = ", ".join(each.image for each in functions)
            hint = run.settings.environment.command("deploy")
            raise RefusedError(f"Nothing is live in {run.settings.environment.name} of {names}.", "", hint)
        stage.done(", ".join(f"{each.image.name} {each.image.short_digest}" for each in live))
    return live


def _live(run: RunContext, known: dict[str, Changes], deployed: Function) -> Contents | None:
    alias = function.find_alias(run.aws, deployed)
    if alias is None:
        return None
    version = function.read_version(run.aws, deployed, alias.version)
    image, commit = version.pushed_image, version.commit
    return contents.read(
        run, image, commit, lambda: recipe.of_commit(run, recipe.definitions(run), image.name, commit), known
    )
