"""Two writers race, one of them and the function are killed, streams end: each event arrives once and in order."""

import asyncio
import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from support import function_url, sample
from support.function.fake_runtime_api import FakeRuntimeApi
from support.function.process import ROOT
from support.local_cloud import LocalCloud

from sandbox.emulator import configuration

pytestmark = sample.needed
TABLE = "events"
EVENTS = 500
"""How many each of the two writers publishes."""
PATHS = os.pathsep.join(str(ROOT / folder) for folder in ("src", "src/lambdas", "tests"))


@pytest.fixture
def environment(local: LocalCloud) -> dict[str, str]:
    """The variables of the function and of the writers; the table is empty."""
    keys = {"feed": ("HASH", "S"), "seq": ("RANGE", "N")}
    local.aws("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, (kind, _) in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, (_, kind) in keys.items()],
    )
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PYTHONPATH": PATHS,
        "AWS_ACCESS_KEY_ID": configuration.ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": configuration.REGION,
        "AWS_DEFAULT_REGION": configuration.REGION,
        "AWS_ENDPOINT_URL": local.cloud.endpoint,
        "EVENTS_TABLE": TABLE,
    }


def stored(local: LocalCloud) -> list[tuple[str, str]]:
    """The id and the data of every event in the table, in order."""
    pages = (
        local.aws("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=TABLE,
            KeyConditionExpression="feed = :feed",
            ExpressionAttributeValues={":feed": {"S": "main"}},
        )
    )
    return [(item["seq"]["N"], item["data"]["S"]) for page in pages for item in page["Items"]]


class Client:
    """A client of the function, whose process it kills now and then in the middle of a stream."""

    def __init__(self, api: FakeRuntimeApi, environment: dict[str, str]) -> None:
        self.received: list[tuple[str, str]] = []
        self.ended: Counter[str] = Counter()
        self._api, self._environment, self._last = api, environment, "0"

    async def read(self, until: int) -> None:
        """Read streams, one after the other, until so many events have come."""
        chance = random.Random(15)
        while len(self.received) < until:
            async with self._function() as process:
                while process.returncode is None and len(self.received) < until:
                    killed_after = chance.choice([None, chance.randint(1, 60)])
                    if await self._stream(killed_after, until):
                        self.ended["by itself"] += 1
                        continue
                    self.ended["killed"] += 1
                    process.kill()
                    await process.wait()

    async def _stream(self, killed_after: int | None, until: int) -> bool:
        """Read one stream; whether it ended by itself, before the function shall be killed."""
        headers = {"last-event-id": self._last}
        invocation = self._api.invoke(function_url.payload(query="events=100&interval=0.5", headers=headers))
        text, received = "", 0
        while await invocation.changed(len(text)) and len(self.received) < until:
            text = invocation.body.decode()
            events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n")[:-1]]
            events = [event for event in events if event.get("event") == "order"]
            for event in events[received:]:
                self.received.append((event["id"], event["data"]))
                self._last, received = event["id"], received + 1
                if received == killed_after:
                    return False
        return True

    @asynccontextmanager
    async def _function(self):
        variables = {**self._environment, "AWS_LAMBDA_RUNTIME_API": self._api.address}
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "sse_streaming", env=variables)
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def writer(name: str, count: int, environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / name).open("ab") as output:
        command = [sys.executable, "-m", "support.function.writer", name, str(count)]
        return subprocess.Popen(command, env=environment, stdout=output)


async def write(environment: dict[str, str], folder: Path) -> None:
    """Let two writers race, kill one of them in the middle, and let a third write what is left."""
    racing = [writer(name, EVENTS, environment, folder) for name in ("a", "b")]
    while len((folder / "b").read_bytes().splitlines()) < EVENTS // 2:
        await asyncio.sleep(0.01)
    racing[1].kill()
    racing.append(writer("c", EVENTS // 2, environment, folder))
    while any(process.poll() is None for process in racing):
        await asyncio.sleep(0.05)


def test_no_event_is_lost_and_none_comes_twice_whoever_is_killed(
    local: LocalCloud, environment: dict[str, str], tmp_path: Path
) -> None:
    async def run() -> Client:
        async with FakeRuntimeApi(may_die=True) as api, asyncio.timeout(600):
            client = Client(api, environment)
            writing = asyncio.create_task(write(environment, tmp_path))
            await client.read(2 * EVENTS)
            await writing
            await client.read(len(stored(local)))
            return client

    client = asyncio.run(run())
    print(f"{len(client.received)} events in streams that ended {dict(client.ended)}")
    assert len(client.received) >= 2 * EVENTS
    assert client.received == stored(local)
    assert [place for place, _ in client.received] == [str(number + 1) for number in range(len(client.received))]
    told = [tuple(line.split(" ", 1)) for name in "abc" for line in (tmp_path / name).read_text().splitlines()]
    assert set(told) <= set(client.received), "what a writer was told is stored"
    assert len({data for _, data in client.received}) == len(client.received), "no writer wrote one event twice"
    assert min(client.ended["killed"], client.ended["by itself"]) >= 3
