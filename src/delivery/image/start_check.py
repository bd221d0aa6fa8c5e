"""Starts an image once as Lambda would: AWS's own Runtime Interface Emulator runs it, and it is asked for its stream.

Read-only but for /tmp, as the image's own user, without capabilities and credentials, in bounded memory. Lambda gives a
function a network, so it has one here; its one open port is on loopback.
"""

import contextlib
import hashlib
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from delivery import clock
from delivery.aws.function import stream_event
from delivery.aws.sse import Event, Parser, Prelude
from delivery.errors import BuildError, CloudError, ConfigurationError
from delivery.process.shell import Command, Shell

LOCK = Path(__file__).with_name("start_check.txt")
# Lambda: "The Init phase is limited to 10 seconds", and a first event soon after; twice that for a slow machine.
DEADLINE = 20.0
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}
_ROUTE = "/2015-03-31/functions/function/invocations"
_INSIDE = "/aws-lambda-rie"
_EMULATOR = re.compile(r"\[(INFO|WARNING|ERROR)\] \(r[a-z.]+\) ")
_PAUSE = 0.05  # seconds between two tries to reach the emulator
_ISOLATED = (
    *("--read-only", "--tmpfs", "/tmp:exec,size=512m,mode=1777"),  # Lambda's default size of /tmp
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "2g"),
    *("--publish", "127.0.0.1::8080", "--pull", "never"),
)


@dataclass(frozen=True)
class StartCheck:
    """An image in the local engine that is to be started: `config` is its own, `commit` what `hello` has to name."""

    image: str
    config: Mapping[str, Any]
    platform: str
    commit: str

    def command(self, name: str, program: Path) -> Command:
        """The argv: the emulator is put in front of the image's own entrypoint and command."""
        settings = self.config["config"]
        own = [*(settings.get("Entrypoint") or ()), *(settings.get("Cmd") or ())]
        mount = f"type=bind,src={program},dst={_INSIDE},readonly"
        argv = ["docker", "run", "--detach", "--name", name, "--platform", self.platform, *_ISOLATED]
        return Command((*argv, "--mount", mount, "--entrypoint", _INSIDE, self.image, *own))


def emulator(folder: Path, platform: str, shell: Shell) -> Path:
    """The emulator, fetched once into `folder` for each state of the lock. Raises CloudError when it cannot be."""
    machine = _MACHINES[platform]
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    found = folder / f"aws-lambda-rie-{machine}-{lock}"
    if found.exists():
        return found
    download = folder / f"rie-{os.getpid()}"
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
    result = shell.run(Command((*pip, "--requirement", str(LOCK), "--dest", str(download))))
    if result.code:
        why = result.stderr.strip()[-500:]
        raise CloudError("AWS's Runtime Interface Emulator cannot be fetched.", why, "check pip's index, deploy again")
    (wheel,) = download.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        member = Path(archive.extract(f"samcli/local/rapid/aws-lambda-rie-{machine}", download))
    member.chmod(0o755)
    member.rename(found)  # last: an interrupted download leaves nothing that looks complete
    for path in sorted(download.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    download.rmdir()
    return found


def load(archive: Path, shell: Shell) -> None:
    """Bring a built image into the local engine, under the tags it was built with. Raises BuildError."""
    result = shell.run(Command(("docker", "load", "--quiet", "--input", str(archive))))
    if result.code:
        raise BuildError("The image cannot be loaded into the engine.", result.stderr.strip(), "invoke doctor")


def run_check(start: StartCheck, program: Path, shell: Shell, patience: float = DEADLINE) -> str:
    """Start the image, ask once for its stream; returns in words how long `hello` took.

    Raises BuildError when it does not answer with it within `patience` seconds, with the last lines of its log, and
    ConfigurationError when this engine cannot run its platform. The container is gone afterwards, whatever happens.
    """
    name = f"rehearsal-{os.getpid()}-{hashlib.sha256(start.image.encode()).hexdigest()[:8]}"
    began = clock.monotonic()
    try:
        _run(start, name, program, shell)
        try:
            _require_hello(_ask(_port(name, shell), began + patience), start.commit)
        except BuildError as error:
            raise _explained(error, _log(name, shell), start.platform) from error
    finally:
        shell.unstopped().run(Command(("docker", "rm", "--force", "--volumes", name)))
    return f"hello after {clock.monotonic() - began:.1f} s"


def _run(start: StartCheck, name: str, program: Path, shell: Shell) -> None:
    result = shell.run(start.command(name, program))
    if result.code:
        raise _explained(BuildError("The image cannot be started."), result.stderr.strip(), start.platform)


def _port(name: str, shell: Shell) -> int:
    found = shell.run(Command(("docker", "port", name, "8080/tcp"))).stdout.split()
    if not found:
        raise BuildError("it ended at once.")
    return int(found[0].rpartition(":")[2])


def _ask(port: int, due: float) -> bytes:
    """The whole answer to one request for the stream. An engine opens the port before anything listens behind it."""
    body = json.dumps(stream_event({"events": "1"})).encode()
    url, pool = f"http://127.0.0.1:{port}{_ROUTE}", urllib3.PoolManager(retries=False)
    with pool:
        while (left := due - clock.monotonic()) > 0:
            try:
                return pool.request("POST", url, body=body, timeout=urllib3.Timeout(total=left)).data
            except urllib3.exceptions.TimeoutError:
                break
            except urllib3.exceptions.HTTPError:
                clock.pause(_PAUSE)
    raise BuildError("it did not answer in time.", "Lambda ends the start of a function after 10 s.")


def _require_hello(answer: bytes, commit: str) -> None:
    for item in _items(answer):
        if isinstance(item, Prelude) and item.status != 200:
            raise BuildError(f"it answered {item.status}.")
        if isinstance(item, Event):
            if item.name != "hello":
                raise BuildError(f"its first event is `{item.name}`, not `hello`.")
            if f'"{commit}"' not in item.data:
                raise BuildError(f"its `hello` does not name commit {commit}.", item.data[:200])
            return
    raise BuildError("it answered without `hello`.", answer[:300].decode(errors="replace"))


def _items(answer: bytes) -> Iterator[Prelude | Event]:
    with contextlib.suppress(ValueError):  # no prelude: what came is told as it is
        yield from Parser().feed(answer)


def _log(name: str, shell: Shell) -> str:
    """What the function wrote at last; the emulator's own lines are told by `(rapid)` and its shortened kin."""
    result = shell.run(Command(("docker", "logs", "--tail", "200", name)))
    lines = (result.stdout + result.stderr).splitlines()
    return "\n".join([line for line in lines if not _EMULATOR.search(line)][-12:]).strip()


def _explained(error: BuildError, log: str, platform: str) -> BuildError | ConfigurationError:
    if "exec format error" in log:
        hint = "an engine of that platform, or QEMU: `docker run --privileged --rm tonistiigi/binfmt --install all`"
        return ConfigurationError(f"This engine cannot run an image of {platform}.", log[-300:], hint)
    what = f"The image does not start as Lambda would start it: {error.what}"
    hint = "correct the function, then deploy again; nothing was pushed"
    return BuildError(what, f"{error.why}\n{log}".strip(), hint)
