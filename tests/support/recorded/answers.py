"""Recorded answers against the shapes and the errors that botocore's service models give for each operation."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree

from botocore.model import ListShape, MapShape, Shape, StructureShape

from support import aws_model
from support.recorded.calls import REGISTRY, URL, Call

_NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float)}


def differences(calls: Iterable[Call]) -> set[str]:
    """One line for each kind of difference: `service:Operation path: what`."""
    lines = set()
    for call in calls:
        if call.service not in (REGISTRY, URL) and call.answer is not None:
            found = _success(call) if call.status < 300 else _failure(call)
            lines |= {f"{call} {line}" for line in found}
    return lines


def _failure(call: Call) -> Iterator[str]:
    if call.status == 304 or not call.answer:  # HEAD has no body; the status is the code
        return
    text = (call.answer or b"").decode()
    kind = call.headers.get("x-amzn-errortype", "") or "".join(
        re.findall(r'<Code>([^<]+)|"__type"\s*:\s*"([^"]+)"', text)[0]
    )
    code = kind.partition(":")[0].rpartition("#")[2]
    if code not in aws_model.codes(call.model):
        yield f"{call.status}: AWS has no error {code} of this operation"


def _success(call: Call) -> Iterator[str]:
    shape = call.model.output_shape
    if shape is None or call.model.has_event_stream_output:
        return
    payload = shape.serialization.get("payload")
    body: Shape = shape.members[payload] if payload else shape
    if body.type_name in ("blob", "string"):
        return
    text = call.answer or b""
    if call.headers.get("content-type", "").startswith("application/cbor"):
        return
    if not text:
        needed = [name for name, member in _members(body).items() if name in body.required_members]
        yield from (f"answer: {name} is missing" for name in needed)
    elif not text.startswith(b"<"):  # CloudWatch answers in JSON or XML, as it is asked
        yield from _json(body, json.loads(text), "answer")
    else:
        root = ElementTree.fromstring(text)
        wrapper = shape.serialization.get("resultWrapper")
        found = root if not wrapper else next((child for child in root if _tag(child) == wrapper), None)
        if found is None:
            yield f"answer: {wrapper} is missing"
        else:
            yield from _xml(body, found, "answer")


def _members(shape: Shape) -> dict[str, tuple[str, Shape]]:
    """Name in the body => (name in the model, shape); without what stands in headers."""
    assert isinstance(shape, StructureShape)
    return {
        member.serialization.get("name", name): (name, member)
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }


def _json(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(shape, StructureShape):
        yield from _json_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _each(value, list, path) or (
            line for item in value for line in _json(shape.member, item, f"{path}[]")
        )
    elif isinstance(shape, MapShape):
        yield from _each(value, dict, path) or (
            line for item in value.values() for line in _json(shape.value, item, f"{path}{{}}")
        )
    else:
        yield from _json_scalar(shape, value, path)


def _each(value: Any, kind: type, path: str) -> list[str]:
    return [] if isinstance(value, kind) else [f"{path}: {type(value).__name__} instead of {kind.__name__}"]


def _json_structure(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if wrong := _each(value, dict, path):
        yield from wrong
        return
    members = _members(shape)
    yield from (f"{path}.{name}: unknown" for name in value.keys() - members.keys())
    for serialized, (name, member) in members.items():
        if serialized in value:
            yield from _json(member, value[serialized], f"{path}.{serialized}")
        elif name in shape.required_members:
            yield f"{path}.{serialized}: missing"


def _json_scalar(shape: Shape, value: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "boolean":
        right = isinstance(value, bool)
    elif kind in _NUMBERS:
        right = isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    elif kind == "timestamp":
        iso = shape.serialization.get("timestampFormat") == "iso8601"
        right = isinstance(value, str) if iso else isinstance(value, (int, float))
    else:
        right = isinstance(value, str)
    if not right:
        yield f"{path}: {type(value).__name__} instead of {kind}"
    elif (enum := shape.metadata.get("enum")) and value not in enum:
        yield f"{path}: {value!r} is none of its values"


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _xml(shape: Shape, element: ElementTree.Element, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _xml_structure(shape, element, path)
    elif isinstance(shape, ListShape):
        name = shape.member.serialization.get("name", "member")
        for item in element:
            if _tag(item) != name:
                yield f"{path}: <{_tag(item)}> instead of <{name}>"
            else:
                yield from _xml(shape.member, item, f"{path}[]")
    elif not isinstance(shape, MapShape):
        yield from _xml_scalar(shape, element.text or "", path)


def _xml_structure(shape: StructureShape, element: ElementTree.Element, path: str) -> Iterator[str]:
    members = _members(shape)
    flat = {_flat(name, member): member.member for name, (_, member) in members.items() if _is_flat(member)}
    present = {_tag(child) for child in element}
    yield from (f"{path}.{name}: unknown" for name in sorted(present - members.keys() - flat.keys()))
    for child in element:
        name = _tag(child)
        if member := flat.get(name) or members.get(name, (name, None))[1]:
            yield from _xml(member, child, f"{path}.{name}")
    for serialized, (name, member) in members.items():
        attribute = member.serialization.get("xmlAttribute")
        if name in shape.required_members and serialized not in present and not attribute:
            yield f"{path}.{serialized}: missing"


def _is_flat(member: Shape) -> bool:
    return isinstance(member, ListShape) and bool(member.serialization.get("flattened"))


def _flat(name: str, member: Shape) -> str:
    """The element of each item of a flattened list."""
    return str(member.member.serialization.get("name", name))


def _xml_scalar(shape: Shape, text: str, path: str) -> Iterator[str]:
    kind = shape.type_name
    patterns = {
        "boolean": "true|false",
        "integer": r"-?\d+",
        "long": r"-?\d+",
        "float": r"-?[\d.eE+-]+",
        "double": r"-?[\d.eE+-]+",
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    }
    if kind in patterns and not re.fullmatch(patterns[kind], text):
        yield f"{path}: {text!r} instead of {kind}"
    elif (enum := shape.metadata.get("enum")) and text not in enum:
        yield f"{path}: {text!r} is none of its values"
