"""Starts an image once as Lambda does: AWS's Runtime Interface Emulator runs the image and calls it by its contract.

The container is read-only except for /tmp, and has the user of the image, no capabilities, no credentials, limited
memory, and the variables that the function is given. It has a network, as on Lambda; its only open port is on loopback.

The emulator holds a stream back until it ends. So a stream that does not end proves only that its function has started:
the emulator has logged that its runtime asks for an event. Whether the stream is right, the version must show.
"""

import contextlib
import hashlib
import json
import re
import secrets
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from delivery import clock, health
from delivery.aws import answers
from delivery.aws.function import Event
from delivery.aws.sse import SEPARATOR, Parser, Prelude
from delivery.errors import BuildError, CloudError, ConfigurationError, UnhealthyError
from delivery.health import Contract, Http, Invoke, Stream
from delivery.process.shell import Command, Result, Shell

LOCK = Path(__file__).with_name("start_check.txt")
# seconds; Lambda: "The Init phase is limited to 10 seconds". Twice that, for a slow machine.
DEADLINE = 20.0
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "arm64"}
_ROUTE = "/2015-03-31/functions/function/invocations"
_INSIDE = "/aws-lambda-rie"
_EMULATOR = re.compile(r"\[(INFO|WARNING|ERROR)\] \(r[a-z.]+\) ")
# What the emulator logs once the runtime has asked for its first event
_INITIALISED = "INIT RTDONE(status: success)"
_ERROR = {"errorType", "errorMessage", "stackTrace", "trace", "cause", "requestId"}
_BODY = 300  # characters of an answer that a person reads
TRIES = 4
COLLECTED = re.compile(r"parent snapshot \S+ does not exist")
"""containerd's garbage collector removed a layer that was just found; the image must be loaded again:
https://github.com/containerd/containerd/issues/10835."""
_PAUSE = 0.05  # seconds between two requests to the emulator
_ISOLATED = (
    *("--read-only", "--tmpfs", "/tmp:exec,size=512m,mode=1777"),  # Lambda's default size of /tmp
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "2g"),
    *("--publish", "127.0.0.1::8080", "--pull", "never"),
)


class _LateError(BuildError):
    """The answer did not come in time."""


@dataclass(frozen=True)
class StartCheck:
    """A built image to start. `image`: its tag in the local engine. `settings`: see the function of that name.

    `load`: loads it again, for an engine that has lost it. `variables`: those that the function is given. They may be
    secrets, so they stand in no argument.
    """

    image: str
    settings: Mapping[str, Any]
    platform: str
    load: Callable[[], object]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def contract(self) -> Contract:
        """The health contract in the label of the image. Raises ConfigurationError."""
        text = (self.settings.get("Labels") or {}).get(health.LABEL)
        if text is None:
            raise health.missing()
        return health.parse(text)

    def command(self, name: str, program: Path, variables: Path) -> Command:
        """The command that runs the emulator, which runs the entrypoint and command of the image.

        `variables`: the file with the variables, a line each.
        """
        own = [*(self.settings.get("Entrypoint") or ()), *(self.settings.get("Cmd") or ())]
        mount = f"type=bind,src={program},dst={_INSIDE},readonly"
        argv = ["docker", "run", "--detach", "--name", name, "--platform", self.platform, *_ISOLATED]
        argv += ["--env-file", str(variables), "--mount", mount, "--entrypoint", _INSIDE]
        # A file of variables has one line for each; docker reads a longer one from its own environment.
        longer = {each: value for each, value in self.variables.items() if "\n" in value}
        argv += [word for each in longer for word in ("--env", each)]
        return Command((*argv, self.image, *own), variables=longer)

    @property
    def lines(self) -> str:
        """The content of the file with the variables: https://docs.docker.com/reference/cli/docker/container/run/#env."""
        return "".join(f"{name}={value}\n" for name, value in self.variables.items() if "\n" not in value)


def settings(image: str, shell: Shell) -> Mapping[str, Any]:
    """The entrypoint, command and labels of an image in the local engine, with the names that the OCI image
    configuration gives them. Raises BuildError.
    """
    result = shell.run(Command(("docker", "image", "inspect", "--format", "{{json .Config}}", image)))
    if result.code:
        raise BuildError("The image to start is not in the engine.", result.stderr.strip(), "deploy again")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


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


def run_check(start: StartCheck, program: Path, shell: Shell, folder: Path, deadline: float = DEADLINE) -> str:
    """Start the image and call it once; return the result and its time, for people.

    `folder`: of this run. The container is removed afterwards, after an interrupt too. Raises BuildError when the
    answer is another one or does not come within `deadline` seconds, or within the deadline of the contract if that is
    longer; with the last lines of the log. Raises ConfigurationError when this engine cannot run the platform or its
    ports cannot be reached from here.
    """
    contract = start.contract
    event = answers.event(contract) or {}
    name = f"start-check-{secrets.token_hex(8)}"  # no process number: two containers of one engine may have the same
    began = clock.monotonic()
    due = began + max(deadline, contract.deadline or 0)
    try:
        _run(start, name, program, folder, shell)
        try:
            port = _port(name, shell)
            result = _check(contract, _request(port, event, due, lambda: _runs(name, shell)))
        except _LateError as error:
            if not (isinstance(contract, Stream) and _INITIALISED in _output(name, "all", shell)):
                raise _explained(error, _log(name, shell), start.platform) from error
            result = "started, its stream goes on"
        except BuildError as error:
            raise _explained(error, _log(name, shell), start.platform) from error
    finally:
        shell.unstopped().run(Command(("docker", "rm", "--force", "--volumes", name)))
    return f"{result} after {clock.monotonic() - began:.1f} s"


