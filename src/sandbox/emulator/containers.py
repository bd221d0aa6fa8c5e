"""Containers for a function, each with a Runtime API, in the emulator's own pool; only this module uses the pool.

All functions but `give_back` wait for the Docker engine: call them from a thread.
"""

import contextlib
import datetime
import importlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from docker.errors import DockerException, ImageNotFound

from sandbox.emulator import configuration, environment, logs, runtime_loop
from sandbox.emulator.failures import FunctionError, ThrottledError
from sandbox.emulator.runtime_api import RuntimeApi

_REASONS = {"function": "ReservedFunctionConcurrentInvocationLimitExceeded"}
_LOG_CHARACTERS = 2000
_EXIT_SECONDS = 1.0
_reporting: ContextVar[bool] = ContextVar("sandbox_reporting", default=False)


@dataclass
class Lease:
    """A container that serves only this invocation until it is given back or discarded."""

    record: dict[str, Any]
    slot: str
    entry: dict[str, Any]
    fresh: bool
    since: float = field(default_factory=time.time)

    @property
    def api(self) -> RuntimeApi:
        """The container's Runtime API; its methods run on the loop of `runtime_loop`."""
        api: RuntimeApi = self.entry["runtime_api"]
        return api

    @property
    def address(self) -> str:
        """Host and port of the Runtime API, as the container knows it."""
        return str(self.entry["address"])

    def failure(self) -> FunctionError:
        """Why its connection broke: it exited (with the end of its log), or it ended the answer early."""
        deadline = time.monotonic() + _EXIT_SECONDS
        while _lambda()._is_container_running(self.entry["container"]):
            if time.monotonic() > deadline:
                return FunctionError("Runtime.TruncatedResponse", "The answer ended before its end.")
            time.sleep(0.05)
        return exit_of(
            self.entry["container"].attrs.get("State", {}), logs.text(self.lines())[-_LOG_CHARACTERS:].strip()
        )

    def lines(self) -> list[logs.Line]:
        """The function's output since the lease began; none when the container is removed."""
        since = None if self.fresh else self.since
        try:
            written = self.entry["container"].logs(stdout=True, stderr=True, timestamps=True, since=since)
        except (DockerException, OSError):
            return []
        return logs.parse(written)

    def give_back(self) -> None:
        """Return it to the pool for the next invocation. Does not block."""
        _lambda()._pool_release(self.entry)
        _lambda()._release_execution_slot(self.slot)

    def report(self, request_id: str, seconds: float, lines: list[logs.Line], failed: bool) -> None:
        """Write what Lambda writes after an invocation: the lines in the container's log stream, and the metrics."""
        config = self.record["config"]
        logs.write(config, self.entry["log_stream"], logs.platform(config, request_id, seconds, lines))
        with reporting():
            _lambda()._emit_lambda_metrics(config["FunctionName"], seconds * 1000, failed, throttle=False)

    def discard(self) -> None:
        """Remove it: it exited, hangs, or still works for a client that has disconnected."""
        _lambda()._release_execution_slot(self.slot)
        _lambda()._pool_remove(self.entry)


def take(record: dict[str, Any], tenant: str = "") -> Lease:
    """A warm container of exactly this version and tenant, else a new container.

    Args:
        record: the emulator's record of the function or version, with its `config`.
        tenant: for whom it is invoked; Lambda never shares a container between tenants.

    Raises:
        ThrottledError: all concurrency of the account or the function is in use.
        FunctionError: the engine cannot make the container, mostly because the image is missing.
    """
    svc, config = _lambda(), record["config"]
    svc._ensure_reaper_thread()
    # Upstream finds no reserved concurrency in the record of a version, to which it applies too.
    slot, limit = svc._acquire_execution_slot(svc._functions.get(config["FunctionName"], record), config)
    if slot is None:
        raise ThrottledError(_REASONS.get(limit, "ConcurrentInvocationLimitExceeded"))
    try:
        key = ":".join(filter(None, (tenant, svc._warm_pool_key(config["FunctionName"], config))))
        entry, _ = svc._pool_acquire(key, None)
        if entry is not None:
            return Lease(record, slot, entry, fresh=False)
        return Lease(record, slot, _started(config, key), fresh=True)
    except Exception as error:
        svc._release_execution_slot(slot)
        message = f"No container for {config['ImageUri']}: {error}"
        raise FunctionError("Sandbox.NoContainer", message) from error


