"""The policies of the CI roles, as tests/terraform rendered them from infrastructure/modules/ci_role."""

import json
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

GOLDEN = Path(__file__).parents[1] / "terraform" / "policies"


def delivery() -> Document:
    """Everything that the role of preprod's jobs may do, if KMS keys encrypt the state and verify signatures."""
    functions = sorted(path.stem for path in GOLDEN.glob("functions-*.json"))
    return merged([_read(name) for name in ("delivery", "state_key-delivery", "verification", *functions)])


def reading() -> Document:
    """Everything that the reader role may do, if a KMS key encrypts the state."""
    return merged([_read(name) for name in ("reading", "reader_logs", "state_key-reader")])


def signing() -> Document:
    """Everything that the role may do that signs images."""
    return _read("signing")


def gate() -> Document:
    """What the workflow leaves to its job `validation-gate` of what preprod's role may do."""
    jobs = yaml.safe_load((GOLDEN.parents[2] / ".github/workflows/deploy.yml").read_text())["jobs"]
    steps = [step["with"] for step in jobs["validation-gate"]["steps"] if "session-policy" in step.get("with", {})]
    document: Document = json.loads(steps[0]["session-policy"])
    return document


def merged(documents: list[Document]) -> Document:
    """One policy that allows what all of them allow."""
    return {"Version": "2012-10-17", "Statement": [item for one in documents for item in one["Statement"]]}


def listed(value: str | list[str]) -> list[str]:
    """The values of a policy's element, which may be one value without a list."""
    return [value] if isinstance(value, str) else value


def actions(document: Document) -> set[str]:
    """Every action that a policy allows."""
    return {action for statement in document["Statement"] for action in listed(statement["Action"])}


def _read(name: str) -> Document:
    document: Document = json.loads((GOLDEN / f"{name}.json").read_text())
    return document
