"""The feed of a function: events in a DynamoDB table, which its streams read.

The live version names the table in its variable EVENTS_TABLE. An item is {feed, seq, event, data, writer, expires}, and
the places of a feed are 1, 2, 3, ... (infrastructure/foundation/feeds.tf). Nobody but the writer of the next event lets
an event expire, so the newest one stays, and no place is used twice.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from delivery.aws.function import Function
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import CloudError

VARIABLE = "EVENTS_TABLE"
KEPT = timedelta(days=1)
"""How long an event is kept after the next one came: so long may a client be away, and lose nothing."""
LARGEST = 390_000
"""Bytes of name and data. An item has at most 400 KB: DynamoDB developer guide, "Quotas"."""

_FEED = "main"
_TRIES = 100


@dataclass(frozen=True)
class Message:
    """An event to publish: its name and its data."""

    event: str
    data: str


def table(aws: Aws, function: Function) -> str:
    """The table whose events the live version reads; empty if it reads none. Raises CloudError."""
    with aws.explained(f"read the configuration of {function.name}"):
        answer = aws.functions.get_function_configuration(FunctionName=function.name, Qualifier=function.alias)
    return answer.get("Environment", {}).get("Variables", {}).get(VARIABLE, "")


def append(aws: Aws, name: str, message: Message, now: datetime, last: int | None = None) -> int:
    """Write the message at the end of the feed in the table `name`, and return its place, which is its id.

    Each of several writers gets a place of its own. `last`: the newest place that the caller knows, which saves a read.
    Raises CloudError.
    """
    writer = secrets.token_hex(8)
    with aws.explained(f"publish an event to {name}"):
        for _ in range(_TRIES):
            before = _newest(aws, name) if last is None else last
            if _put(aws, name, before + 1, message, writer):
                _expire(aws, name, before, now + KEPT)
                return before + 1
            last = None  # somebody else was first
    why = f"Each of {_TRIES} places was taken by another writer first."
    raise CloudError(f"Could not publish an event to {name}.", why, "publish from fewer places at a time")


def _newest(aws: Aws, name: str) -> int:
    """The place of the newest event; 0 without any."""
    answer = aws.dynamodb.query(
        TableName=name,
        KeyConditionExpression="feed = :feed",
        ExpressionAttributeValues={":feed": {"S": _FEED}},
        ProjectionExpression="seq",
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=1,
    )
    return int(answer["Items"][0]["seq"]["N"]) if answer["Items"] else 0


def _put(aws: Aws, name: str, place: int, message: Message, writer: str) -> bool:
    """Whether the message is at that place now.

    A put whose answer was lost is sent again, and then finds the place taken: by this writer.
    """
    item = {
        **_key(place),
        "event": {"S": message.event},
        "data": {"S": message.data},
        "writer": {"S": writer},
    }
    try:
        aws.dynamodb.put_item(
            TableName=name,
            Item=item,
            ConditionExpression="attribute_not_exists(seq)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        there: Any = error.response
        return bool(there.get("Item", {}).get("writer") == item["writer"])
    return True


def _expire(aws: Aws, name: str, place: int, at: datetime) -> None:
    """Let the event at a place expire, if there is one."""
    try:
        aws.dynamodb.update_item(
            TableName=name,
            Key=_key(place),
            UpdateExpression="SET expires = :at",
            ConditionExpression="attribute_exists(seq)",
            ExpressionAttributeValues={":at": {"N": str(int(at.timestamp()))}},
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise


def _key(place: int) -> dict[str, dict[str, str]]:
    return {"feed": {"S": _FEED}, "seq": {"N": str(place)}}
