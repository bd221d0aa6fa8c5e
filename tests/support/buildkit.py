"""A second BuildKit, as a builder elsewhere: an engine in its own network namespace, behind TCP with mutual TLS.

dockerd serves BuildKit behind `POST /grpc`, upgraded to h2c (docker/buildx, driver/docker). A relay takes connections
of TLS from clients with a certificate, and passes their bytes on; so buildx reaches it by its driver `remote`. The
namespace has loopback and one port of outside, that of the registry.
"""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sandbox import processes
from sandbox.engine import dockerd, private
from sandbox.layout import Layout
from support import namespace, relay
from support.waiting import until

_UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@contextlib.contextmanager
def engine(layout: Layout, port: int) -> Iterator[str]:
    """The socket of an engine in a network namespace, whose 127.0.0.1:PORT is that of this machine. Needs root."""
    layout.home.mkdir(parents=True, exist_ok=True)
    dockerd.install(layout)
    dockerd.configure(layout)
    outside = layout.run / "outside.sock"

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await relay.copied((reader, writer), await asyncio.open_connection("127.0.0.1", port))

    inside = [
        sys.executable,
        "-P",
        namespace.__file__,
        layout.bridge,
        str(port),
        str(outside),
        *dockerd.command(layout),
    ]
    path = dockerd.socket(layout).removeprefix("unix://")
    with relay.serving(lambda: asyncio.start_unix_server(pass_on, outside)):
        try:
            variables = {**dockerd.environment(layout), "PYTHONPATH": os.pathsep.join(sys.path)}
            processes.spawn(layout, private.NAME, ["unshare", "--net", "--", *inside], variables)
            until(Path(path).exists, private.READY_SECONDS, "the second engine")
            yield path
        finally:
            private.stop(layout)


def certificates(folder: Path) -> Path:
    """A certificate authority in `folder`, with a certificate of it for `server` and `client`, by openssl."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test", "-days", "1")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder


@contextlib.contextmanager
def served(path: str, folder: Path) -> Iterator[str]:
    """The address of a builder with the BuildKit of the engine at the Unix socket `path`. `folder`: certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        docker = await asyncio.open_unix_connection(path)
        docker[1].write(_UPGRADE)
        await docker[0].readuntil(b"\r\n\r\n")
        await relay.copied((reader, writer), docker)

    with relay.serving(lambda: asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)) as server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
