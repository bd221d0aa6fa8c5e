"""What an invocation leaves in CloudWatch Logs."""

import datetime
import importlib
from typing import Any

from support.emulator import names

from sandbox.emulator import logs
from sandbox.emulator.logs import Line

cloudwatch_logs: Any = importlib.import_module("ministack.services.cloudwatch_logs")
OUTPUT = b"2026-01-02T03:04:05.678901234Z first\n2026-01-02T03:04:06Z \nno time\n"


def test_each_line_of_a_container_has_its_own_time() -> None:
    second = 1767323045
    assert logs.parse(OUTPUT) == [Line(second * 1000 + 678, "first"), Line(second * 1000 + 1000, "")]
    assert logs.text(logs.parse(OUTPUT)) == "first\n"


def test_a_log_stream_has_the_day_the_version_and_the_container() -> None:
    now = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    assert logs.stream("7", now, "abc") == "2026/01/02/[7]abc"


def test_the_lines_of_a_function_stand_between_those_of_lambda() -> None:
    lines = logs.platform({"Version": "7", "MemorySize": 256}, "id", 0.5, [Line(1000, "mine")])
    assert [line.text.split("\t")[0] for line in lines] == [
        "START RequestId: id Version: 7",
        "mine",
        "END RequestId: id",
        "REPORT RequestId: id",
    ]
    assert lines[0].milliseconds == 1000
    assert "Memory Size: 256 MB" in lines[-1].text


def test_the_lines_are_added_to_the_containers_stream_of_the_functions_group() -> None:
    config, now = {"FunctionName": next(names)}, int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
    for text in ("first", "second"):
        logs.write(config, "2026/01/02/[7]abc", [Line(now, text)])
    (stream,) = cloudwatch_logs._log_groups[f"/aws/lambda/{config['FunctionName']}"]["streams"].items()
    assert (stream[0], [event["message"] for event in stream[1]["events"]]) == (
        "2026/01/02/[7]abc",
        ["first", "second"],
    )
