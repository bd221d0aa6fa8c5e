"""A stream with a table gives each event of the feed once, in order, and resumes after the client's last one."""

import asyncio
import json
import logging
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
from support.function.fake_dynamodb import KEYS, FakeDynamoDB

from sse_streaming import feed, settings
from sse_streaming.dynamodb import EventTable
from sse_streaming.settings import Identity
from sse_streaming.sse import Event

pytestmark = pytest.mark.anyio
NEVER = 60.0
HELLO = '{"version": "7"}'


@pytest.fixture
async def dynamodb():
    async with FakeDynamoDB() as fake:
        yield fake


def table(endpoint, **keys):
    variables = {"EVENTS_TABLE": "events", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint}
    return EventTable(settings.load(variables).table, keys or KEYS)


@asynccontextmanager
async def stream(source, last=None, interval=NEVER):
    """`read(n)`: the next n events of a stream, which a client opens with `last` as its last id."""
    async with asyncio.timeout(10), aclosing(feed.Feed(source, 0.01).events(Identity("7"), interval, last)) as events:

        async def read(number):
            return [await anext(events) for _ in range(number)]

        yield read


async def received(dynamodb, number, last=None):
    async with stream(table(dynamodb.endpoint), last) as read:
        return await read(number)


def message(number):
    return Event("message", f"event {number}", str(number))


def put(dynamodb, *numbers):
    dynamodb.put(*(("message", f"event {number}") for number in numbers))


async def test_hello_carries_the_place_of_the_newest_event_and_what_is_published_then_follows(dynamodb):
    put(dynamodb, 1, 2)
    async with stream(table(dynamodb.endpoint)) as read:
        assert await read(1) == [Event("hello", HELLO, "2")]
        put(dynamodb, 3, 4)
        assert await read(2) == [message(3), message(4)]
        put(dynamodb, 5)
        assert await read(1) == [message(5)]


async def test_a_client_resumes_after_its_last_event_and_gets_each_later_one_once(dynamodb):
    put(dynamodb, *range(1, 251))
    events = await received(dynamodb, 248, "3")
    assert events == [Event("hello", HELLO, "3"), *map(message, range(4, 251))]


async def test_a_client_that_missed_nothing_resumes_at_the_newest_event(dynamodb):
    put(dynamodb, 1, 2)
    async with stream(table(dynamodb.endpoint), "2") as read:
        await read(1)
        put(dynamodb, 3)
        assert await read(1) == [message(3)]


async def test_a_client_of_an_empty_feed_has_the_id_0_and_resumes_with_the_first_event(dynamodb):
    assert await received(dynamodb, 1) == [Event("hello", HELLO, "0")]
    put(dynamodb, 1)
    assert await received(dynamodb, 2, "0") == [Event("hello", HELLO, "0"), message(1)]


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("2", "too old"),
        ("7", "unknown"),
        ("9" * 16, "unknown"),
        ("9" * 17, "malformed"),
        ("-1", "malformed"),
        ("5.0", "malformed"),
        ("٣", "malformed"),
        ("x" * 1_000_000, "malformed"),
    ],
    ids=lambda value: value[:8],
)
async def test_an_id_that_cannot_be_resumed_after_is_a_reset_to_the_newest_event(dynamodb, last, reason):
    """Events 1 to 3 have expired: after 2, an event is missing."""
    put(dynamodb, *range(1, 6))
    del dynamodb.items[1], dynamodb.items[2], dynamodb.items[3]
    hello, reset = await received(dynamodb, 2, last)
    assert (hello.event, hello.id, reset.event, reset.id) == ("hello", "5", "reset", "5")
    assert json.loads(reset.data) == {"last": last[:64], "reason": reason}


async def test_after_a_reset_the_stream_goes_on(dynamodb):
    put(dynamodb, 1)
    async with stream(table(dynamodb.endpoint), "x") as read:
        await read(2)
        put(dynamodb, 2)
        assert await read(1) == [message(2)]


async def test_an_event_that_expires_while_a_stream_is_open_is_a_reset(dynamodb):
    put(dynamodb, 1)
    async with stream(table(dynamodb.endpoint)) as read:
        await read(1)
        put(dynamodb, 2, 3, 4)
        del dynamodb.items[3]
        assert await read(1) == [message(2)]
        (reset,) = await read(1)
        assert (reset.event, reset.id) == ("reset", "4")


async def test_a_read_that_is_behind_delays_an_event_and_loses_none(dynamodb):
    put(dynamodb, 1)
    async with stream(table(dynamodb.endpoint)) as read:
        await read(1)
        dynamodb.hidden = 1
        put(dynamodb, 2, 3)
        assert await read(1) == [message(2)]
        dynamodb.hidden = 0
        assert await read(1) == [message(3)]


async def test_pages_of_a_megabyte_follow_each_other_without_a_pause(dynamodb):
    dynamodb.put(*(("large", "x" * 300_000) for _ in range(20)))
    source = feed.Feed(table(dynamodb.endpoint), poll=NEVER)
    async with asyncio.timeout(20), aclosing(source.events(Identity("7"), NEVER, "0")) as events:
        assert [(await anext(events)).id for _ in range(21)] == [str(number) for number in range(21)]


