"""What Lambda tells a process in its environment variables about the way it runs the process."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Execution:
    """How Lambda runs this process.

    `function`, `version`: the name of the function and the number of its version. `concurrency`: how many invocations
    Lambda gives the process at a time; more than 1 only on Lambda Managed Instances. `snapshot`: Lambda takes a
    snapshot of the started process and restores it later (SnapStart).
    """

    function: str = "unknown"
    version: str = "unknown"
    concurrency: int = 1
    snapshot: bool = False


def load(environment: Mapping[str, str]) -> Execution:
    """Return how Lambda runs the process.

    Sources: Lambda developer guide, "Defined runtime environment variables", "Lambda Managed Instances runtimes"
    (AWS_LAMBDA_MAX_CONCURRENCY) and "Implementing SnapStart hooks for container images".
    """
    return Execution(
        function=environment.get("AWS_LAMBDA_FUNCTION_NAME") or "unknown",
        version=environment.get("AWS_LAMBDA_FUNCTION_VERSION") or "unknown",
        concurrency=max(1, int(environment.get("AWS_LAMBDA_MAX_CONCURRENCY") or 1)),
        snapshot=environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
    )
