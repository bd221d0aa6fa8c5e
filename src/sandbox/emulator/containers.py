"""Containers to run a function in, from the emulator's own pool; the one place that knows how it keeps them.

Everything here blocks on the Docker engine: call it from a thread, but for `give_back`.
"""

import importlib
import time
from dataclasses import dataclass, field
from typing import Any

from docker.errors import DockerException

_REASON = {"function": "ReservedFunctionConcurrentInvocationLimitExceeded"}
_LAST_WORDS = 2000


class FunctionError(Exception):
    """The function did not answer as it should; `kind` is Lambda's errorType, like Sandbox.Timedout."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


class ThrottledError(Exception):
    """No concurrency left; `reason` as TooManyRequestsException gives it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Lease:
    """A container that serves nobody else until it is given back or discarded."""

    record: dict[str, Any]
    slot: str
    entry: dict[str, Any]
    fresh: bool
    since: float = field(default_factory=time.time)

    def address(self) -> tuple[str, int] | None:
        """Host and port of its invoke route; None when it does not run. The emulator's own rule."""
        container = self.entry["container"]
        if not _svc()._is_container_running(container):
            return None
        networks = container.attrs["NetworkSettings"]["Networks"].values()
        addresses = [network["IPAddress"] for network in networks if network.get("IPAddress")]
        published = container.ports.get("8080/tcp")
        if addresses and (_svc()._running_in_container() or not published):
            return addresses[0], 8080
        return ("127.0.0.1", int(published[0]["HostPort"])) if published else None

    def autopsy(self) -> FunctionError:
        """Why the connection to it broke: it exited (with its last words), or it cut the answer short."""
        deadline = time.monotonic() + 1
        while self.address() is not None:
            if time.monotonic() > deadline:
                return FunctionError("Runtime.TruncatedResponse", "The answer ended before its end.")
            time.sleep(0.05)
        state = self.entry["container"].attrs.get("State", {})
        words = self.log()[-_LAST_WORDS:].strip()
        return FunctionError(
            "Runtime.ExitError", f"Runtime exited with exit status {state.get('ExitCode')}\n{words}".strip()
        )

    def log(self) -> str:
        """What the function wrote since the lease began; "" when the container is gone."""
        since = None if self.fresh else self.since
        try:
            written: bytes = self.entry["container"].logs(stdout=True, stderr=True, since=since)
        except (DockerException, OSError):
            return ""
        return written.decode(errors="replace")

    def give_back(self) -> None:
        """The next invocation may have it. Does not block."""
        _svc()._pool_release(self.entry)
        _svc()._release_execution_slot(self.slot)

    def report(self, request_id: str, seconds: float, log: str, failed: bool) -> None:
        """What Lambda leaves of an invocation: a log stream with START, END and REPORT, and the metrics."""
        name = self.record["config"]["FunctionName"]
        _svc()._emit_lambda_logs(self.record, request_id, log, failed, int(seconds * 1000))
        _svc()._emit_lambda_metrics(name, duration_ms=seconds * 1000, error=failed, throttle=False)

    def discard(self) -> None:
        """Nobody may have it: it died, hangs, or still works for somebody who left."""
        _svc()._release_execution_slot(self.slot)
        _svc()._pool_remove(self.entry)


def take(record: dict[str, Any]) -> Lease:
    """A warm container for exactly this version, else a new one.

    Args:
        record: the emulator's record of the function or version, with its `config`.

    Raises:
        ThrottledError: the account's or the function's concurrency is used up.
        FunctionError: the engine cannot make the container, mostly because the image is not there.
    """
    svc, config = _svc(), record["config"]
    svc._ensure_reaper_thread()
    slot, limit = svc._acquire_execution_slot(record, config)
    if slot is None:
        raise ThrottledError(_REASON.get(limit, "ConcurrentInvocationLimitExceeded"))
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
    """Call with the account and region of the function, which the emulator keeps in context variables."""
    return _svc()._run_with_function_config_scope(record, call, *args)


def _svc() -> Any:
    return importlib.import_module("ministack.services.lambda_svc")