def _run(start: StartCheck, name: str, program: Path, folder: Path, shell: Shell) -> None:
    variables = folder / f"{name}.env"
    variables.touch(mode=0o600)
    try:
        variables.write_text(start.lines)
        result = _started(start.load, start.command(name, program, variables), shell)
    finally:
        variables.unlink()
    if result.code:
        raise _explained(BuildError("The image cannot be started."), result.stderr.strip(), start.platform)


def _started(load: Callable[[], object], command: Command, shell: Shell) -> Result:
    """Run the image; load it first where the engine has lost it."""
    result = shell.run(command)
    for _ in range(TRIES - 1):
        if not (result.code and COLLECTED.search(result.stderr)):
            break
        load()
        result = shell.run(command)
    return result


def _port(name: str, shell: Shell) -> int:
    ports = shell.run(Command(("docker", "port", name, "8080/tcp"))).stdout.split()
    if not ports:
        raise BuildError("it ended at once.")
    return int(ports[0].rpartition(":")[2])


def _runs(name: str, shell: Shell) -> bool:
    return shell.run(Command(("docker", "inspect", "--format", "{{.State.Running}}", name))).stdout.strip() == "true"


def _request(port: int, event: Event, due: float, runs: Callable[[], bool]) -> bytes:
    """The whole answer to one event. The port is open before the emulator listens, so requests are retried.

    Raises BuildError without an answer, ConfigurationError if the port stays closed while the container `runs`.
    """
    closed = False
    body = json.dumps(event).encode()
    url, pool = f"http://127.0.0.1:{port}{_ROUTE}", urllib3.PoolManager(retries=False)
    with pool:
        while (left := due - clock.monotonic()) > 0:
            try:
                answer = pool.request("POST", url, body=body, timeout=urllib3.Timeout(total=left))
                if answer.status >= 500 and not answer.data:  # the emulator's own answer
                    raise BuildError("its program ended without an answer.")
                return answer.data
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
    raise _LateError("it did not answer in time.", "Lambda ends the start of a function after 10 s.")


def _check(contract: Contract, answer: bytes) -> str:
    """The result for people. Raises BuildError for an answer that the contract does not expect."""
    if kind := _function_error(answer):
        raise BuildError(f"it failed: {kind}.", answer.decode(errors="replace")[:_BODY])
    try:
        if isinstance(contract, Stream):
            return _check_stream(contract, answer)
        if isinstance(contract, Http | Invoke):
            answers.check(contract, answer)
    except UnhealthyError as error:
        raise BuildError(error.what, error.why) from error
    return "answered"


def _function_error(answer: bytes) -> str:
    """The type of the error that a runtime has reported: the emulator shows it as a result. Empty without one.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, "Invocation error"
    """
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    if isinstance(document, dict) and document.keys() <= _ERROR and "errorType" in document:
        return str(document["errorType"])
    return ""


def _check_stream(contract: Stream, answer: bytes) -> str:
    parser = Parser()
    events: list[str] = []
    with contextlib.suppress(ValueError):  # without a prelude, the message shows the raw answer
        for item in parser.feed(answer):
            if isinstance(item, Prelude):
                answers.check_prelude(item, answer.partition(SEPARATOR)[2])
                continue
            if not events:
                answers.check_first(contract, item)
            events.append(item.name)
    if len(events) < contract.events:
        what = f"it answered with {len(events)} of {contract.events} events."
        raise BuildError(what, answer.decode(errors="replace")[:_BODY])
    return f"{len(events)} events"


def _log(name: str, shell: Shell) -> str:
    """The last lines of the function; the lines of the emulator have a mark such as `(rapid)`."""
    lines = _output(name, "200", shell).splitlines()
    return "\n".join([line for line in lines if not _EMULATOR.search(line)][-12:]).strip()


def _output(name: str, last: str, shell: Shell) -> str:
    """The last lines that the container has printed: so many, or `all`."""
    result = shell.run(Command(("docker", "logs", "--tail", last, name)))
    return result.stdout + result.stderr


def _explained(error: BuildError, log: str, platform: str) -> BuildError | ConfigurationError:
    if "exec format error" in log:
        hint = "an engine of that platform, or QEMU: `docker run --privileged --rm tonistiigi/binfmt --install all`"
        return ConfigurationError(f"This engine cannot run an image of {platform}.", log[-300:], hint)
    what = f"The image does not start as Lambda would start it: {error.what}"
    hint = "correct the function, then deploy again; nothing was pushed"
    return BuildError(what, f"{error.why}\n{log}".strip(), hint)
