"""People hear what a task did, and a service that does not take the message never changes how the task ends."""

import json
import sys
import threading
from dataclasses import replace

import apprise
import pytest
import requests
from apprise.decorators import notify as service
from support.world import world

from delivery import settings
from delivery.cli import notify, session
from delivery.cli.notify import Message
from delivery.errors import BuildError, CloudError, ConfigurationError, RefusedError, UnhealthyError

NEWS = Message("prod: commit 1a2b3c4 is live", ("orders version 7: open",))
SECRET = "hush-hush"
RECEIVED = []
NEVER = threading.Event()


@service(on="taken")
def taken(body, title, notify_type, *_, **__):
    RECEIVED.append((title, body, str(getattr(notify_type, "value", notify_type))))
    return True


@service(on="refused")
def refused(*_, **__):
    return False


@service(on="hangs")
def hangs(*_, **__):
    return NEVER.wait(30)


@service(on="raises")
def raises(*_, **__):
    raise ZeroDivisionError(SECRET)


@pytest.fixture(autouse=True)
def _nobody_has_heard():
    RECEIVED.clear()


def sent(*urls, news=NEWS, **variables):
    return notify.send(urls, variables, news)


def test_a_service_gets_the_title_the_lines_and_how_it_ended():
    assert sent("taken://") == ()
    assert sent("taken://", news=replace(NEWS, failed=True)) == ()
    assert RECEIVED == [
        ("prod: commit 1a2b3c4 is live", "orders version 7: open", "success"),
        ("prod: commit 1a2b3c4 is live", "orders version 7: open", "failure"),
    ]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.slack.com/services/T0AAAAAAA/B0AAAAAAA/abcdefghijklmnopqrstuvwx", "NotifySlack"),
        (
            "https://prod-1.westeurope.logic.azure.com/workflows/643e69f83c8944/triggers/manual/paths/invoke"
            "?api-version=2016-06-01&sp=%2Ftriggers&sv=1.0&sig=KODuebWbDGYFr0z0eu",
            "NotifyWorkflows",  # of Teams
        ),
        ("https://example.test/hook?team=a", "NotifyJSON"),
        ("http://example.test:8080/hook", "NotifyJSON"),
        ("jsons://example.test/hook", "NotifyJSON"),
    ],
)
def test_the_address_that_slack_teams_and_others_give_is_understood_and_bounded(url, kind):
    made = notify._service(apprise, url)
    assert type(made).__name__ == kind
    assert (made.socket_connect_timeout, made.socket_read_timeout) == (4, 4)
    assert made.url().startswith("jsons://") if url.startswith("https://example") else made.secure or "http" in url


def test_a_webhook_gets_json(monkeypatch):
    posted = []

    def request(_, method, url, data=None, **__):
        posted.append((method, url, json.loads(data)))
        answer = requests.Response()
        answer.status_code = 204
        return answer

    monkeypatch.setattr(requests.Session, "request", request)
    assert sent("https://example.test/hook") == ()
    ((method, url, document),) = posted
    assert (method, url) == ("POST", "https://example.test/hook")
    assert document["title"] == NEWS.title
    assert document["message"].startswith("orders version 7")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"refused://{SECRET}", "the service refused, or cannot be reached"),
        (f"ftp://{SECRET}", "it is none that apprise knows"),
        (SECRET, "it is none that apprise knows"),
        (f"http://127.0.0.1:9/{SECRET}", "AssertionError"),  # no unit test reaches a socket
    ],
)
def test_a_service_that_does_not_take_it_is_a_warning_without_the_address(url, why, capfd):
    (warning,) = sent(url)
    assert warning == f"Nobody was notified through URL 1 of notify: {why}."
    assert SECRET not in "".join(capfd.readouterr())


def test_a_plugin_that_raises_is_a_warning_without_its_text():
    (warning,) = sent(f"raises://{SECRET}")
    assert SECRET not in warning


