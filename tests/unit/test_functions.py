"""Every function of src fits on a screen and takes few parameters."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"


def functions():
    for path in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(SRC)}:{node.lineno} {node.name}", node


def test_a_function_has_at_most_40_lines():
    assert not [name for name, node in functions() if node.end_lineno - node.lineno >= 40]


def test_a_function_has_at_most_five_parameters():
    def parameters(node):
        return [a.arg for a in node.args.args + node.args.kwonlyargs if a.arg not in ("self", "cls")]

    assert not [name for name, node in functions() if len(parameters(node)) > 5]


def test_delivery_does_not_know_the_sandbox():
    for path in (SRC / "delivery").rglob("*.py"):
        assert "sandbox" not in path.read_text(encoding="utf-8").lower(), path
