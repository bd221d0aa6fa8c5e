"""The house, as a test: who may import whom, who owns which effect, and how long a function may be."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
# Each module of delivery imports only what stands on a later line.
LADDER = """
console
status
diff doctor promote prune rollback
deploy
release
canary
bootstrap publish
verify releases
state
workbench
function_url rie traffic metrics
function registry lock
inventory
archive transfer
docker terraform login distribution gate
source tools parallel summary interrupts
buildlog diagnostics mirror progress scratch sse
plan
shell aws
child
output permissions
events
settings image errors clock
"""
EFFECTS = {
    "subprocess": {"child"},
    "boto3": {"aws"},
    "time": {"clock"},
    "datetime": {"clock", "release", "canary", "metrics", "lock"},
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(package):
    return sorted((SRC / package).rglob("*.py"))


def test_each_module_of_delivery_imports_only_what_stands_below_it():
    rows = [set(row.split()) for row in LADDER.strip().splitlines()]
    height = {name: len(rows) - index for index, row in enumerate(rows) for name in row}
    for path in modules("delivery"):
        if path.stem == "__init__":
            continue
        assert path.stem in height, f"{path.stem} has no place on the ladder"
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "delivery" and len(parts) > 1:
                assert height[parts[1]] < height[path.stem] or _values(parts[1]), f"{path.stem} imports {parts[1]}"


def _values(name):
    return name in {"settings", "image", "errors", "clock"}


@pytest.mark.parametrize(
    ("package", "others"),
    [
        ("delivery", ("sandbox", "sse_streaming", "lambdas")),
        ("sandbox", ("delivery", "sse_streaming", "lambdas")),
        ("lambdas", ("delivery", "sandbox")),
    ],
)
def test_no_package_imports_another(package, others):
    for path in modules(package):
        assert not [name for name in imports(path) if name.split(".")[0] in others], path


def test_delivery_does_not_know_that_a_sandbox_exists():
    for path in modules("delivery"):
        assert "sandbox" not in path.read_text().lower(), path


def test_each_effect_of_delivery_has_one_owner():
    for path in modules("delivery"):
        for name in imports(path):
            owners = EFFECTS.get(name.split(".")[0])
            assert owners is None or path.stem in owners, f"{path.stem} imports {name}"


def test_every_function_is_short_and_takes_few_parameters():
    for path in modules("."):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = [a.arg for a in node.args.args + node.args.kwonlyargs if a.arg not in ("self", "cls")]
                assert node.end_lineno - node.lineno < 40, f"{path}:{node.lineno} {node.name}"
                assert len(taken) <= 5, f"{path}:{node.lineno} {node.name}"
