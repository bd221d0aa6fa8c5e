"""A client in the background: it asks the live alias again and again, and remembers who answered."""

import json
import threading
import urllib.request
from collections import Counter

from support.deploys.checkout import FUNCTION, hello

from delivery.aws import url_event

PAUSE = 0.2  # seconds between two requests


class Traffic:
    """While open, requests one after the other: by the Function URL and by Invoke in turn.

    `served`: how many each version answered; `failed`: why the others failed.
    """

    def __init__(self, checkout):
        self.served: Counter[str] = Counter()
        self.failed: list[str] = []
        client = checkout.client("lambda")
        url = client.get_function_url_config(FunctionName=FUNCTION, Qualifier="live")["FunctionUrl"]
        self._asked = (lambda: _by_url(url), lambda: _by_invoke(client))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    @property
    def requests(self):
        """All of them."""
        return self.served.total() + len(self.failed)

    def _run(self):
        turn = 0
        while not self._over.wait(PAUSE):
            try:
                self.served[hello(self._asked[turn % 2]().decode().splitlines())["version"]] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, a user's request failed
                self.failed.append(repr(error))
            turn += 1


def _by_url(url):
    with urllib.request.urlopen(f"{url}api/v2/stream?events=1", timeout=30) as answer:
        return answer.read()


def _by_invoke(client):
    payload = json.dumps(url_event.request("/api/v2/stream", {"events": "1"}))
    answer = client.invoke(FunctionName=FUNCTION, Qualifier="live", Payload=payload)
    assert "FunctionError" not in answer, answer
    return answer["Payload"].read()
