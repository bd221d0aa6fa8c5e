"""The smallest function that a release accepts, with a runtime of its own: says hello, ticks, ends."""

import http.client
import json
import os
import time

HELLO = {"version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"]}
PRELUDE = {"statusCode": 200, "headers": {"content-type": "text/event-stream"}}
ROOT = "/2018-06-01/runtime/invocation"
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def chunk(data: bytes) -> None:
    api.send(b"%x\r\n%s\r\n" % (len(data), data))


def answer(invocation: str, query: dict[str, str]) -> None:
    api.putrequest("POST", f"{ROOT}/{invocation}/response")
    api.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    api.putheader("Content-Type", "application/vnd.awslambda.http-integration-response")
    api.putheader("Transfer-Encoding", "chunked")
    api.endheaders()
    chunk(json.dumps(PRELUDE).encode() + bytes(8))
    chunk(f"event: hello\ndata: {json.dumps(HELLO)}\n\n".encode())
    for number in range(1, int(query.get("events", "1"))):
        time.sleep(float(query.get("interval", "1")))
        chunk(f"event: heartbeat\ndata: {number}\n\n".encode())
    api.send(b"0\r\n\r\n")
    api.getresponse().read()


while True:
    api.request("GET", f"{ROOT}/next")
    task = api.getresponse()
    event = json.loads(task.read())
    answer(task.headers["Lambda-Runtime-Aws-Request-Id"], event.get("queryStringParameters", {}))
