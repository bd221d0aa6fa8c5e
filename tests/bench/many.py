"""The scenarios with 1, 5 and 15 functions, with and without a delay of every call of AWS's API."""

import functools
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.deploys.checkout import PROJECT, Checkout

from bench.measure import Typed
from bench.place import APP, MAIN, Place
from bench.scenarios import Side

COUNTS = (1, 5, 15)
DELAY = 0.150  # seconds
_TICKER = PROJECT / "tests" / "integration" / "second"
_TARGET = """
target "{name}" {{
  inherits   = ["_common"]
  context    = "src/lambdas/{name}"
  labels = {{
    "lambda.health" = jsonencode({{
      stream = "/", first = "hello", events = 3, query = {{ events = "3", interval = "0.1" }}
    }})
  }}
  tags       = tags("{name}")
  cache-from = cache_from("{name}")
  cache-to   = cache_to("{name}")
  output     = output("{name}")
}}
"""
_MODULE = """
module "{name}" {{
  source = "../modules/image_function"
  common = local.common

  name                 = "{name}"
  timeout_seconds      = var.timeout_seconds
  reserved_concurrency = var.reserved_concurrent_executions
  url                  = {{ auth_type = var.function_url_auth_type, invoke_mode = "RESPONSE_STREAM" }}
}}
"""


def side_name(count: int, *, delayed: bool) -> str:
    """The name of the side with so many functions, such as `15 functions +150 ms`."""
    return f"{count} function{'s' * (count > 1)}{f' +{DELAY * 1000:.0f} ms' * delayed}"


def change(base: Place) -> Sequence[Side]:
    """One changed line in one function."""

    def prepare(place: Place, number: int, delayed: bool) -> None:
        place.change(APP, f"many, delayed: {delayed}", number)

    return _sides(base, prepare, "deploy")


def no_op(base: Place) -> Sequence[Side]:
    """A deploy of what is deployed."""
    for count, place in _places(base).items():
        place.do(place.ours(_environment(count)))
    return _sides(base, lambda *_: None, "deploy")


def rollback(base: Place) -> Sequence[Side]:
    """Every function returns to its version before."""
    for count, place in _places(base).items():
        for file in place.clone.root.glob("src/lambdas/*/app.py"):
            place.change(str(file.relative_to(place.clone.root)), "for a rollback", 0)
        place.do(place.ours(_environment(count)))

    def newest(place: Place, *_: object) -> None:
        (name,) = place.accounts
        place.do(place.ours(name))

    return _sides(base, newest, "rollback")


def _sides(base: Place, prepare: Callable[[Place, int, bool], None], task: str) -> list[Side]:
    """A side for each number of functions: first without, then with a delay."""
    return [
        Side(
            side_name(count, delayed=delayed),
            functools.partial(_prepare, prepare, place, delayed),
            functools.partial(_typed, place, task, _environment(count), base.relay if delayed else ""),
        )
        for delayed in (False, True)
        for count, place in _places(base).items()
    ]


def _prepare(prepare: Callable[[Place, int, bool], None], place: Place, delayed: bool, number: int) -> None:
    prepare(place, number, delayed)


def _typed(place: Place, task: str, name: str, relay: str) -> Sequence[Typed]:
    endpoints = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS") if relay else ()
    variables = {f"INVOKE_ENVIRONMENTS_{name.upper()}_VARIABLES_{endpoint}": relay for endpoint in endpoints}
    return [place.invoke(task, "--env", name, **variables)]


def _environment(count: int) -> str:
    """Another name for each number: the engine keeps its login to a repository of one name, whatever the account."""
    return f"many{count}"


def _places(base: Place) -> Mapping[int, Place]:
    """A clone for each number of functions, with one environment; all use the sandbox of the first clone."""
    for count in COUNTS:
        if count not in base.others:
            base.others[count] = _clone(base, count)
        base.others[count].ready(_environment(count), base.others[count].ours)
    return base.others


def _clone(base: Place, count: int) -> Place:
    root, folder = base.folder / f"many-{count}", base.folder / f"tools-{count}"
    folder.mkdir()
    subprocess.run(["git", "clone", "--quiet", "--branch", "main", str(base.clone.root), str(root)], check=True)
    add_functions(root, tuple(f"ticker-{number:02}" for number in range(1, count)))
    return Place(Checkout(root), base.settings, folder, base.logs)


def add_functions(root: Path, names: Sequence[str]) -> None:
    """Write more functions into a clone: for each a folder with a Dockerfile, a bake target and a module block."""
    bake, main = root / "docker-bake.hcl", root / MAIN
    targets = "".join(f', "{name}"' for name in names)
    bake.write_text(_replaced(bake, 'targets = ["sse-streaming"', 'targets = ["sse-streaming"' + targets))
    line = '    "sse-streaming" = module.sse_streaming\n'
    lines = "".join(f'    "{name}" = module.{name}\n' for name in names)
    main.write_text(_replaced(main, line, line + lines))
    for name in names:
        shutil.copytree(_TICKER, root / "src" / "lambdas" / name)
        (root / "src" / "lambdas" / name / "app.py").open("a").write(f"# {name}\n")
        bake.open("a").write(_TARGET.format(name=name))
        main.open("a").write(_MODULE.format(name=name))


def _replaced(file: Path, old: str, new: str) -> str:
    text = file.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{old!r} stands {text.count(old)} times in {file}")
    return text.replace(old, new)
