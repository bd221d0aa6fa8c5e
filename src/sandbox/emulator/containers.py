"""Containers for a function, from the emulator's own pool; only this module uses the pool's private functions.

All functions but `give_back` wait for the Docker engine: call them from a thread.
"""

import importlib
import time
from dataclasses import dataclass, field
from typing import Any

from docker.errors import DockerException

_REASONS = {"function": "ReservedFunctionConcurrentInvocationLimitExceeded"}
_LOG_CHARACTERS = 2000


class FunctionError(Exception):
    """The function failed; `kind` is Lambda's errorType, such as Sandbox.Timedout."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


class ThrottledError(Exception):
    """All concurrency is in use; `reason` is that of TooManyRequestsException."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Lease:
    """A container that serves only this invocation until it is given back or discarded."""

    record: dict[str, Any]
    slot: str
    entry: dict[str, Any]
    fresh: bool
    since: float = field(default_factory=time.time)

    def address(self) -> tuple[str, int] | None:
        """Host and port of its invoke route, by the emulator's own rule; None when it does not run."""
        container = self.entry["container"]
        if not _lambda()._is_container_running(container):
            return None
        networks = container.attrs["NetworkSettings"]["Networks"].values()
        addresses = [network["IPAddress"] for network in networks if network.get("IPAddress")]
        published = container.ports.get("8080/tcp")
        if addresses and (_lambda()._running_in_container() or not published):
            return addresses[0], 8080
        return ("127.0.0.1", int(published[0]["HostPort"])) if published else None

    def failure(self) -> FunctionError:
        """Why its connection broke: it exited (with the end of its log), or it ended the answer early."""
        deadline = time.monotonic() + 1
        while self.address() is not None:
            if time.monotonic() > deadline:
                return FunctionError("Runtime.TruncatedResponse", "The answer ended before its end.")
            time.sleep(0.05)
        state = self.entry["container"].attrs.get("State", {})
        log = self.log()[-_LOG_CHARACTERS:].strip()
        message = f"Runtime exited with exit status {state.get('ExitCode')}\n{log}".strip()
        return FunctionError("Runtime.ExitError", message)

    def log(self) -> str:
        """The function's output since the lease began; "" when the container is removed."""
        since = None if self.fresh else self.since
        try:
            written: bytes = self.entry["container"].logs(stdout=True, stderr=True, since=since)
        except (DockerException, OSError):
            return ""
        return written.decode(errors="replace")

    def give_back(self) -> None:
        """Return it to the pool for the next invocation. Does not block."""
        _lambda()._pool_release(self.entry)
        _lambda()._release_execution_slot(self.slot)

    def report(self, request_id: str, seconds: float, log: str, failed: bool) -> None:
        """Write what Lambda writes after an invocation: a log stream with START, END and REPORT, and the metrics."""
        name = self.record["config"]["FunctionName"]
        _lambda()._emit_lambda_logs(self.record, request_id, log, failed, int(seconds * 1000))
        _lambda()._emit_lambda_metrics(name, duration_ms=seconds * 1000, error=failed, throttle=False)

    def discard(self) -> None:
        """Remove it: it exited, hangs, or still works for a client that has disconnected."""
        _lambda()._release_execution_slot(self.slot)
        _lambda()._pool_remove(self.entry)


def take(record: dict[str, Any]) -> Lease:
    """A warm container of exactly this version, else a new container.

    Args:
        record: the emulator's record of the function or version, with its `config`.

    Raises:
        ThrottledError: all concurrency of the account or the function is in use.
        FunctionError: the engine cannot make the container, mostly because the image is missing.
    """
    svc, config = _lambda(), record["config"]
    svc._ensure_reaper_thread()
    slot, limit = svc._acquire_execution_slot(record, config)
    if slot is None:
        raise ThrottledError(_REASONS.get(limit, "ConcurrentInvocationLimitExceeded"))
    try:
        key = svc._warm_pool_key(config["FunctionName"], config)
        entry, _ = svc._pool_acquire(key, None)
        if entry is not None:
            return Lease(record, slot, entry, fresh=False)
        container, folder = svc._spawn_lambda_container(config, record.get("code_zip"))
        return Lease(record, slot, svc._pool_register(key, container, folder), fresh=True)
    except Exception as error:
        svc._release_execution_slot(slot)
        message = f"No container for {config['ImageUri']}: {error}"
        raise FunctionError("Sandbox.NoContainer", message) from error


def in_scope_of(record: dict[str, Any], call: Any, *args: Any) -> Any:
    """Call with the function's account and region, which the emulator stores in context variables."""
    return _lambda()._run_with_function_config_scope(record, call, *args)


def _lambda() -> Any:
    return importlib.import_module("ministack.services.lambda_svc")
