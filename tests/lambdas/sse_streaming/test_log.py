"""The log is text or JSON, as Lambda says, and its entries are of limited length."""

import json
import logging

import pytest

from sse_streaming import context, log

_log = logging.getLogger("shop")


@pytest.fixture
def entry(capsys):
    """`entry(write, **environment)`: what `write` logs in the invocation `request-1`."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def written(write, **environment):
        log.configure(environment)
        token = context.current.set(context.Context("request-1", 0.0, trace_id="Root=1", tenant_id="blue"))
        try:
            write()
        finally:
            context.current.reset(token)
        return capsys.readouterr().err

    yield written
    root.handlers[:], root.level = before, level


def fail():
    try:
        raise ValueError("x" * 100_000)
    except ValueError:
        _log.exception("It failed")


def test_an_entry_is_text_that_names_the_request(entry):
    text = entry(lambda: _log.warning("Cold"))
    assert text.startswith("[WARNING] ")
    assert text.endswith("Z request-1 Cold\n")


def test_an_entry_is_json_with_the_ids_if_lambdas_log_format_is_json(entry):
    document = json.loads(entry(lambda: _log.warning("Cold"), AWS_LAMBDA_LOG_FORMAT="JSON"))
    assert document.pop("timestamp").endswith("Z")
    assert document == {
        **{"level": "WARNING", "message": "Cold", "logger": "shop"},
        **{"requestId": "request-1", "traceId": "Root=1", "tenantId": "blue"},
    }


def test_an_error_in_json_has_its_type_and_its_stack(entry):
    document = json.loads(entry(fail, AWS_LAMBDA_LOG_FORMAT="JSON"))
    assert document["errorType"] == "Function.ValueError"
    assert "in fail" in document["stackTrace"][-1]


@pytest.mark.parametrize("layout", ["JSON", "Text"])
def test_an_entry_has_a_limited_length(entry, layout):
    assert len(entry(fail, AWS_LAMBDA_LOG_FORMAT=layout)) < 10_000
    assert len(entry(lambda: _log.error("y" * 100_000), AWS_LAMBDA_LOG_FORMAT=layout)) < 10_000


@pytest.mark.parametrize(("level", "expected"), [("TRACE", "ab"), ("DEBUG", "ab"), ("INFO", "b"), ("FATAL", "")])
def test_lambdas_log_level_decides_which_entries_are_written(entry, level, expected):
    def write():
        _log.debug("message-a")
        _log.info("message-b")

    text = entry(write, AWS_LAMBDA_LOG_LEVEL=level)
    assert "".join(letter for letter in "ab" if f"message-{letter}" in text) == expected
