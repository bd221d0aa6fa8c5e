"""A function with a runtime of its own, as on Lambda: the path of the event chooses its behaviour.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
"""

import base64
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

VERSION = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
ROOT = "/2018-06-01/runtime"
PRELUDE = {"statusCode": 200, "headers": {"content-type": "text/event-stream"}, "cookies": ["a=1", "b=2"]}
TYPE, BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def post(path: str, body: bytes, **headers: str) -> int:
    api.request("POST", f"{ROOT}/{path}", body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = api.getresponse()
    answer.read()
    return answer.status


class Stream:
    """A streamed answer to one invocation."""

    def __init__(self, invocation: str) -> None:
        api.putrequest("POST", f"{ROOT}/invocation/{invocation}/response")
        api.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        api.putheader("Content-Type", "application/vnd.awslambda.http-integration-response")
        api.putheader("Transfer-Encoding", "chunked")
        api.putheader("Trailer", f"{TYPE}, {BODY}")
        api.endheaders()

    def chunk(self, data: bytes) -> None:
        api.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self, trailers: str = "") -> None:
        api.send(f"0\r\n{trailers}\r\n".encode())
        answer = api.getresponse()
        answer.read()
        assert answer.status == 202, answer.status


def serve(invocation: str, event: dict[str, object], given: dict[str, str]) -> None:
    path = str(event.get("rawPath", "/wait"))
    print(f"asked for {path}", flush=True)
    if path == "/fail":
        error = json.dumps({"errorType": "ValueError", "errorMessage": "no such thing", "stackTrace": []})
        assert post(f"invocation/{invocation}/error", error.encode(), **{TYPE: "Function.ValueError"}) == 202
    elif path == "/given":
        facts = {"headers": given, "environment": dict(os.environ), "user": os.getuid(), "writes": writable()}
        assert post(f"invocation/{invocation}/response", json.dumps(facts).encode()) == 202
    elif path == "/large":
        assert post(f"invocation/{invocation}/response", b'"' + bytes(7 << 20) + b'"') == 413
    elif path == "/memory":
        os.urandom(512 << 20)
    elif path == "/hang":
        time.sleep(3600)
    else:
        stream(Stream(invocation), path, event)


def stream(answer: Stream, path: str, event: dict[str, object]) -> None:
    if path == "/raw":
        answer.chunk(b"no prelude")
        return answer.end()
    # Cut in two, as on a network.
    whole = json.dumps(PRELUDE).encode() + bytes(8)
    answer.chunk(whole[:20])
    answer.chunk(whole[20:])
    answer.chunk(f"first from {VERSION}\n".encode())
    if path == "/wait":
        wait_for(f"{os.environ['AWS_ENDPOINT_URL']}/signals/{event['queryStringParameters']['key']}")
    elif path == "/exit":
        os._exit(3)
    elif path == "/stall":
        time.sleep(3600)
    elif path == "/midway":
        document = json.dumps({"errorType": "Function.ValueError", "errorMessage": "midway"})
        trailer = base64.b64encode(document.encode()).decode()
        return answer.end(f"{TYPE}: Function.ValueError\r\n{BODY}: {trailer}\r\n")
    answer.chunk(b"last\n")
    return answer.end()


def wait_for(url: str) -> None:
    """Wait until a test has put that object into the bucket."""
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            time.sleep(0.02)


def writable() -> list[str]:
    """The folders that a function can write to."""
    return [folder for folder in ("/", "/tmp", "/var/tmp", "/run", "/app") if os.access(folder, os.W_OK)]


start = os.environ.get("START")
if start == "exit":
    sys.exit("this version cannot start")
if start == "quiet":
    sys.exit(0)
if start == "error":
    reason = json.dumps({"errorType": "Function.SettingsError", "errorMessage": "START must not be error"})
    post("init/error", reason.encode(), **{TYPE: "Function.SettingsError"})
    sys.exit(1)
while True:
    api.request("GET", f"{ROOT}/invocation/next")
    task = api.getresponse()
    payload = json.loads(task.read())
    serve(task.headers["Lambda-Runtime-Aws-Request-Id"], payload, dict(task.headers.items()))
