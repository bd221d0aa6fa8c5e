"""The emulator's process: `python -m sandbox.emulator.launcher HOME HOST:PORT ...`.

`sandbox.emulator.cloud` starts it with its environment; it ends on SIGTERM. HOME names the checkout it belongs to.
SANDBOX_RECORD may name a file that gets a record of every request (see `recording`).
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config

from sandbox.emulator import patches, recording


def main(home: str, binds: Sequence[str]) -> None:
    """Serve at `binds`; the first is the endpoint in the emulator's answers."""
    app = patches.patched(home, endpoint=f"http://{binds[0]}")
    if file := os.environ.get(recording.FILE):
        app = recording.recorded(app, Path(file))
    config = Config()
    config.bind = list(binds)
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
