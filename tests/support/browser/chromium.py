"""A headless Chromium, spoken to by the DevTools protocol over a pipe: no port, and no library.

Source: chromedevtools.github.io/devtools-protocol; `--remote-debugging-pipe` reads messages from file 3 and writes them
to file 4, each ended by a NUL.
"""

import base64
import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ARGUMENTS = (
    *("--remote-debugging-pipe", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage"),
    # Without network: no updates, no checks of passwords, no lists.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
    *("--disable-breakpad", "--disable-crash-reporter", "--no-proxy-server", "--mute-audio"),
)
_SECONDS = 30.0


class Browser:
    """A browser that runs; `log` has the console messages, exceptions and log entries of its page."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._buffer, self._number, self._session, self._target = b"", 0, "", ""
        self._emulated: dict[str, dict[str, object]] = {}
        self.log: list[str] = []

    def open(self, url: str, before: str = "") -> None:
        """Open a page instead of the one before. `before`: a script that runs before those of the page."""
        self.close()
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for name, parameters in self._emulated.items():
            self.call(f"Emulation.{name}", **parameters)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.bringToFront")  # a page behind another one draws no frames
        self.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        self.call("Page.navigate", url=url)
        self.until("location.protocol !== 'about:' && document.readyState !== 'loading'")

    def emulate(self, name: str, **parameters: object) -> None:
        """Emulate something in all pages that are opened from now on: a method of `Emulation`."""
        self._emulated[name] = parameters

    def close(self) -> None:
        """Close the page, if there is one."""
        if self._target:
            self.call("Target.closeTarget", targetId=self._target)
        self._session, self._target, self.log = "", "", []

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """The answer to a call. Raises AssertionError when the browser refuses it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, which may be a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 20.0) -> Any:
        """Wait until an expression is true in the page, and return its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.value(expression)):
            assert time.monotonic() < deadline, (
                f"{expression} stayed {value!r}; {self.value('document.body.innerText')}"
            )
            time.sleep(0.05)
        return value

    def screenshot(self, path: Path) -> None:
        """Write what the page shows."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._back], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            received = os.read(self._back, 1 << 16)
            assert received, "the browser has ended"
            self._buffer += received
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled":
                self.log.append(" ".join(str(each.get("value")) for each in parameters["args"]))
            case "Runtime.exceptionThrown":
                self.log.append(str(parameters["exceptionDetails"]))
            case "Log.entryAdded":
                self.log.append(parameters["entry"]["text"])


@contextlib.contextmanager
def browser(program: Path, folder: Path) -> Iterator[Browser]:
    """Start a browser whose profile is in `folder`, and end it."""
    command = [str(program), *_ARGUMENTS, f"--browser-subprocess-path={program}", f"--user-data-dir={folder}"]
    pipes = ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >&2', "sh"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*pipes, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Browser(process.stdin.fileno(), process.stdout.fileno())
    finally:
        process.stdin.close()  # then it ends by itself, with its children
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        process.stdout.close()
