"""`invoke promote --rebuild`: build the promoted commits again, without any cache, and compare the digests.

An image depends on its context and its base only, so a commit has one digest for one BuildKit, on any machine. If the
commit makes another one, the image was not built from it alone, or not by the same BuildKit.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from delivery import context
from delivery.aws import ecr
from delivery.commands.promote import Promotion
from delivery.context import RunContext, require_docker
from delivery.errors import RefusedError
from delivery.git import Commit
from delivery.image import inspect, push
from delivery.image.inspect import InspectedImage
from delivery.reference import Image, PushedImage


def require_same(run: RunContext, promotions: Iterable[Promotion]) -> None:
    """Raises RefusedError for an image that its commit does not build; MissingToolError, BuildError, CloudError.

    `run`: the environment that is copied from. Raises ConfigurationError for a commit that this clone does not have.
    """
    require_docker(run)
    promoted: dict[str, list[PushedImage]] = {}
    for each in promotions:
        promoted.setdefault(each.commit, []).append(each.image)
    lines = [line for commit, images in promoted.items() for line in _differences(_at(run, commit), images)]
    if lines:
        name = run.settings.environment.name
        what = f"{name} serves an image that its commit does not build."
        releases = run.settings.environment.command("releases")
        who = f"`{releases}` names who made it live, PutImage in CloudTrail who pushed it"
        hint = f"{who}; another BuildKit writes other bytes too: docs/supply-chain.md"
        raise RefusedError(what, "\n".join(lines), hint)


def _at(run: RunContext, commit: str) -> RunContext:
    """The run on the files of another commit, without a build cache, which somebody else may have filled."""
    exported = context.export(run.settings.root, commit, run.scratch, run.shell)
    settings = replace(run.settings, exported=exported, cache="none")
    return replace(run, settings=settings, commit=Commit(commit, dirty=False))


def _differences(run: RunContext, served: Iterable[PushedImage]) -> Iterator[str]:
    """Both digests of each image that differs, and the layers that do."""
    by_name = {image.name: image for image in served}
    for built, inspected in push.rebuild(run, tuple(Image(each.name, each.repository) for each in by_name.values())):
        image = by_name[built.name]
        if built.digest != image.digest:
            yield f"{image.name}: {run.settings.environment.name} serves {image.digest}"
            yield f"{image.name}: commit {run.commit.short} builds {built.digest}"
            yield from _layers(inspect.pushed(run.aws, image, ecr.authorize(run.aws)), inspected)


def _layers(served: InspectedImage, built: InspectedImage) -> Iterator[str]:
    """The layers that differ, each with the instruction that made it; or what else differs."""
    ours, theirs = ([layer["digest"] for layer in image.document.get("layers", ())] for image in (built, served))
    history = [each for each in built.config.get("history", ()) if not each.get("empty_layer")]
    same = True
    for number, (one, other) in enumerate(itertools.zip_longest(ours, theirs), 1):
        if one != other:
            step = history[number - 1].get("created_by", "") if number <= len(history) else ""
            yield f"layer {number} differs: {step}".removesuffix(": ")
            same = False
    if same:
        keys = {key for key in (*built.config, *served.config) if built.config.get(key) != served.config.get(key)}
        yield f"all layers are the same; the configuration differs in {', '.join(sorted(keys)) or 'the manifest'}"
