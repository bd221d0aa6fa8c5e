"""`invoke new`: write what a new function consists of, from the templates beside this file.

    templates/KIND --> src/lambdas/NAME   its code, Dockerfile and locked packages
                   --> tests/unit/lambdas, tests/acceptance  its tests
    docker-bake.hcl, infrastructure/service: its target and its module block

All of it is made in memory first: what is refused writes nothing.
"""

import importlib.util
import keyword
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from delivery.errors import ConfigurationError
from delivery.image import bake
from delivery.inputs import BAKE_FILE

_TEMPLATES = Path(__file__).with_name("templates")
# Template => where it goes
_TESTS = {
    "test_template.py": "tests/unit/lambdas/test_{}.py",
    "test_acceptance.py": "tests/acceptance/test_{}.py",
}
SERVICE = "infrastructure/service"
MAIN = f"{SERVICE}/main.tf"

HEALTH: Mapping[str, str] = {
    "http": '{ http = "/health", status = 200 }',
    # Few events at short intervals: a start check and `verify` wait for the end of the stream.
    "stream": '{ stream = "/events", first = "hello", events = 3, query = { events = "3", interval = "0.1" } }',
    "event": "{ invoke = { Records = [] }, expect = { batchItemFailures = [] } }",
}
"""Kind => the health contract of its template, in HCL."""

_URL = """
  # An open URL needs a limit. Both values are set for each environment.
  reserved_concurrency = var.reserved_concurrent_executions
  url                  = {{ auth_type = var.function_url_auth_type, invoke_mode = "{mode}" }}
"""
_URLS = {"http": _URL.format(mode="BUFFERED"), "stream": _URL.format(mode="RESPONSE_STREAM"), "event": ""}
_TARGET = """
target "{name}" {{
  inherits   = ["_common"]
  context    = "src/lambdas/{module}"
  labels     = {{ "lambda.health" = jsonencode({health}) }}
  tags       = tags("{name}")
  cache-from = cache_from("{name}")
  cache-to   = cache_to("{name}")
  output     = output("{name}")
}}
"""
_MODULE = """module "{module}" {{
  source = "../modules/image_function"
  common = local.common

  name = "{name}"
{url}}}
"""
GROUP = re.compile(r'(group "default" \{\s*targets\s*=\s*\[)([^\]]*)(\])')
_FUNCTIONS = re.compile(r"^(  functions\s*=\s*\{)\n?((?:.*\n)*?)( *\}\n)", re.MULTILINE)
_ENTRY = re.compile(r'^ *("?[\w-]+"?) *= *(module\.\w+) *$')


def files(root: Path, name: str, kind: str, environments: Iterable[str] = ()) -> Mapping[Path, str]:
    """Path => content of every file that a new function needs, and of the files that change.

    `name`: that of its target, such as orders-api. `kind`: one of `HEALTH`. `environments`: their names, which are part
    of its name. Raises ConfigurationError for a wrong or existing name, and for a file that cannot be completed.
    """
    if kind not in HEALTH:
        what = f"Unknown kind: {kind}" if kind else "No kind was named."
        raise ConfigurationError(what, f"The kinds are: {', '.join(HEALTH)}", "--kind http")
    module = name.replace("-", "_")
    _require_name(name, environments)
    _require_new(root, name, module)
    _require_importable(name, module)
    parts = {"name": name, "module": module, "health": HEALTH[kind], "url": _URLS[kind]}
    made = {root / _place(file.name, module): text for file, text in _templates(kind, name, module)}
    made[root / "src" / "lambdas" / module / "__init__.py"] = f'"""The function {name}."""\n'
    made[root / SERVICE / f"{module}.tf"] = _MODULE.format(**parts)
    made[root / BAKE_FILE] = _with_target((root / BAKE_FILE).read_text(), name) + _TARGET.format(**parts)
    made[root / MAIN] = _with_function((root / MAIN).read_text(), name, module)
    return made


def write(made: Mapping[Path, str]) -> None:
    """Write the files of `files`."""
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _require_name(name: str, environments: Iterable[str]) -> None:
    if not bake.NAME.fullmatch(name):
        what = f"Malformed --name: {name!r}" if name else "No name was named."
        why = "It has lower-case letters and digits, joined by single hyphens, and begins with a letter."
        raise ConfigurationError(what, why, "--name orders-api")
    if name in bake.ROLES:
        why = f"The names of roles are unique in an account, and the CI role <environment>-{name} has this name."
        raise ConfigurationError(f"--name cannot be {name}.", why, f"--name {name}-function")
    if long := next((each for each in environments if len(f"{each}-{name}") > bake.LONGEST), ""):
        why = f"{long}-{name} would have more than {bake.LONGEST} characters, the limit of Lambda and IAM."
        raise ConfigurationError(f"--name is too long: {name}", why, "a shorter --name")


