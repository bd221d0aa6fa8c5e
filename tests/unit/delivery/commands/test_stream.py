"""`invoke stream`: the events of a live version, if one of the functions streams."""

import json

import pytest
from support.aws import healthy
from support.build import config
from support.world import OLD_URI, URI, world

from delivery.aws import sse
from delivery.commands import stream
from delivery.errors import ConfigurationError, UnhealthyError


@pytest.fixture
def made(tmp_path):
    result = world(tmp_path)
    result.aws.functions.responses["live"] = healthy("1")
    return result


def requested(made):
    (given,) = made.aws.functions.called("invoke_with_response_stream")
    return given["Qualifier"], json.loads(given["Payload"])


def test_the_live_alias_is_asked_for_as_many_events_one_each_second(made):
    names = [event.name for event in sse.events(stream.open_live(made.run, 10))]
    assert names == ["hello", "heartbeat", "heartbeat"]
    qualifier, event = requested(made)
    assert (qualifier, event["rawPath"]) == ("live", "/api/v2/stream")
    assert event["queryStringParameters"] == {"events": "10", "interval": "1"}


def test_a_stream_of_another_kind_is_opened_with_the_query_of_its_contract(made):
    made.aws.configs[OLD_URI] = config({"stream": "/ticks", "query": {"table": "a"}})
    list(stream.open_live(made.run, 2))
    assert requested(made)[1]["queryStringParameters"] == {"table": "a"}


@pytest.mark.parametrize(
    ("contract", "kind"),
    [({"http": "/", "query": {"a": "b"}}, "http"), ({"invoke": {}, "deadline": 3}, "invoke"), ({"none": "x"}, "none")],
)
def test_without_a_function_that_streams_it_is_refused_and_the_kind_is_named(made, contract, kind):
    made.aws.configs[OLD_URI] = config(contract)
    with pytest.raises(ConfigurationError, match="No function of sandbox streams") as caught:
        stream.open_live(made.run, 10)
    assert caught.value.why == f"sse-streaming is verified otherwise: {kind}"
    assert made.aws.functions.called("invoke_with_response_stream") == []


def test_the_contract_is_that_of_the_live_version_and_not_of_a_newer_one(made):
    made.aws.configs[URI] = config({"none": "x"})
    made.aws.functions.images["2"] = URI
    assert next(iter(stream.open_live(made.run, 1)))


def test_before_the_first_release_nothing_is_live(made):
    made.aws.functions.live = ""
    with pytest.raises(UnhealthyError, match="No version of fn is live"):
        stream.open_live(made.run, 1)
