"""nginx in front of a server: as it is by default, and so that it collects a stream."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.function.process import free_port
from support.waiting import until

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {options}
    location / {{ proxy_pass {upstream}; }}
  }}
}}
"""
COLLECTING = "gzip on; gzip_types text/event-stream; gzip_proxied any; proxy_ignore_headers X-Accel-Buffering;"
"""Options with which nginx holds a stream back: it compresses it, and ignores the header that forbids buffering."""


@contextlib.contextmanager
def nginx(program: Path, folder: Path, upstream: str, options: str = "") -> Iterator[str]:
    """Run nginx before `upstream`, with `options` of its configuration; yields its address."""
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, port=port, options=options, upstream=upstream))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-e", "stderr", "-p", folder, "-c", file], stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or _listens(port), 10, "nginx's port")
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True
