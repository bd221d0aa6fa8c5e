"""DynamoDB's Query on the table of events.

Source: DynamoDB developer guide, "DynamoDB low-level API"; API reference, Query. botocore would do the same: importing
it and making its client costs more CPU than the start of the whole function (docs/performance.md).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from sse_streaming.credentials import CredentialsError, CredentialsProvider
from sse_streaming.http_client import Answer, HttpClient, Request
from sse_streaming.settings import Table
from sse_streaming.signature import Scope, sign

_SECONDS = 3.0
# AWS refuses a signature whose time is five minutes off.
_TOLERATED = timedelta(minutes=4)

_log = logging.getLogger(__name__)


class TableError(Exception):
    """The table did not answer. The message is the reason, such as `ResourceNotFoundException`."""


@dataclass(frozen=True)
class Item:
    """A stored event. `seq` is its place in the feed: 1, 2, 3, ..."""

    seq: int
    event: str
    data: str


@dataclass(frozen=True)
class Page:
    """The items of one answer in order. `more`: the table may have items after them."""

    items: tuple[Item, ...]
    more: bool = False


class EventTable:
    """The table that the settings name. Its methods may run at the same time. They raise TableError."""

    def __init__(self, table: Table, environment: Mapping[str, str]) -> None:
        self._table = table
        self._client = HttpClient(table.endpoint, _SECONDS)
        self._credentials = CredentialsProvider(environment)
        self._skew = timedelta()

    async def newest(self, feed: str) -> int:
        """Return `seq` of the newest event, 0 without any. It costs one read request unit."""
        page = await self._query(_key(feed), {"Limit": 1, "ScanIndexForward": False, "ConsistentRead": True})
        return page.items[0].seq if page.items else 0

    async def after(self, feed: str, seq: int, limit: int, consistent: bool = False) -> Page:
        """Return the events after `seq`, at most `limit` and at most 1 MB of them.

        Without `consistent` an empty answer costs half a read request unit, and may lack what was just written.
        """
        return await self._query(_key(feed, seq), {"Limit": limit, "ConsistentRead": consistent})

    async def _query(self, key: dict[str, Any], options: dict[str, Any]) -> Page:
        body = json.dumps({"TableName": self._table.name, **key, **options}).encode()
        answer = await self._send(body)
        if answer.status != 200 and self._clock_is_wrong(answer):
            answer = await self._send(body)
        try:
            document = json.loads(answer.body)
            if answer.status != 200:
                raise TableError(str(document["__type"]).rpartition("#")[2])
            return Page(tuple(map(_item, document["Items"])), "LastEvaluatedKey" in document)
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(f"DynamoDB answered {answer.status}") from error

    async def _send(self, body: bytes) -> Answer:
        if not self._table.region:  # Lambda sets it, and the emulator of the start check does not
            raise TableError("AWS_REGION is not set")
        headers = {"host": self._client.host, "x-amz-target": "DynamoDB_20120810.Query"}
        scope = Scope(self._table.region, "dynamodb")
        try:
            credentials = await self._credentials.get()
            signed = sign(credentials, scope, headers, body, datetime.now(UTC) + self._skew)
            kept = [(name, value) for name, value in signed if name != "host"]
            kept.append(("content-type", "application/x-amz-json-1.0"))
            return await self._client.send(Request("POST", "/", kept, body))
        except CredentialsError as error:
            raise TableError(str(error)) from error
        except OSError as error:
            raise TableError(f"no answer from DynamoDB ({type(error).__name__})") from error

    def _clock_is_wrong(self, answer: Answer) -> bool:
        """Whether this clock differs from that of DynamoDB, which then counts."""
        try:
            skew = parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)
        except (KeyError, TypeError, ValueError):
            return False
        if abs(skew - self._skew) < _TOLERATED:
            return False
        self._skew = skew
        _log.warning("The clock of this function is %.0f s off that of DynamoDB.", skew.total_seconds())
        return True


def _key(feed: str, after: int | None = None) -> dict[str, Any]:
    values: dict[str, dict[str, str]] = {":feed": {"S": feed}}
    if after is None:
        return {"KeyConditionExpression": "feed = :feed", "ExpressionAttributeValues": values}
    values[":seq"] = {"N": str(after)}
    return {"KeyConditionExpression": "feed = :feed AND seq > :seq", "ExpressionAttributeValues": values}


def _item(attributes: Mapping[str, Mapping[str, str]]) -> Item:
    """An item, whoever wrote it: an attribute that is missing or of another type gets a default."""

    def text(name: str, default: str) -> str:
        return attributes.get(name, {}).get("S", default)

    return Item(int(attributes["seq"]["N"]), text("event", "message"), text("data", ""))
