"""The containers of functions, as far as they need no engine."""

import importlib
from typing import Any

import pytest

from sandbox.emulator import containers

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