def _require_importable(name: str, module: str) -> None:
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or importlib.util.find_spec(module):
        why = f"The tests import it as `{module}`, which is a word or another module of Python."
        raise ConfigurationError(f"--name cannot be {name}.", why, f"--name {name}-function")


def _require_new(root: Path, name: str, module: str) -> None:
    code = {path: path.read_text() for path in (root / SERVICE).glob("*.tf")}
    code[root / BAKE_FILE] = (root / BAKE_FILE).read_text()
    named = re.compile(rf'^(?:target|group|module) "(?:{re.escape(name)}|{module})"', re.MULTILINE)
    tests = [root / place.format(module) for place in _TESTS.values()]
    places = [root / "src" / "lambdas" / module, root / SERVICE / f"{module}.tf", *tests]
    taken = [place for place in places if place.exists()]
    taken += [path for path, text in code.items() if named.search(text) and path not in taken]
    if taken:
        why = f"In the way: {', '.join(str(path.relative_to(root)) for path in taken)}. Nothing was written."
        raise ConfigurationError(f"{name} exists already.", why, "another --name")


def _templates(kind: str, name: str, module: str) -> Iterable[tuple[Path, str]]:
    for file in sorted((_TEMPLATES / kind).iterdir()):
        if file.is_file():
            yield file, file.read_text().replace("template-name", name).replace("template_name", module)


def _place(file: str, module: str) -> str:
    """Where a template goes."""
    if file in _TESTS:
        return _TESTS[file].format(module)
    return f"src/lambdas/{module}/{'.dockerignore' if file == 'dockerignore' else file}"


def _with_target(text: str, name: str) -> str:
    """The bake file with one more name in its default group."""

    def add(match: re.Match[str]) -> str:
        names = match[2].rstrip().rstrip(",")
        separator = "," if names.strip() else ""
        space = re.search(r"\n[ \t]*", match[2])
        between, end = (space[0], ",\n  ") if space else (" " if separator else "", "")
        return f'{match[1]}{names}{separator}{between}"{name}"{end}{match[3]}'

    changed, count = GROUP.subn(add, text, count=1)
    if not count:
        hint = f"restore the group in {BAKE_FILE}"
        raise ConfigurationError(f"{BAKE_FILE} has no group `default` with targets.", "Nothing was written.", hint)
    return changed


def modules(root: Path) -> Mapping[str, str]:
    """Image name => address of its module block, such as module.orders_api: local.functions of the root module.

    Raises ConfigurationError for a list that cannot be read.
    """
    _, entries = _listed((root / MAIN).read_text())
    return {key.strip('"'): value for key, value in entries.items()}


def _listed(text: str) -> tuple[re.Match[str], dict[str, str]]:
    """Where local.functions stands, and its entries: name in quotes to module. Raises ConfigurationError."""
    match = _FUNCTIONS.search(text)
    lines = match[2].splitlines() if match else []
    found = [_ENTRY.match(line) for line in lines if line.strip()]
    if not match or not all(found):
        what, why = f"{MAIN} has no list of functions that can be changed.", "Nothing was written."
        raise ConfigurationError(what, why, f"restore `functions = {{...}}` in the locals of {MAIN}")
    return match, {entry[1]: entry[2] for entry in found if entry}


def _with_function(text: str, name: str, module: str) -> str:
    """The root module with one more line in local.functions."""
    return with_functions(text, lambda entries: {**entries, f'"{name}"': f"module.{module}"})


def with_functions(text: str, change: Callable[[dict[str, str]], dict[str, str]]) -> str:
    """The root module with other entries in local.functions, in the form of `terraform fmt`.

    `change`: from the entries that it has, name in quotes to module, to those that it gets. Raises ConfigurationError.
    """
    match, listed = _listed(text)
    entries = change(listed)
    width = max(map(len, entries), default=0)
    body = "".join(f"    {key.ljust(width)} = {value}\n" for key, value in entries.items())
    inner = f"\n{body}  " if entries else ""
    return f"{text[: match.start()]}{match[1]}{inner}}}\n{text[match.end() :]}"
