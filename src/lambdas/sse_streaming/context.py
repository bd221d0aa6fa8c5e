"""What Lambda says about an invocation beside its payload."""

import time
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """The ids and the deadline of an invocation; the names are those of AWS's context object for Python.

    `trace_id` is X-Ray's header, `tenant_id` that of a function with tenant isolation; both "" if Lambda sent none.
    `deadline`: the time at which Lambda stops the invocation, in seconds since the epoch.
    Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes", "Next invocation".
    """

    aws_request_id: str
    deadline: float
    invoked_function_arn: str = ""
    trace_id: str = ""
    tenant_id: str = ""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the deadline, at least 0."""
        return max(0, int((self.deadline - time.time()) * 1000))


current: ContextVar[Context | None] = ContextVar("current", default=None)
"""The invocation that the running task answers; None outside of one."""
