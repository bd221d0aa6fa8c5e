"""Terraform accepts every root module, and every variable and output has a description."""

import re
from pathlib import Path

import pytest

from delivery.commands import new
from delivery.terraform import adoption

INFRASTRUCTURE = Path(__file__).parents[2] / "infrastructure"
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


MODULES = new.modules(INFRASTRUCTURE.parent)
ADOPTED = {
    "foundation": {"prod": (adoption.PROVIDER,)},
    "service": {
        environment: tuple(adoption.entry(name, kind) for name in MODULES for kind in adoption.KINDS)
        for environment in ("a", "prod")
    },
}


@pytest.fixture
def adopted(infrastructure, root):
    """The root module with the import blocks that `invoke bootstrap --adopt` writes; without them afterwards."""
    file = infrastructure / root / adoption.FILE
    file.write_text(adoption.render(ADOPTED[root], MODULES))
    yield file
    file.unlink()


@pytest.mark.parametrize("root", ["foundation", "service"])
def test_a_root_module_is_valid_with_import_blocks_and_its_lock_file_is_complete(terraform_in, adopted):
    terraform = terraform_in(adopted.parent)
    terraform(adopted.parent, "fmt", "-check", "-diff", adopted.name)
    terraform(adopted.parent, "validate")


def test_every_variable_and_output_has_a_description_and_every_variable_has_a_type():
    blocks = [
        (path, *block) for path in sorted(INFRASTRUCTURE.rglob("*.tf")) for block in BLOCK.findall(path.read_text())
    ]
    assert len(blocks) > 30
    for path, kind, name, body in blocks:
        assert re.search(r'^  description\s+= "\S', body, re.MULTILINE), f"{path}: {kind} {name}"
        assert kind == "output" or re.search(r"^  type\s+= ", body, re.MULTILINE), f"{path}: {kind} {name}"


@pytest.mark.parametrize("root", ["foundation", "service"])
@pytest.mark.parametrize("environment", ["sandbox", "preprod", "prod"])
def test_an_environment_has_a_variable_file_which_repeats_nothing_of_invoke_yaml(root, environment):
    text = (INFRASTRUCTURE / root / f"{environment}.tfvars").read_text()
    assert not re.findall(r"^(environment|account|region|state_bucket)\b", text, re.MULTILINE)


def test_no_account_stands_in_terraform_code():
    """The account of an environment is written once, in invoke.yaml."""
    for path in sorted(INFRASTRUCTURE.rglob("*.tf*")):
        assert path.is_dir() or not re.search(r"\b\d{12}\b", path.read_text()), path
