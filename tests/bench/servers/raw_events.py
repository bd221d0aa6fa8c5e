"""The events of our_events.py through a socket alone, with the same arguments and the same output."""

import os
import socket
import sys
import time

DATA = "x" * 290
HEAD = b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def main() -> None:
    """Answer an invocation that nobody asked for."""
    count, pause = int(sys.argv[1]), float(sys.argv[2])
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as asyncio does
        connection.sendall(HEAD)
        began = time.process_time()
        for _ in range(count):
            time.sleep(pause)
            event = f"event: tick\ndata: {DATA}\n\n".encode()
            connection.sendall(b"%x\r\n%b\r\n" % (len(event), event))
        print(time.process_time() - began, flush=True)
        connection.sendall(b"0\r\n\r\n")
        connection.recv(4096)


if __name__ == "__main__":
    main()
