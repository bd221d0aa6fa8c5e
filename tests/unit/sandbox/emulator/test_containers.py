"""The containers of functions, as far as they need no engine."""

import importlib
import threading
from typing import Any

import pytest

from sandbox.emulator import configuration, containers, environment
from sandbox.emulator.failures import FunctionError, ThrottledError

functions: Any = importlib.import_module("ministack.services.lambda_svc")


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"ExitCode": 3}, "Runtime.ExitError: Runtime exited with error: exit status 3\nits last line"),
        ({"ExitCode": 0}, "Runtime.ExitError: Runtime exited without providing a reason\nits last line"),
        (
            {"ExitCode": 137, "OOMKilled": True},
            "Runtime.OutOfMemory: Runtime exited with error: signal: killed\nits last line",
        ),
    ],
)
def test_a_runtime_that_exits_is_an_error_with_its_reason_and_its_last_lines(state: dict[str, Any], error: str) -> None:
    assert str(containers.exit_of(state, "its last line")) == error


def test_an_invocation_of_an_image_is_counted_once_with_its_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, float]] = []
    emit = containers.counted_once(functions, lambda name, duration_ms, **_: counted.append((name, duration_ms)))
    kinds = {"image": {"config": {"PackageType": "Image"}}, "zip": {"config": {"PackageType": "Zip"}}}
    monkeypatch.setattr(functions, "_functions", kinds)
    for name in kinds:
        emit(name, duration_ms=0.0, error=False, throttle=False)
    assert counted == [("zip", 0.0)], "that of the image is not counted where it is asked for"
    with containers.reporting():
        emit("image", duration_ms=12.5, error=False, throttle=False)
    emit("image", duration_ms=0.0, error=False, throttle=True)
    assert counted[1:] == [("image", 12.5), ("image", 0.0)]


ARN = "arn:aws:lambda:eu-west-1:000000000000:function:f"
CONFIG = {"FunctionName": "f", "FunctionArn": ARN, "Version": "1", "PackageType": "Image", "ImageUri": "r/app@sha256:1"}


class FakeEngine:
    """Docker's SDK with one image, whose containers run until they are removed."""

    def __init__(self, image: str) -> None:
        self.images, self.containers = self, self
        self.image, self.started, self.removed = image, dict[str, Any](), threading.Event()

    def get(self, name: str) -> None:
        assert name == self.image

    def run(self, **options: Any) -> "FakeEngine":
        if "refused" in options["environment"]:
            raise OSError("no space left on device")
        self.started = options
        return self

    def wait(self) -> None:
        assert self.removed.wait(10)

    def remove(self, **_: Any) -> None:
        self.removed.set()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(CONFIG["ImageUri"])
    monkeypatch.setattr(functions, "_get_docker_client", lambda: fake)
    monkeypatch.setenv("GATEWAY_PORT", "4999")
    return fake


@pytest.mark.parametrize(("gateway", "host"), [("127.0.0.1", "127.0.0.1"), ("", environment.HOST)])
def test_a_container_reaches_its_runtime_api_at_the_gateway_or_by_this_machines_name(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, gateway: str, host: str
) -> None:
    monkeypatch.setenv(configuration.GATEWAY, gateway)
    lease = containers.take({"config": CONFIG}, tenant="t")
    variables = engine.started["environment"]
    assert variables["AWS_LAMBDA_RUNTIME_API"] == lease.address
    assert lease.address.startswith(f"{host}:")
    assert variables["AWS_ENDPOINT_URL"] == f"http://{environment.HOST}:4999"
    assert variables["AWS_REGION"] == "eu-west-1"
    assert engine.started["extra_hosts"] == {environment.HOST: "host-gateway"}
    assert engine.started["labels"]["ministack"] == "lambda"
    containers.removed_at_once(functions, lambda _: None)(lease.entry)
    assert engine.removed.is_set()
    lease.discard()


@pytest.mark.usefixtures("engine")
def test_a_container_that_the_engine_refuses_is_an_error_that_names_the_image() -> None:
    config = {**CONFIG, "Environment": {"Variables": {"refused": "1"}}}
    with pytest.raises(FunctionError, match=r"No container for r/app@sha256:1: no space left on device") as caught:
        containers.take({"config": config})
    assert caught.value.kind == "Sandbox.NoContainer"
    assert functions.executions_in_flight() == (0, {})


def test_the_reserved_concurrency_of_a_function_holds_for_its_versions(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "_functions", {"f": {"config": CONFIG, "concurrency": 0}})
    with pytest.raises(ThrottledError):
        containers.take({"config": CONFIG})
    assert not engine.started