async def test_a_read_that_finds_nothing_costs_half_a_read_unit(dynamodb):
    put(dynamodb, 1)
    async with stream(table(dynamodb.endpoint), interval=0.2) as read:
        await read(2)
    opening, *polls = dynamodb.units
    assert opening == 1.0
    assert len(polls) > 3
    assert set(polls) == {0.5}


async def test_all_reads_use_one_connection(dynamodb):
    put(dynamodb, *range(1, 251))
    await received(dynamodb, 251, "0")
    assert len(dynamodb.units) >= 4
    assert dynamodb.connections == 1


async def test_a_kept_connection_that_the_server_has_closed_is_replaced(dynamodb):
    dynamodb.close_after_answer = True
    async with stream(table(dynamodb.endpoint)) as read:
        await read(1)
        put(dynamodb, 1)
        assert await read(1) == [message(1)]
    assert dynamodb.connections > 1


@pytest.mark.parametrize(
    "failure", ["ResourceNotFoundException", "ProvisionedThroughputExceededException", "InternalServerError"]
)
async def test_a_table_that_fails_leaves_the_stream_alive_which_says_so_once(dynamodb, failure, caplog):
    dynamodb.failures = [failure] * 4
    with caplog.at_level(logging.WARNING):
        async with stream(table(dynamodb.endpoint), interval=0.02) as read:
            events = await read(6)
    assert [event.event for event in events] == ["hello", "unavailable", *["heartbeat"] * 4]
    assert (events[0].id, json.loads(events[1].data)) == (None, {"reason": failure})
    assert [failure in line for line in caplog.messages] == [True]


async def test_a_client_that_resumes_while_the_table_fails_keeps_its_place_and_loses_no_event(dynamodb):
    put(dynamodb, 1, 2, 3)
    dynamodb.failures = ["ThrottlingException"] * 3
    async with stream(table(dynamodb.endpoint), "1") as read:
        hello, unavailable, *events = await read(4)
    assert (hello.id, unavailable.event) == ("1", "unavailable")
    assert events == [message(2), message(3)]


async def test_a_table_that_fails_in_the_middle_of_a_stream_loses_no_event(dynamodb):
    async with stream(table(dynamodb.endpoint)) as read:
        await read(1)
        dynamodb.failures = ["ThrottlingException"] * 2
        put(dynamodb, 1)
        unavailable, event = await read(2)
        assert (unavailable.event, event) == ("unavailable", message(1))


async def test_a_table_that_does_not_answer_delays_no_heartbeat(dynamodb):
    async with stream(table(dynamodb.endpoint), interval=0.05) as read:
        await read(1)
        dynamodb.failures = ["hang"]
        start = asyncio.get_running_loop().time()
        assert {event.event for event in await read(10)} == {"heartbeat"}
        assert asyncio.get_running_loop().time() - start < 2


async def test_without_credentials_hello_comes_at_once(dynamodb):
    async with stream(table(dynamodb.endpoint, NONE="")) as read:
        hello, unavailable = await read(2)
    assert (hello, json.loads(unavailable.data)) == (Event("hello", HELLO), {"reason": "there are no AWS credentials"})


async def test_without_a_region_the_stream_says_so():
    """Lambda sets it. The check of an image before it is pushed has no region and no credentials."""
    without = EventTable(settings.load({"EVENTS_TABLE": "events"}).table, {})
    async with stream(without) as read:
        _, unavailable = await read(2)
    assert json.loads(unavailable.data) == {"reason": "AWS_REGION is not set"}


async def test_without_a_server_the_stream_says_so():
    async with stream(table("http://127.0.0.1:1")) as read:
        _, unavailable = await read(2)
    assert "no answer from DynamoDB" in json.loads(unavailable.data)["reason"]


@pytest.mark.parametrize("minutes", [-90, 90])
async def test_a_wrong_clock_of_the_function_is_corrected_by_that_of_dynamodb(dynamodb, minutes, caplog):
    dynamodb.skew = timedelta(minutes=minutes)
    put(dynamodb, 1)
    with caplog.at_level(logging.WARNING):
        async with stream(table(dynamodb.endpoint), interval=0.05) as read:
            events = await read(3)
    assert [event.event for event in events] == ["hello", "heartbeat", "heartbeat"]
    assert events[0].id == "1"
    assert len(caplog.messages) == 1


async def test_an_item_that_no_event_could_have_is_sent_as_one(dynamodb):
    """Otherwise each stream that comes to it would break off there, for ever."""
    dynamodb.items = {1: {"event": {"S": "a\r\nid: 9\0"}, "data": {"N": "1"}}, 2: {}}
    events = await received(dynamodb, 3, "0")
    assert events[1:] == [Event("aid: 9", "", "1"), Event("message", "", "2")]


async def test_the_credentials_of_a_provider_are_asked_for_once():
    requests = []

    async def serve(reader, writer):
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        names = dict(zip(KEYS.values(), ("AccessKeyId", "SecretAccessKey", "Token"), strict=True))
        body = json.dumps({name: key for key, name in names.items()} | {"Expiration": "2100-01-01T00:00:00Z"}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    provider = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": address, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "opaque"}
    async with server, FakeDynamoDB() as dynamodb, stream(table(dynamodb.endpoint, **provider)) as read:
        await read(1)
        put(dynamodb, 1)
        await read(1)
    assert len(dynamodb.units) > 1
    assert len(requests) == 1
    assert requests[0].startswith(b"GET /keys HTTP/1.1\r\n")
    assert b"authorization: opaque" in requests[0]
