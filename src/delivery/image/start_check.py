"""Starts an image once as Lambda does: AWS's Runtime Interface Emulator runs the image and requests its stream.

The container is read-only except for /tmp, and has the user of the image, no capabilities, no credentials and limited
memory. It has a network, as on Lambda; its only open port is on loopback.
"""

import contextlib
import hashlib
import json
import re
import secrets
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
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
# seconds; Lambda: "The Init phase is limited to 10 seconds". Twice that, for a slow machine.
DEADLINE = 20.0
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}
_ROUTE = "/2015-03-31/functions/function/invocations"
_INSIDE = "/aws-lambda-rie"
_EMULATOR = re.compile(r"\[(INFO|WARNING|ERROR)\] \(r[a-z.]+\) ")
_LOADS = 4
_COLLECTED = re.compile(r"parent snapshot \S+ does not exist")
_PAUSE = 0.05  # seconds between two requests to the emulator
_ISOLATED = (
    *("--read-only", "--tmpfs", "/tmp:exec,size=512m,mode=1777"),  # Lambda's default size of /tmp
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "2g"),
    *("--publish", "127.0.0.1::8080", "--pull", "never"),
)


@dataclass(frozen=True)
class StartCheck:
    """An image in the local engine to start. `config`: the image's own."""

    image: str
    config: Mapping[str, Any]
    platform: str

    def command(self, name: str, program: Path) -> Command:
        """The command that runs the emulator, which runs the entrypoint and command of the image."""
        settings = self.config["config"]
        own = [*(settings.get("Entrypoint") or ()), *(settings.get("Cmd") or ())]
        mount = f"type=bind,src={program},dst={_INSIDE},readonly"
        argv = ["docker", "run", "--detach", "--name", name, "--platform", self.platform, *_ISOLATED]
        return Command((*argv, "--mount", mount, "--entrypoint", _INSIDE, self.image, *own))


def emulator(folder: Path, platform: str, shell: Shell) -> Path:
    """The emulator's program in `folder`, downloaded once for each lock. Raises CloudError when the download fails."""
    machine = _MACHINES[platform]
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    program = folder / f"aws-lambda-rie-{machine}-{lock}"
    if program.exists():
        return program
    download = folder / f"rie-{secrets.token_hex(4)}"
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
    result = shell.run(Command((*pip, "--requirement", str(LOCK), "--dest", str(download))))
    if result.code:
        why = result.stderr.strip()[-500:]
        raise CloudError(
            "AWS's Runtime Interface Emulator cannot be fetched.",
            why,
            "check the index of pip, then run the same command again",
        )
    (wheel,) = download.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        member = Path(archive.extract(f"samcli/local/rapid/aws-lambda-rie-{machine}", download))
    member.chmod(0o755)
    member.rename(program)  # last, so that an interrupted download does not look complete
    for path in sorted(download.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    download.rmdir()
    return program


def load(archive: Path, shell: Shell) -> None:
    """Load a built image into the local engine, with the tags of its build. Raises BuildError.

    A load fails when containerd's garbage collector removes a layer that the load has just found, and passes at the
    next try: https://github.com/containerd/containerd/issues/10835.
    """
    for _ in range(_LOADS):
        result = shell.run(Command(("docker", "load", "--quiet", "--input", str(archive))))
        if not (result.code and _COLLECTED.search(result.stderr)):
            break
    if result.code:
        raise BuildError("The image cannot be loaded into the engine.", result.stderr.strip(), "invoke doctor")


def run_check(start: StartCheck, program: Path, shell: Shell, deadline: float = DEADLINE) -> str:
    """Start the image and request its stream once; return the time until `hello`, for people.

    The container is removed afterwards, after an interrupt too. Raises BuildError when the answer does not come within
    `deadline` seconds, with the last lines of the log, and ConfigurationError when this engine cannot run the platform
    or its ports cannot be reached from here.
    """
    name = f"start-check-{secrets.token_hex(8)}"  # no process number: two containers of one engine may have the same
    began = clock.monotonic()
    try:
        _run(start, name, program, shell)
        try:
            port = _port(name, shell)
            _require_hello(_request(port, began + deadline, lambda: _runs(name, shell)))
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
    ports = shell.run(Command(("docker", "port", name, "8080/tcp"))).stdout.split()
    if not ports:
        raise BuildError("it ended at once.")
    return int(ports[0].rpartition(":")[2])


def _runs(name: str, shell: Shell) -> bool:
    return shell.run(Command(("docker", "inspect", "--format", "{{.State.Running}}", name))).stdout.strip() == "true"


def _request(port: int, due: float, runs: Callable[[], bool]) -> bytes:
    """The whole answer to one request. The port is open before the emulator listens, so requests are retried.

    Raises BuildError without an answer, ConfigurationError if the port stays closed while the container `runs`.
    """
    closed = False
    body = json.dumps(stream_event({"events": "1"})).encode()
    url, pool = f"http://127.0.0.1:{port}{_ROUTE}", urllib3.PoolManager(retries=False)
    with pool:
        while (left := due - clock.monotonic()) > 0:
            try:
                return pool.request("POST", url, body=body, timeout=urllib3.Timeout(total=left)).data
            except urllib3.exceptions.NewConnectionError as error:  # in urllib3 2 also a TimeoutError
                if not runs():
                    raise BuildError("it ended at once.") from error
                closed = True
            except urllib3.exceptions.TimeoutError as error:
                closed = closed and not isinstance(error, urllib3.exceptions.ReadTimeoutError)  # it was opened at last
                break
            except urllib3.exceptions.HTTPError:
                closed = False
            clock.pause(_PAUSE)
    if closed:
        raise ConfigurationError(
            "The port of the started image cannot be reached from here.",
            f"The container runs, but nothing listens on 127.0.0.1:{port}: the engine may be on another machine.",
            "select an engine of this machine: `docker context ls`",
        )
    raise BuildError("it did not answer in time.", "Lambda ends the start of a function after 10 s.")


def _require_hello(answer: bytes) -> None:
    for item in _items(answer):
        if isinstance(item, Prelude) and item.status != 200:
            raise BuildError(f"it answered {item.status}.")
        if isinstance(item, Event):
            if item.name != "hello":
                raise BuildError(f"its first event is `{item.name}`, not `hello`.")
            return
    raise BuildError("it answered without `hello`.", answer[:300].decode(errors="replace"))


def _items(answer: bytes) -> Iterator[Prelude | Event]:
    with contextlib.suppress(ValueError):  # without a prelude, the message shows the raw answer
        yield from Parser().feed(answer)


def _log(name: str, shell: Shell) -> str:
    """The last lines of the function; the lines of the emulator have a mark such as `(rapid)`."""
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
