"""Describe an exception in the form that the Runtime API accepts."""

import base64
import json
import re
import traceback
from dataclasses import dataclass

_MAX_CHARACTERS = 500
_MAX_FRAMES = 5


@dataclass(frozen=True)
class Failure:
    """A function error: its type (such as `Function.ValueError`), its message, and the frames of its traceback."""

    type: str
    message: str
    stack: tuple[str, ...]

    @property
    def content(self) -> dict[str, object]:
        """The error as an object. Lambda passes it to the caller without a change."""
        return {"errorType": self.type, "errorMessage": self.message, "stackTrace": self.stack}

    @property
    def body(self) -> bytes:
        """The error as JSON."""
        return json.dumps(self.content).encode()

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The trailers of a response that failed midway ("Implementing response streaming in a custom runtime")."""
        return [
            ("Lambda-Runtime-Function-Error-Type", self.type),
            ("Lambda-Runtime-Function-Error-Body", base64.b64encode(self.body).decode()),
        ]


def describe(error: BaseException) -> Failure:
    """Return the failure that describes `error`.

    The failure is cut to a few kilobytes, because trailers are HTTP headers and servers limit the size of headers.
    """
    name = type(error).__name__
    # Lambda accepts the form (Runtime|Function).[A-Z][a-zA-Z]+
    kind = name if re.fullmatch("[A-Z][a-zA-Z]+", name) else "UnhandledError"
    frames = traceback.format_tb(error.__traceback__)[-_MAX_FRAMES:]
    stack = tuple(frame[:_MAX_CHARACTERS] for frame in frames)
    return Failure(f"Function.{kind}", str(error)[:_MAX_CHARACTERS], stack)
