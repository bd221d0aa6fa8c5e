"""The smallest function that a release accepts: says hello, ticks, ends."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HELLO = {"version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"]}


class Invocations(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queryStringParameters"]
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk(
            json.dumps({"statusCode": 200, "headers": {"content-type": "text/event-stream"}}).encode() + bytes(8)
        )
        self.chunk(f"event: hello\ndata: {json.dumps(HELLO)}\n\n".encode())
        for number in range(1, int(query["events"])):
            time.sleep(float(query["interval"]))
            self.chunk(f"event: heartbeat\ndata: {number}\n\n".encode())
        self.chunk(b"")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


ThreadingHTTPServer(("", 8080), Invocations).serve_forever()
