"""What is measured: the sides of each scenario, how each is prepared, and the commands that are measured."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.measure import Typed
from bench.place import APP, DOCKERFILE, Place
from bench.samples import Sample

OURS, RAW, REPLACED = "ours", "raw tools", "replaced pipeline"
NO_BUILD, PLAN, IMPORT = "raw tools, no build", "terraform plan", "import invoke"
THEIRS = (RAW, REPLACED, NO_BUILD, PLAN, IMPORT)
"""The sides that are not this project."""
_LAYER = 300_000_000  # bytes


class NotMeasuredError(Exception):
    """A scenario cannot be measured on this machine."""


@dataclass(frozen=True)
class Side:
    """One side of a scenario. `prepare` gets the number of the round; `check` runs afterwards. Neither is measured.

    `sample` measures what no command can show; then there are no commands.
    """

    name: str
    prepare: Callable[[int], None]
    commands: Callable[[], Sequence[Typed]]
    memory: bool = False
    check: Callable[[], None] = lambda: None
    sample: Callable[[], Sample] | None = None


@dataclass(frozen=True)
class Scenario:
    """`sides` sets the scenario up."""

    name: str
    title: str
    sides: Callable[[Place], Sequence[Side]]


def in_turn(sides: Sequence[Side], repeat: int) -> Iterator[tuple[int, Side]]:
    """Every side once in each round; each round begins with another side, so that none always comes first."""
    for number in range(repeat):
        first = number % len(sides)
        for side in (*sides[first:], *sides[:first]):
            yield number, side


def first_deploy(place: Place) -> Sequence[Side]:
    """The first deploy to a bootstrapped account."""

    def side(name: str, short: str, command: Callable[[str], Typed]) -> Side:
        last: list[str] = []

        def prepare(number: int) -> None:
            last.append(f"{short}-first-{number}")
            place.declare(last[-1])
            place.change(APP, last[-1], number)

        return Side(name, prepare, lambda: [command(last[-1])], check=lambda: place.require_live(last[-1]))

    return [side(OURS, "ours", place.ours), side(RAW, "raw", place.first)]


def no_op(place: Place) -> Sequence[Side]:
    """A deploy of what is deployed, beside one plan."""
    _three(place)
    for command in (place.ours("ours"), place.raw("deploy", "raw")):
        place.do(command)

    def deploy(name: str, *, dirty: bool) -> Side:
        return Side(name, lambda _: place.dirty(on=dirty), lambda: [place.ours("ours")])

    plan = Side(PLAN, lambda _: place.dirty(on=False), lambda: [place.raw("plan", "raw")])
    return [deploy("ours, clean tree", dirty=False), deploy("ours, dirty tree", dirty=True), plan]


def code_change(place: Place) -> Sequence[Side]:
    """One changed line of the function."""
    return _changed(place, lambda name, number: place.change(APP, name, number))


def dependency_change(place: Place) -> Sequence[Side]:
    """Another version of one package: the dependencies are installed again, and the image is a new one."""
    return _changed(place, place.upgrade)


def infrastructure_change(place: Place) -> Sequence[Side]:
    """Another memory size; no image changes."""
    megabytes = itertools.count(576, 64)

    def prepare(name: str, _: int) -> None:
        place.memory(_SHORT[name], next(megabytes))

    sides = _changed(place, prepare)
    again = Side(NO_BUILD, lambda n: prepare(RAW, n), lambda: [place.raw("infrastructure", "raw")])
    return [*sides, again]


def build_cache(place: Place) -> Sequence[Side]:
    """An empty builder pushes a code change: with the cache in the registry, and without a cache."""
    if not place.private_engine:
        raise NotMeasuredError("the Docker engine is your own, and would lose its whole build cache")
    _three(place)

    def side(name: str, cache: str) -> Side:
        def prepare(number: int) -> None:
            place.change(APP, name, number)
            place.empty_builder()

        return Side(name, prepare, lambda: [place.invoke("push-image", "--env", "ours", INVOKE_BUILD_CACHE=cache)])

    return [side("registry cache", "registry"), side("no cache", "none")]


def two_environments(place: Place) -> Sequence[Side]:
    """One commit to two environments: promoted by us, built twice by the tools."""
    place.ready("preprod", place.ours)
    promote = place.invoke("promote", "--from", "preprod", "--to", "prod", "--yes")
    if "prod" not in place.accounts:
        place.declare("prod")
        place.do(place.ours("preprod"), promote, place.ours("prod"))
    for name in ("raw-preprod", "raw-prod"):
        place.ready(name, place.first)
    promoted = Side(
        OURS,
        lambda number: place.change(APP, "promoted", number),
        lambda: [place.ours("preprod"), promote, place.ours("prod")],
        check=lambda: place.require_live("prod"),
    )
    twice = Side(
        RAW,
        lambda number: place.change(APP, "built twice", number),
        lambda: [place.raw("deploy", name) for name in ("raw-preprod", "raw-prod")],
        check=lambda: place.require_live("raw-prod"),
    )
    return [promoted, twice]


def rollback(place: Place) -> Sequence[Side]:
    """Back to the commit before: our rollback, and a deploy of the old commit by the tools."""
    _three(place)
    commits = []
    for number in range(2):
        place.change(APP, "rollback", number)
        commits.append(place.clone.head())
        place.do(place.ours("ours"), place.raw("deploy", "raw"))

    def newest(_: int) -> None:
        place.reset()
        place.do(place.ours("ours"))

    def old(number: int) -> None:
        place.clone.git("checkout", "--quiet", "--detach", commits[number % 2])

    def redeploy() -> Sequence[Typed]:
        return [place.raw("deploy", "raw")]

    return [Side(OURS, newest, lambda: [place.invoke("rollback", "--env", "ours", "--yes")]), Side(RAW, old, redeploy)]


def start(place: Place) -> Sequence[Side]:
    """The list of the tasks, beside an import of Invoke alone."""
    listed = place.invoke("--list")
    imported = Typed((listed.argv[0], "-c", "import invoke"), listed.cwd, listed.environ)
    return [Side("invoke --list", nothing, lambda: [listed]), Side(IMPORT, nothing, lambda: [imported])]


def memory(place: Place) -> Sequence[Side]:
    """The peak memory of our own process in a deploy: of the image as it is, and of one with a large new layer."""
    for name in ("small", "large"):
        place.ready(name, place.ours)
    file = place.clone.root / DOCKERFILE
    before = file.read_text()

    def side(title: str, name: str, layer: str) -> Side:
        def prepare(number: int) -> None:
            file.write_text(before.replace("\nUSER ", f"{layer.format(number=number)}\nUSER "))
            place.change(APP, name, number)

        return Side(title, prepare, lambda: [place.ours(name)], memory=True)

    layer = f"\nRUN head -c {_LAYER} /dev/urandom > /random-{{number}}"
    return [side("image as it is", "small", ""), side("300 MB more", "large", layer)]


_SHORT = {OURS: "ours", RAW: "raw", REPLACED: "replaced"}


def _three(place: Place) -> None:
    """The environments `ours`, `raw` and `replaced`, each after a first deploy."""
    place.ready("ours", place.ours)
    for name in ("raw", "replaced"):
        place.ready(name, place.first)


def _changed(place: Place, prepare: Callable[[str, int], None]) -> list[Side]:
    """The three ways to deploy a change that `prepare` commits for each."""
    _three(place)
    commands: Mapping[str, Callable[[], Typed]] = {
        OURS: lambda: place.ours("ours"),
        RAW: lambda: place.raw("deploy", "raw"),
        REPLACED: lambda: place.raw("replaced", "replaced"),
    }

    def side(name: str) -> Side:
        return Side(
            name,
            prepare=lambda number: prepare(name, number),
            commands=lambda: [commands[name]()],
            check=lambda: place.require_live(_SHORT[name]),
        )

    return [side(name) for name in commands]


def nothing(_: int) -> None:
    """This side needs no preparation."""
