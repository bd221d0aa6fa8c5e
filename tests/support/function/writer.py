"""`python -m support.function.writer NAME COUNT`: publish events, as `invoke publish` does, and print the id of each.

The variables of AWS's SDKs say where; EVENTS_TABLE names the table.
"""

import contextlib
import os
import sys
from types import SimpleNamespace
from typing import Any

import boto3

from delivery import clock
from delivery.aws import feed
from delivery.aws.feed import Message


def main(name: str, count: str) -> None:
    """Publish so many events, whose data names the writer and counts."""
    aws: Any = SimpleNamespace(dynamodb=boto3.client("dynamodb"), explained=lambda _: contextlib.nullcontext())
    last = None
    for number in range(int(count)):
        message = Message("order", f'"{name} {number}"')
        last = feed.append(aws, os.environ["EVENTS_TABLE"], message, clock.now(), last)
        print(last, message.data, flush=True)


main(*sys.argv[1:])