def in_scope_of(record: dict[str, Any], call: Any, *args: Any) -> Any:
    """Call with the function's account and region, which the emulator stores in context variables."""
    return _lambda()._run_with_function_config_scope(record, call, *args)


def removed_at_once(_: ModuleType, upstream: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Upstream gives a container two seconds to end. Lambda kills it, and its Runtime API ends with it."""

    def kill(entry: dict[str, Any]) -> None:
        if "runtime_api" not in entry:
            upstream(entry)
            return
        with contextlib.suppress(DockerException, OSError):
            entry["container"].remove(force=True, v=True)
        runtime_loop.call(entry["runtime_api"].close())

    return kill


def counted_once(svc: ModuleType, upstream: Callable[..., None]) -> Callable[..., None]:
    """Upstream counts an invocation where it is asked for; here `Lease.report` counts it, with its duration."""

    def emit(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        image = svc._functions.get(name, {}).get("config", {}).get("PackageType") == "Image"
        if throttle or _reporting.get() or not image:
            upstream(name, duration_ms=duration_ms, error=error, throttle=throttle)

    return emit


@contextlib.contextmanager
def reporting() -> Iterator[None]:
    """In this context, `counted_once` counts the invocations of images."""
    token = _reporting.set(True)
    try:
        yield
    finally:
        _reporting.reset(token)


def _started(config: dict[str, Any], key: str) -> dict[str, Any]:
    """A new container with its Runtime API, as an entry of the pool.

    The API listens at this machine's address on the containers' network. Where nothing can listen there, it listens on
    loopback: an engine in a virtual machine, such as Docker Desktop, forwards `environment.HOST` to our loopback.
    """
    svc, api, host = _lambda(), RuntimeApi(), os.environ.get(configuration.GATEWAY, "")
    port = runtime_loop.call(api.listen(host or "127.0.0.1"))
    now, ident = datetime.datetime.now(datetime.UTC), uuid.uuid4().hex
    place = environment.Place(
        region=svc._account_region_from_function_config(config)[1],
        runtime_api=f"{host or environment.HOST}:{port}",
        endpoint=f"http://{environment.HOST}:{os.environ['GATEWAY_PORT']}",
        log_stream=logs.stream(config.get("Version") or "$LATEST", now, ident),
    )
    try:
        credentials = svc.execution_credentials(config)
        container = _run(environment.options(config, environment.variables(config, place, credentials)), config)
    except BaseException:
        runtime_loop.call(api.close())
        raise
    entry: dict[str, Any] = svc._pool_register(key, container, None)
    entry |= {"runtime_api": api, "address": place.runtime_api, "log_stream": place.log_stream}
    threading.Thread(target=_watch, args=(entry,), daemon=True).start()
    return entry


def _run(options: dict[str, Any], config: dict[str, Any]) -> Any:
    """Start a container of the declared platform; the image is pulled first if the engine does not have it."""
    svc = _lambda()
    client, platform = svc._get_docker_client(), svc._declared_docker_platform(config)
    labels = importlib.import_module("ministack.core.container_reaper").own_labels("lambda")
    try:
        client.images.get(options["image"])
    except ImageNotFound:
        client.images.pull(options["image"], platform=platform)
    return client.containers.run(**options, labels=labels, **({"platform": platform} if platform else {}))


def _watch(entry: dict[str, Any]) -> None:
    """Wait until the container ends. One that nobody uses leaves the pool, as on Lambda."""
    with contextlib.suppress(DockerException, OSError):
        entry["container"].wait()
    runtime_loop.call(entry["runtime_api"].exited())
    if not entry["in_use"]:
        _lambda()._pool_remove(entry)


def exit_of(state: dict[str, Any], log: str) -> FunctionError:
    """What Lambda says about a runtime that exited, with the end of its log."""
    if state.get("OOMKilled"):
        return FunctionError("Runtime.OutOfMemory", f"Runtime exited with error: signal: killed\n{log}".strip())
    code = state.get("ExitCode")
    reason = f"with error: exit status {code}" if code else "without providing a reason"
    return FunctionError("Runtime.ExitError", f"Runtime exited {reason}\n{log}".strip())


def _lambda() -> Any:
    return importlib.import_module("ministack.services.lambda_svc")
