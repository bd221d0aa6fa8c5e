"""The health contract of an image: how a version of it is verified before it serves.

It is the value of the label `lambda.health`, which the bake target of the image sets. It stands in the image, so an old
version keeps its own contract. `docker-bake.hcl` has one of

    {stream = "/path", first = "hello", events = 3, query = {name = "value"}}   its events arrive one by one
    {http = "/health", status = 200, expect = {...}, query = {...}}             it answers a request
    {invoke = {...}, expect = {...}}                                            it handles an event without an error
    {none = "reason"}                                                           it becomes active, and is not called

Each may have `deadline`, the seconds in which the version answers. `events` is 2 without a number, and `first` may be
left out. `expect` is a part of the answer.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from delivery.errors import ConfigurationError

LABEL = "lambda.health"
# The longest time-out of a function: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LONGEST = 900
_Path = Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$")]
_PATH = "a path that begins with `/`, without query"
_OBJECT = "an object"


class _Kind(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    deadline: float | None = Field(None, gt=0, le=_LONGEST, description=f"seconds, above 0 and at most {_LONGEST}")


class _Request(_Kind):
    query: dict[str, str] = Field({}, description='an object of texts, such as {events = "3"}')

    @property
    def target(self) -> str:
        """The path and the query of the request."""
        return f"{self._path}?{urlencode(self.query)}" if self.query else self._path

    @property
    def request(self) -> str:
        """The request, for people."""
        return f"GET {self.target}"

    @property
    def _path(self) -> str:
        raise NotImplementedError


class Stream(_Request):
    """Server-Sent Events that arrive one by one. `first`: the name of the first event; any name without it."""

    path: _Path = Field(alias="stream", description=_PATH)
    first: str | None = Field(None, min_length=1, description="the name of the first event")
    events: int = Field(2, ge=1, description="a whole number, 1 or more")

    @property
    def _path(self) -> str:
        return self.path


class Http(_Request):
    """An answer to GET, as the Function URL would send it. `expect`: a part of its body, which is JSON then."""

    path: _Path = Field(alias="http", description=_PATH)
    status: int = Field(200, ge=100, le=599, description="a status of HTTP, such as 200")
    expect: dict[str, Any] | None = Field(None, description=_OBJECT)

    @property
    def expected(self) -> str:
        """The expected answer, for people."""
        part = f", with {shortened(self.expect)} in the body" if self.expect is not None else ""
        return f"status {self.status}{part}"

    @property
    def _path(self) -> str:
        return self.path


class Invoke(_Kind):
    """The result of one event, which is no function error. `expect`: a part of the result."""

    event: dict[str, Any] = Field(alias="invoke", description=_OBJECT)
    expect: dict[str, Any] | None = Field(None, description=_OBJECT)

    @property
    def request(self) -> str:
        """The event, for people."""
        return f"the event {shortened(self.event)}"

    @property
    def expected(self) -> str:
        """The expected result, for people."""
        return "no error" if self.expect is None else shortened(self.expect)


class Uncalled(_Kind):
    """A version that must not be called to be verified: it becomes active, and that is all."""

    reason: str = Field(alias="none", pattern=r"\S", description="the reason, a text")


Contract = Stream | Http | Invoke | Uncalled

_KINDS: Mapping[str, tuple[type[Stream] | type[Http] | type[Invoke] | type[Uncalled], str]] = {
    "stream": (Stream, '{stream = "/path", first = "hello", events = 3}'),
    "http": (Http, '{http = "/health", status = 200}'),
    "invoke": (Invoke, "{invoke = {Records = []}, expect = {}}"),
    "none": (Uncalled, '{none = "the reason why it must not be called"}'),
}

UNLABELLED = Stream.model_validate(
    {"stream": "/api/v2/stream", "first": "hello", "events": 3, "query": {"events": "3", "interval": "0.1"}}
)
"""The contract of a version that was deployed before images had the label: only one function was shipped then."""


def parse(text: str) -> Contract:
    """The contract in the value of the label. Raises ConfigurationError, which shows a correct line."""
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise _malformed(text, "It is nested too deeply.") from error
    except ValueError as error:
        raise _malformed(text, f"It is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise _malformed(text, "It must be an object.")
    kinds = [kind for kind in _KINDS if kind in document]
    if len(kinds) != 1:
        named = f"It has {' and '.join(kinds)}" if kinds else "It has none of them"
        raise _malformed(text, f"{named}; it must have one of {', '.join(_KINDS)}.")
    model = _KINDS[kinds[0]][0]
    try:
        return model.model_validate(document)
    except ValidationError as error:
        # A misspelt key is unknown, and may be missing: the unknown key is the better message.
        details = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        raise _malformed(text, _reason(model, details), kinds[0]) from None


def missing() -> ConfigurationError:
    """The error for an image without the label."""
    lines = "\n".join(line(kind) for kind in _KINDS)
    why = f"Its label says how a version is verified before it serves. One of these lines in its target:\n{lines}"
    return ConfigurationError(f"The label {LABEL} is missing.", why, line("http"))


def line(kind: str) -> str:
    """A line of docker-bake.hcl that gives a contract of this kind."""
    return f'labels = {{ "{LABEL}" = jsonencode({_KINDS[kind][1]}) }}'


def within(expected: Any, actual: Any) -> bool:
    """Whether `expected` is a part of `actual`; both as JSON has them.

    An object is a part of an object that has its keys, and their values are parts. Lists have the same length. Where an
    object or a list is expected, a text is read as JSON: it is the body of an answer.
    """
    if isinstance(expected, dict | list) and isinstance(actual, str):
        try:
            actual = json.loads(actual)
        except ValueError:
            return False
    if isinstance(expected, dict):
        keys = isinstance(actual, dict) and expected.keys() <= actual.keys()
        return keys and all(within(value, actual[key]) for key, value in expected.items())
    if isinstance(expected, list):
        same = isinstance(actual, list) and len(expected) == len(actual)
        return same and all(map(within, expected, actual))
    return isinstance(expected, bool) == isinstance(actual, bool) and bool(expected == actual)  # in Python, True == 1


def shortened(value: Any, most: int = 300) -> str:
    """A JSON value or a text for people, cut off after `most` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _reason(model: type[_Kind], details: ErrorDetails) -> str:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    key = str(details["loc"][0])
    if key not in fields:
        return f"`{key}` is unknown; known are {', '.join(fields)}."
    value = shortened(json.dumps(details["input"], ensure_ascii=False), 80)
    name = ".".join(map(str, details["loc"]))
    return f"`{name}` is {value}; it must be {fields[key].description}."


def _malformed(text: str, why: str, kind: str = "http") -> ConfigurationError:
    return ConfigurationError(f"The label {LABEL} is malformed: {shortened(text)}", why, line(kind))
