"""Runs a program in the network namespace of this process, which has nothing yet: `python namespace.py` behind unshare.

    argv: BRIDGE PORT SOCKET PROGRAM...

It gets loopback, a bridge, and one port of outside: connections to 127.0.0.1:PORT go to the Unix socket SOCKET.
"""

import asyncio
import fcntl
import os
import socket
import struct
import sys

from sandbox.engine import network
from support.relay import copied

_SET_FLAGS, _UP = 0x8914, 0x1  # linux/sockios.h, netdevice(7)


def main(bridge: str, port: str, path: str, *program: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))
    network.ensure_bridge(bridge, 0)
    listening = socket.create_server(("127.0.0.1", int(port)))
    if os.fork():
        listening.close()
        os.execvp(program[0], program)
    asyncio.run(_serve(listening, path))


async def _serve(listening: socket.socket, path: str) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await copied((reader, writer), await asyncio.open_unix_connection(path))

    await (await asyncio.start_server(relay, sock=listening)).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
