"""How an invocation fails."""

import json


class FunctionError(Exception):
    """The function failed.

    Attributes:
        kind: Lambda's errorType, such as Sandbox.Timedout.
        message: Lambda's errorMessage.
        payload: the JSON document that the caller gets; what the runtime reported, byte for byte, if it reported.
        usable: whether the runtime can take the next invocation.
        log: what the function had written until then.
    """

    def __init__(self, kind: str, message: str, payload: bytes = b"", usable: bool = False) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.payload = payload or json.dumps({"errorType": kind, "errorMessage": message}).encode()
        self.usable = usable
        self.log = ""

    @classmethod
    def reported(cls, kind: str, payload: bytes, usable: bool = True) -> "FunctionError":
        """The error that a runtime reported; `kind` is its header Lambda-Runtime-Function-Error-Type."""
        try:
            document = dict(json.loads(payload))
        except (ValueError, TypeError):
            return cls(kind or "Runtime.Unknown", payload[:500].decode(errors="replace"), usable=usable)
        kind = kind or str(document.get("errorType") or "Runtime.Unknown")
        return cls(kind, str(document.get("errorMessage", "")), payload, usable)


class BrokenError(Exception):
    """The runtime exited, or closed its connection in the middle of an answer; its container knows the reason."""


class ThrottledError(Exception):
    """All concurrency is in use; `reason` is that of TooManyRequestsException."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
