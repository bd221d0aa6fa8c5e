"""Tells people what a task did: by a webhook, Slack, Teams, or any other URL of apprise (`notify` in invoke.yaml).

https://github.com/caronc/apprise/wiki. The task has ended by then, and a message never changes how: a service that
refuses, hangs or is unknown is one warning. apprise is imported only if there is something to send.
"""

import logging
import re
import threading
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery import clock

_LONGEST = 10.0  # seconds for all services together
_SILENT = 4  # seconds to connect to one service, and to wait for its answer
# Parameters of every URL of apprise. A service refuses a message that is too long for it, so that is cut.
_OPTIONS = {"cto": f"{_SILENT}.0", "rto": f"{_SILENT}.0", "overflow": "truncate"}
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_WEBHOOK = re.compile(r"^http(s?)://")
_UNKNOWN = "apprise knows no such address; a webhook is https://HOST/PATH"
# What apprise logs of a failure, and what a person reads of it: constant texts, because the log may hold the URL. No
# name of a host or path can match.
_REASONS = (
    (re.compile(r"[ ,]error=(?P<status>\d{3})\b"), "the service answered {status}"),
    (re.compile(r"(R|r)ead timed out|to \S+ timed out|connection timed out"), f"no answer within {_SILENT} s"),
    (re.compile(r"Failed to resolve '|Name or service not known|nodename nor servname"), "its host name is unknown"),
    (re.compile(r"certificate verify failed"), "its certificate is not trusted"),
    (re.compile(r"Unable to connect to proxy|Tunnel connection failed"), "the proxy does not let it through"),
    (re.compile(r"Connection refused"), "nothing listens at its address"),
)


@dataclass(frozen=True)
class Message:
    """What a task did. `failed`: whether it is about a failure."""

    title: str
    lines: tuple[str, ...]
    failed: bool = False


def send(urls: Iterable[str], variables: Mapping[str, str], message: Message) -> tuple[str, ...]:
    """Send a message to each URL at the same time; return a warning for each one that did not take it.

    `urls`: each may have `${NAME}`, which is replaced from `variables`. A URL may hold a secret, so no warning has one.
    """
    texts, missing = [], []
    for number, url in enumerate(urls, 1):
        absent = [name for name in _VARIABLE.findall(url) if not variables.get(name)]
        if absent:
            missing.append(f"Nobody was notified through URL {number} of notify: {', '.join(absent)} is not set.")
        else:
            texts.append((number, _VARIABLE.sub(lambda match: variables[match[1]].strip(), url)))
    return (*missing, *_send_all(texts, message))


def _send_all(texts: Sequence[tuple[int, str]], message: Message) -> Iterator[str]:
    outcomes = {number: f"no answer within {_LONGEST:g} s" for number, _ in texts}

    def deliver(number: int, url: str) -> None:
        try:
            outcomes[number] = _deliver(url, message)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the task has succeeded
            outcomes[number] = type(error).__name__

    # Threads that the process does not wait for: a service that hangs holds nobody back.
    lanes = [threading.Thread(target=deliver, args=text, daemon=True) for text in texts]
    for lane in lanes:
        lane.start()
    until = clock.monotonic() + _LONGEST
    for lane in lanes:
        lane.join(max(0.0, until - clock.monotonic()))
    for number, why in tuple(outcomes.items()):
        if why:
            yield f"Nobody was notified through URL {number} of notify: {why}."


class _Log(logging.Handler):
    """What apprise logs in this thread, in which one service is called."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the failures: warnings, and the error of a connection."""
        text = record.getMessage()
        if record.thread == self._thread and (record.levelno >= logging.WARNING or text.startswith("Socket Exception")):
            self._lines.append(text)

    @property
    def reason(self) -> str:
        """Why a service did not take a message, without anything of its address."""
        text = "\n".join(self._lines)
        found = ((pattern.search(text), reason) for pattern, reason in _REASONS)
        texts = (reason.format(**match.groupdict()) for match, reason in found if match)
        return next(texts, "the service refused, or cannot be reached")


def _deliver(url: str, message: Message) -> str:
    """Send to one service; return why it was not sent, empty if it was."""
    import apprise

    logger, log = logging.getLogger("apprise"), _Log()
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # its messages may hold the URL
    logger.addHandler(log)
    service = _service(apprise, url)
    if service is None:
        return _UNKNOWN
    kind = apprise.NotifyType.FAILURE if message.failed else apprise.NotifyType.SUCCESS
    taken = service.notify(title=message.title, body="\n".join(message.lines) or message.title, notify_type=kind)
    return "" if taken else log.reason


def _service(apprise: Any, url: str) -> Any:
    """The service of a URL; an address that belongs to no known service is a webhook that gets JSON."""
    for text in (url, _webhook(url)):
        if service := apprise.Apprise.instantiate(_with_options(text)):
            return service
    return None


def _webhook(url: str) -> str:
    """The URL of apprise for a webhook; its own parameters get a hyphen there, or apprise would keep them back.

    https://github.com/caronc/apprise/wiki/Notify_Custom_JSON
    """
    address, mark, query = url.partition("?")
    own = "&".join(f"-{each}" for each in query.split("&") if each)
    return _WEBHOOK.sub(r"json\1://", address) + mark + own


def _with_options(url: str) -> str:
    own = {name for name, _ in urllib.parse.parse_qsl(url.partition("?")[2], keep_blank_values=True)}
    options = "&".join(f"{name}={value}" for name, value in _OPTIONS.items() if name not in own)
    return f"{url}{'&' if '?' in url else '?'}{options}"
