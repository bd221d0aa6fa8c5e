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
from delivery.errors import (
    BuildError,
    CloudError,
    ConfigurationError,
    RefusedError,
    TerraformError,
    UnhealthyError,
)

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
        ("https://hooks.slack.com.example.test/services/T0/B0/x", "NotifyJSON"),
        ("http://example.test:8080/hook", "NotifyJSON"),
        ("jsons://example.test/hook", "NotifyJSON"),
    ],
)
def test_the_address_that_slack_teams_and_others_give_is_understood_and_bounded(url, kind):
    made = notify._service(apprise, url)
    assert type(made).__name__ == kind
    assert (made.socket_connect_timeout, made.socket_read_timeout) == (4, 4)
    assert made.url().startswith("jsons://") if url.startswith("https://example") else made.secure or "http" in url


@pytest.fixture
def posted(monkeypatch):
    """What the webhooks of this test were sent: method, address, parameters and document. Each answers `status`."""
    return Posted(monkeypatch)


class Posted(list):
    status = 204
    error = None

    def __init__(self, monkeypatch):
        super().__init__()

        def request(_, method, url, params=None, data=None, **__):
            if self.error:
                raise self.error
            self.append((method, url, dict(params or {}), json.loads(data)))
            answer = requests.Response()
            answer.status_code, answer._content = self.status, f"a page with {SECRET}, error=999".encode()
            return answer

        monkeypatch.setattr(requests.Session, "request", request)


def test_a_webhook_gets_json(posted):
    assert sent("https://example.test/hook") == ()
    ((method, url, parameters, document),) = posted
    assert (method, url, parameters) == ("POST", "https://example.test/hook", {})
    assert document["title"] == NEWS.title
    assert document["message"].startswith("orders version 7")


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("?Token=AbC&sig=a%2Bb%3D", {"Token": "AbC", "sig": "a+b="}),
        ("?format=x&to=y&method=GET&cto=9", {"format": "x", "to": "y", "method": "GET", "cto": "9"}),
        ("?", {}),
    ],
)
def test_a_webhook_gets_its_own_parameters_also_those_with_a_meaning_for_apprise(posted, query, parameters):
    assert sent(f"https://example.test/hook{query}") == ()
    ((method, url, given, _),) = posted
    assert (method, url, given) == ("POST", "https://example.test/hook", parameters)


@pytest.mark.parametrize("status", [301, 401, 404, 429, 500, 503])
def test_the_status_of_a_webhook_that_refuses_is_in_the_warning(posted, status):
    posted.status = status
    (warning,) = sent(f"https://example.test/{SECRET}")
    assert warning == f"Nobody was notified through URL 1 of notify: the service answered {status}."


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (requests.ReadTimeout(f"Read timed out. {SECRET}"), "no answer within 4 s"),
        (requests.ConnectTimeout("connection to x timed out"), "no answer within 4 s"),
        (
            requests.ConnectionError(f"Failed to resolve '{SECRET}' ([Errno -2] Name or service not known)"),
            "its host name",
        ),
        (requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), "its certificate"),
        (requests.exceptions.ProxyError("Unable to connect to proxy"), "the proxy does not let it through"),
        (requests.ConnectionError("[Errno 111] Connection refused"), "nothing listens at its address"),
        (requests.ConnectionError("Remote end closed connection"), "the service refused, or cannot be reached"),
    ],
)
def test_the_warning_says_why_a_webhook_was_not_reached(posted, error, why):
    posted.error = error
    (warning,) = sent(f"https://example.test/{SECRET}")
    assert why in warning
    assert SECRET not in warning


def test_each_service_has_its_own_reason_although_apprise_has_one_log(posted):
    posted.status = 500
    first, second = sent("https://example.test/hook", "refused://")
    assert "URL 1 of notify: the service answered 500." in first
    assert "URL 2 of notify: the service refused, or cannot be reached." in second


def test_a_message_that_is_too_long_for_a_service_is_cut_instead_of_refused():
    made = notify._service(apprise, "https://discord.com/api/webhooks/123456789012345678/" + "a" * 68)
    assert made.overflow_mode == "truncate"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"refused://{SECRET}", "the service refused, or cannot be reached"),
        (f"ftp://{SECRET}", "apprise knows no such address; a webhook is https://HOST/PATH"),
        (SECRET, "apprise knows no such address; a webhook is https://HOST/PATH"),
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
    assert sent("${URL}", URL="taken://example.test\n") == ()  # as a file ends
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


@pytest.mark.parametrize("kind", [UnhealthyError, CloudError])
def test_a_task_that_fails_halfway_tells_the_error_which_stays_the_same(tmp_path, monkeypatch, kind):
    error = kind("Version 7 of orders does not stream.", "The alias live was not moved.")
    with pytest.raises(kind) as caught:
        Task(tmp_path, monkeypatch).run(error)
    assert caught.value is error
    ((title, body, how),) = RECEIVED
    assert title == "invoke deploy --env prod failed: Version 7 of orders does not stream."
    assert "The alias live was not moved." in body
    assert how == "failure"


LOG = "The alias was not moved: the old version serves.\nThe log of version 7:\n| token=hush-hush"


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (
            UnhealthyError("Version 7 of fn fails with 10% of the requests: 3 errors.", LOG, "read its log"),
            "The alias was not moved: the old version serves.\nThe log of version 7:\ntry: read its log",
        ),
        (BuildError("The image cannot be built.", f"RUN pip --token {SECRET}", "correct it"), "try: correct it"),
        (TerraformError("Terraform could not apply service.", f"variables = {SECRET}"), ""),
    ],
)
def test_a_failure_is_told_without_the_text_of_a_log_a_build_or_terraform(tmp_path, monkeypatch, error, body):
    with pytest.raises(type(error)):
        Task(tmp_path, monkeypatch).run(error)
    ((title, message, kind),) = RECEIVED
    assert title == f"invoke deploy --env prod failed: {error.what}"
    assert message == (body or title)
    assert kind == "failure"


def test_in_a_workflow_people_get_the_address_of_the_run(tmp_path, monkeypatch):
    job = {"GITHUB_SERVER_URL": "https://github.test", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "99"}
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    task = Task(tmp_path, monkeypatch)
    task.made.announce("prod: rolled back by ann", ["orders version 6"])
    task.run()
    assert RECEIVED[0][1] == "orders version 6\nhttps://github.test/o/r/actions/runs/99"


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
