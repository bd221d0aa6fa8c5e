"""A fake of DynamoDB's Query on a real HTTP server, which counts what it costs and refuses what it does not know.

It cuts a page at 1 MB, counts read request units, and checks the signature with botocore's own signer. Sources:
DynamoDB developer guide, "Paginating table query results", "Read consistency", "Read and write operations".
"""

import asyncio
import json
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import h11
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support.function.loopback_server import LoopbackServer

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
_PAGE_BYTES = 1_000_000
_KNOWN = {
    *("TableName", "KeyConditionExpression", "ExpressionAttributeValues"),
    *("Limit", "ScanIndexForward", "ConsistentRead"),
}


class FakeDynamoDB(LoopbackServer):
    """Use as `async with`. The end of the context raises AssertionError after a request that DynamoDB would refuse.

    `failures`: what the next requests are answered with, such as ThrottlingException; `hang` answers nothing.
    `skew`: how far its clock is before ours. `hidden`: the number of newest items that a read may miss unless it is
    consistent. `connections`: how many were opened. `units`: the read request units of each query.
    """

    def __init__(self):
        super().__init__()
        self.items, self.failures, self.units = {}, [], []
        self.connections, self.hidden, self.skew = 0, 0, timedelta()
        self.close_after_answer = False

    @property
    def endpoint(self):
        """Its address as the AWS SDKs take it."""
        return f"http://{self.address}"

    def put(self, *events):
        """Store events (name, data) after the newest one."""
        for name, data in events:
            self.items[max(self.items, default=0) + 1] = {"event": {"S": name}, "data": {"S": data}}

    async def _serve(self, reader, writer):
        self._tasks.add(task := asyncio.current_task())
        self.connections += 1
        with suppress(ConnectionError, asyncio.CancelledError):
            protocol = h11.Connection(h11.SERVER)
            while (request := await _read(protocol, reader)) is not None:
                status, answer = await self._answer(*request)
                body = json.dumps(answer).encode()
                date = format_datetime(datetime.now(UTC) + self.skew, usegmt=True)
                headers = [("content-length", str(len(body))), ("date", date)]
                head = h11.Response(status_code=status, headers=headers)
                for part in (head, h11.Data(body), h11.EndOfMessage()):
                    writer.write(protocol.send(part))
                await writer.drain()
                if self.close_after_answer:
                    break
                protocol.start_next_cycle()
        writer.close()
        self._tasks.discard(task)

    async def _answer(self, head, body):
        headers = {name.decode(): value.decode() for name, value in head.headers}
        at = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(at - datetime.now(UTC) - self.skew) > timedelta(minutes=5):
            return 400, {"__type": "com.amazon.coral.service#InvalidSignatureException"}
        if headers["authorization"] != _signature(headers, body):
            self.wrong.append(f"the signature {headers['authorization']}")
        if self.failures:
            failure = self.failures.pop(0)
            if failure == "hang":
                await asyncio.Event().wait()
            status = 500 if failure == "InternalServerError" else 400
            return status, {"__type": f"com.amazonaws.dynamodb.v20120810#{failure}"}
        return 200, self._query(json.loads(body))

    def _query(self, query):
        self.wrong += sorted(set(query) - _KNOWN)
        values, expression = query["ExpressionAttributeValues"], query["KeyConditionExpression"]
        after = int(values[":seq"]["N"]) if ":seq" in values else 0
        if expression != ("feed = :feed AND seq > :seq" if ":seq" in values else "feed = :feed"):
            self.wrong.append(expression)
        consistent = query.get("ConsistentRead", False)
        visible = sorted(self.items) if consistent else sorted(self.items)[: len(self.items) - self.hidden or None]
        ordered = [seq for seq in visible if seq > after]
        if not query.get("ScanIndexForward", True):
            ordered.reverse()
        page, size = [], 0
        for seq in ordered[: query["Limit"]]:
            page.append({"feed": values[":feed"], "seq": {"N": str(seq)}, **self.items[seq]})
            size += len(json.dumps(page[-1]))
            if size > _PAGE_BYTES:
                break
        self.units.append(max(1, math.ceil(size / 4096)) * (1.0 if consistent else 0.5))
        more = len(page) < len(ordered) or len(page) == query["Limit"]
        return {"Items": page, "Count": len(page)} | ({"LastEvaluatedKey": {}} if more else {})


async def _read(protocol, reader):
    """The head and the body of the next request; None when the client has closed the connection."""
    head, body = None, b""
    while not isinstance(part := protocol.next_event(), h11.EndOfMessage):
        if part is h11.NEED_DATA:
            protocol.receive_data(await reader.read(65_536))
        elif isinstance(part, h11.Request):
            head = part
        elif isinstance(part, h11.Data):
            body += bytes(part.data)
        else:
            return None
    return head, body


def _signature(headers, body):
    """The header `authorization` that botocore computes for this request."""
    names = headers["authorization"].split("SignedHeaders=")[1].partition(",")[0].split(";")
    signer = SigV4Auth(Credentials(*KEYS.values()), "dynamodb", "us-east-1")
    signed = {each: headers[each] for each in names}
    request = AWSRequest("POST", f"http://{headers['host']}/", data=body, headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    scope = f"AKID/{headers['x-amz-date'][:8]}/us-east-1/dynamodb/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
