"""The log of a function is read for all its versions, or for one, from a moment on."""

from datetime import UTC, datetime, timedelta

import pytest
from support.aws import FakeAws, refusal
from support.world import FUNCTION

from delivery import clock
from delivery.aws import logs
from delivery.errors import CloudError

NOW = datetime(2026, 11, 27, 0, 5, tzinfo=UTC)  # a copy that started yesterday still writes to its stream


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return FakeAws()


def messages(aws, minutes=10, version=""):
    return [line.message for line in logs.read(aws, FUNCTION, NOW - timedelta(minutes=minutes), version)]


def test_all_versions_are_read_from_a_moment_on(aws):
    aws.logs.write("old", at=NOW.timestamp() - 3600)
    aws.logs.write("one", "1")
    aws.logs.write("two", "2")
    assert messages(aws) == ["one", "two"]


def test_an_entry_has_its_time_its_function_and_its_version(aws):
    aws.logs.write("hello", "7")
    (line,) = logs.read(aws, FUNCTION, NOW - timedelta(minutes=1))
    assert (line.at, line.image, line.version) == (NOW, "sse-streaming", "7")


def test_only_the_streams_of_one_version_are_asked_for(aws):
    """Version 1 is not version 11, and the unpublished function is a version, too."""
    for version in ("1", "11", "$LATEST"):
        aws.logs.write(f"of {version}", version)
    assert messages(aws, version="1") == ["of 1"]
    assert messages(aws, version="$LATEST") == ["of $LATEST"]
    asked = [given["logStreamNamePrefix"] for given in aws.logs.called("filter_log_events")]
    assert asked == [f"2026/11/{day}/[{version}]" for version in ("1", "$LATEST") for day in ("25", "26", "27")]


def test_a_copy_that_started_on_the_day_before_is_read(aws):
    aws.logs.entries["fn"] = [(NOW.timestamp(), f"2026/11/26/[2]{'0' * 32}", "after midnight")]
    assert messages(aws, version="2") == ["after midnight"]


def test_a_function_that_has_never_written_has_no_lines(aws):
    assert messages(aws) == []


def test_a_refusal_names_the_missing_action(aws):
    text = "User: arn is not authorized to perform: logs:FilterLogEvents on resource: arn"
    aws.logs.refuses["filter_log_events"] = refusal("AccessDeniedException", text)
    with pytest.raises(CloudError) as caught:
        messages(aws)
    assert "logs:FilterLogEvents" in caught.value.hint
