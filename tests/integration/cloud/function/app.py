"""A function that streams: it takes invocations on port 8080, and the path of the event chooses its behaviour."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]


class Invocations(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = event.get("rawPath", "/wait")
        print(f"asked for {path}")
        if path == "/fail":
            return self.fail()
        if path == "/hang":
            time.sleep(3600)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if path == "/raw":
            self.chunk(b"no prelude")
        else:
            prelude = {"statusCode": 200, "headers": {"content-type": "text/event-stream"}, "cookies": ["a=1", "b=2"]}
            # Cut in two, as on a network.
            whole = json.dumps(prelude).encode() + bytes(8)
            self.chunk(whole[:20])
            self.chunk(whole[20:])
            self.chunk(f"first from {VERSION}\n".encode())
            self.go_on(path, event)
        self.chunk(b"")
        return None

    def go_on(self, path: str, event: dict[str, dict[str, str]]) -> None:
        if path == "/wait":
            wait_for(f"{os.environ['AWS_ENDPOINT_URL']}/signals/{event['queryStringParameters']['key']}")
        elif path == "/exit":
            os._exit(3)
        elif path == "/stall":
            time.sleep(3600)
        self.chunk(b"last\n")

    def fail(self) -> None:
        body = json.dumps({"errorType": "ValueError", "errorMessage": "no such thing"}).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def wait_for(url: str) -> None:
    """Wait until a test has put that object into the bucket."""
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            time.sleep(0.02)


if os.environ.get("CRASH"):
    sys.exit("this version cannot start")
ThreadingHTTPServer(("", 8080), Invocations).serve_forever()
