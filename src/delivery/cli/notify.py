"""Tells people what a task did: by a webhook, Slack, Teams, or any other URL of apprise (`notify` in invoke.yaml).

https://github.com/caronc/apprise/wiki. The task has ended by then, and a message never changes how: a service that
refuses, hangs or is unknown is one warning. apprise is imported only if there is something to send.
"""

import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery import clock

_LONGEST = 10.0  # seconds for all services together
_LIMITS = {"cto": "4.0", "rto": "4.0"}  # seconds to connect and to read, of one service
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_WEBHOOK = re.compile(r"^http(s?)://")


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
            texts.append((number, _VARIABLE.sub(lambda match: variables[match[1]], url)))
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


def _deliver(url: str, message: Message) -> str:
    """Send to one service; return why it was not sent, empty if it was."""
    import apprise

    log = logging.getLogger("apprise")  # its messages may hold the URL
    log.addHandler(logging.NullHandler())
    log.propagate = False
    service = _service(apprise, url)
    if service is None:
        return "it is none that apprise knows"
    kind = apprise.NotifyType.FAILURE if message.failed else apprise.NotifyType.SUCCESS
    taken = service.notify(title=message.title, body="\n".join(message.lines) or message.title, notify_type=kind)
    return "" if taken else "the service refused, or cannot be reached"


def _service(apprise: Any, url: str) -> Any:
    """The service of a URL; an address that belongs to no known service is a webhook that gets JSON."""
    for text in (url, _WEBHOOK.sub(r"json\1://", url)):
        limited = text if re.search(r"[?&][cr]to=", text) else _with_limits(text)
        if service := apprise.Apprise.instantiate(limited):
            return service
    return None


def _with_limits(url: str) -> str:
    limits = "&".join(f"{name}={seconds}" for name, seconds in _LIMITS.items())
    return f"{url}{'&' if '?' in url else '?'}{limits}"
