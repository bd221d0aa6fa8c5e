"""`invoke publish` writes each event once, at the next place of the feed that the live version reads."""

import itertools
import json
from datetime import UTC, datetime

import pytest
from support.aws import refusal
from support.clock import Clock
from support.world import world

from delivery import clock
from delivery.aws.feed import Message
from delivery.cli import report
from delivery.commands import publish
from delivery.errors import CloudError, ConfigurationError

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def made(tmp_path):
    made = world(tmp_path)
    made.aws.functions.variables = {"EVENTS_TABLE": "events"}
    return made


def published(made, number=1, **options):
    wanted = publish.parse(**{"event": "order", "data": '{"id": 7}', **options})
    return list(itertools.islice(publish.publish(made.run, (), wanted), number))


def places(made):
    return {place: item["event"]["S"] for place, item in made.aws.dynamodb.items.items()}


@pytest.mark.parametrize("event", ["", "a\rb", "a\nb", "a\0b", "\udcff"], ids=ascii)
def test_an_illegal_name_is_refused_with_an_example(event):
    with pytest.raises(ConfigurationError, match="Malformed --event") as caught:
        publish.parse(event)
    assert (caught.value.exit_code, caught.value.hint) == (2, "--event order")


@pytest.mark.parametrize("event", ["hello", "heartbeat", "reset", "unavailable"])
def test_a_name_that_the_function_sends_itself_is_refused(event):
    with pytest.raises(ConfigurationError, match="Reserved --event"):
        publish.parse(event)


@pytest.mark.parametrize(
    "data", ["{", "order", "NaN", "'a'", '"\udcff"', "[" * 100_000], ids=lambda data: ascii(data)[:9]
)
def test_data_that_is_no_json_is_refused_with_an_example(data):
    with pytest.raises(ConfigurationError, match="Malformed --data") as caught:
        publish.parse("order", data)
    assert caught.value.hint == """--data '{"order": 7}'"""


def test_data_that_dynamodb_cannot_store_as_one_item_is_refused():
    with pytest.raises(ConfigurationError, match="too large"):
        publish.parse("order", json.dumps("x" * 390_000))


@pytest.mark.parametrize("every", ["1", "0s", "0.05s", "25h", "-1s", "soon"])
def test_a_malformed_interval_is_refused_with_an_example(every):
    with pytest.raises(ConfigurationError, match="Malformed --every") as caught:
        publish.parse("order", every=every)
    assert caught.value.hint == "--every 1s"


def test_an_event_gets_the_next_place_which_is_its_id(made):
    assert published(made) == [(1, Message("order", '{"id": 7}'))]
    assert published(made, event="payment") == [(2, Message("payment", '{"id": 7}'))]
    assert places(made) == {1: "order", 2: "payment"}


def test_the_newest_event_never_expires_and_the_one_before_it_a_day_later(made, monkeypatch):
    """So a feed is never empty again, and no id is used twice."""
    published(made, event="first")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    published(made, event="second")
    assert made.aws.dynamodb.items[1]["expires"] == {"N": str(int(NOW.timestamp()) + 86_400)}
    assert "expires" not in made.aws.dynamodb.items[2]


def test_a_writer_whose_place_was_taken_by_another_one_takes_the_next(made):
    other = {"writer": {"S": "another"}, "event": {"S": "theirs"}}
    made.aws.dynamodb.first = [other, other]
    assert [place for place, _ in published(made)] == [3]
    assert places(made) == {1: "theirs", 2: "theirs", 3: "order"}


def test_an_event_whose_answer_was_lost_is_not_written_twice(made):
    """botocore sends the put again, which then finds the place taken by itself."""
    made.aws.dynamodb.first = [{}]
    assert [place for place, _ in published(made)] == [1]
    assert places(made) == {1: "order"}


def test_a_writer_that_always_loses_gives_up(made):
    made.aws.dynamodb.first = [{"writer": {"S": "another"}}] * 1000
    with pytest.raises(CloudError, match="Could not publish") as caught:
        published(made)
    assert caught.value.exit_code == 8


def test_with_an_interval_one_event_follows_the_other_and_the_feed_is_read_once(made, monkeypatch):
    time = Clock().install(monkeypatch)
    began = clock.monotonic()
    events = published(made, 3, data="", every="2s")
    assert [place for place, _ in events] == [1, 2, 3]
    assert time.time - began == pytest.approx(4)
    assert all(datetime.fromisoformat(json.loads(message.data)["time"]) for _, message in events)
    assert len(made.aws.dynamodb.called("query")) == 1


def test_a_missing_table_is_named(made):
    made.aws.dynamodb.refuses["query"] = refusal("ResourceNotFoundException", "Requested resource not found")
    with pytest.raises(CloudError, match="Could not publish an event to events"):
        published(made)


def test_a_function_without_a_feed_is_refused(made):
    made.aws.functions.variables = {}
    with pytest.raises(ConfigurationError, match="No function of sandbox reads events") as caught:
        published(made)
    assert "EVENTS_TABLE" in caught.value.why
    assert made.aws.dynamodb.calls == []


def test_an_event_is_one_line_that_a_terminal_can_print(made):
    (event,) = published(made, data='{\n  "id": "\x7f"\n}')
    assert report.published_line(*event) == '1 order { "id": "\\x7f" }'
    assert [report.published_text(number) for number in (0, 1, 2)] == [
        "0 events published",
        "1 event published",
        "2 events published",
    ]