def test_a_service_that_hangs_holds_back_neither_the_task_nor_the_other_services(monkeypatch):
    monkeypatch.setattr(notify, "_LONGEST", 0.2)
    (warning,) = sent("hangs://", "taken://")
    assert warning == "Nobody was notified through URL 1 of notify: no answer within 0.2 s."
    assert len(RECEIVED) == 1
    NEVER.set()


def test_a_secret_comes_from_a_variable_and_a_missing_one_is_named():
    assert sent("taken://${HOST}/", HOST="example.test") == ()
    assert sent("taken://${HOST}/") == ("Nobody was notified through URL 1 of notify: HOST is not set.",)


@pytest.mark.parametrize("value", [{"url": SECRET}, [SECRET, 5], 5])
def test_a_malformed_setting_is_refused_without_its_value(tmp_path, value):
    environment = {"account": "111111111111", "region": "eu-west-1", "notify": value}
    with pytest.raises(ConfigurationError, match=r"Malformed setting environments\.prod\.notify") as caught:
        settings.load(tmp_path, "prod", {"environments": {"prod": environment}})
    assert SECRET not in str(caught.value)


class Task:
    """A session whose environment notifies `taken`, and then what the task does in it."""

    def __init__(self, root, monkeypatch, *urls):
        self.made = session.Session(root, {}, root, None, None)
        self.world = world(root, notify=urls or ("taken://",))
        self.made.progress = self.world.run.progress
        self.made.changing = self.world.run
        monkeypatch.setattr(sys, "argv", ["invoke", "deploy", "--env", "prod"])

    def run(self, error=None):
        with session._notification(self.made):
            if error:
                raise error


def test_a_task_that_succeeds_tells_what_it_announced(tmp_path, monkeypatch):
    task = Task(tmp_path, monkeypatch)
    task.made.announce("prod: commit 1a2b3c4 is live", ["orders version 7"])
    task.run()
    assert RECEIVED == [("prod: commit 1a2b3c4 is live", "orders version 7", "success")]


def test_a_task_that_changed_nothing_and_one_that_only_reads_tell_nothing(tmp_path, monkeypatch):
    Task(tmp_path, monkeypatch).run()
    reading = Task(tmp_path, monkeypatch)
    reading.made.announce("x")
    reading.made.changing = None
    reading.run()
    assert RECEIVED == []


@pytest.mark.parametrize("kind", [BuildError, UnhealthyError, CloudError])
def test_a_task_that_fails_halfway_tells_the_error_which_stays_the_same(tmp_path, monkeypatch, kind):
    error = kind("Version 7 of orders does not stream.", "The alias live was not moved.")
    with pytest.raises(kind) as caught:
        Task(tmp_path, monkeypatch).run(error)
    assert caught.value is error
    ((title, body, how),) = RECEIVED
    assert title == "invoke deploy --env prod failed: Version 7 of orders does not stream."
    assert "The alias live was not moved." in body
    assert how == "failure"


@pytest.mark.parametrize("error", [RefusedError("Not confirmed."), ConfigurationError("x"), KeyboardInterrupt()])
def test_what_was_refused_or_interrupted_is_told_to_nobody(tmp_path, monkeypatch, error):
    with pytest.raises(type(error)):
        Task(tmp_path, monkeypatch).run(error)
    assert RECEIVED == []


def test_a_service_that_refuses_never_fails_a_task(tmp_path, monkeypatch):
    task = Task(tmp_path, monkeypatch, "refused://", "raises://")
    task.made.announce("x")
    task.run()
    lines = task.world.out.getvalue().splitlines()
    assert [line[:20].split() for line in lines] == [["!", "notify", "Nobody"]] * 2


def test_without_a_url_apprise_is_not_imported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)  # an import of it would fail
    task = Task(tmp_path, monkeypatch)
    task.made.changing = replace(task.world.run, settings=replace(task.world.run.settings, notify=()))
    task.made.announce("x")
    task.run()
    assert task.world.out.getvalue() == ""
