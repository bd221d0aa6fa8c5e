"""An exception as the Runtime API wants to hear of it."""

import base64
import json
import re
import traceback
from dataclasses import dataclass

_MOST_CHARACTERS = 500
_MOST_FRAMES = 5


@dataclass(frozen=True)
class Failure:
    """A function error: its type (`Function.ValueError`), its message, and where it happened."""

    type: str
    message: str
    stack: tuple[str, ...]

    @property
    def content(self) -> dict[str, object]:
        """The object Lambda hands to the caller as it is."""
        return {"errorType": self.type, "errorMessage": self.message, "stackTrace": self.stack}

    @property
    def body(self) -> bytes:
        """The content as JSON."""
        return json.dumps(self.content).encode()

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """What ends a response that failed midway ("Implementing response streaming in a custom runtime")."""
        return [
            ("Lambda-Runtime-Function-Error-Type", self.type),
            ("Lambda-Runtime-Function-Error-Body", base64.b64encode(self.body).decode()),
        ]


def describe(error: BaseException) -> Failure:
    """Return the failure; its size is bounded, since trailers are headers and headers have limits."""
    name = type(error).__name__
    # The form Lambda accepts: (Runtime|Function).[A-Z][a-zA-Z]+
    kind = name if re.fullmatch("[A-Z][a-zA-Z]+", name) else "UnhandledError"
    frames = traceback.format_tb(error.__traceback__)[-_MOST_FRAMES:]
    stack = tuple(frame[:_MOST_CHARACTERS] for frame in frames)
    return Failure(f"Function.{kind}", str(error)[:_MOST_CHARACTERS], stack)
