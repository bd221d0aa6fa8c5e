"""The page at `/` in Chromium, and its EventSource directly and through nginx."""

import json
from datetime import UTC, datetime

import pytest
from support.browser import axe
from support.browser.nginx import COLLECTING, nginx
from support.waiting import until

SMALL, LARGE = 320, 1000
COUNT = "Number(document.getElementById('events').textContent)"
STATE = "document.getElementById('state').textContent"
ROWS = "[...document.querySelectorAll('#list li')].map(row => [...row.children].slice(1).map(cell => cell.textContent))"


@pytest.fixture(autouse=True)
def default_view(chromium):
    view(chromium, LARGE)
    yield
    chromium.close()


def opened(chromium, url, **options):
    """Open a page, and wait until its stream has begun: what is published then is shown."""
    chromium.open(url, **options)
    chromium.until(f"{STATE} === 'open' && {COUNT} === 1")


def text(chromium, name):
    return chromium.value(f"document.getElementById('{name}').textContent")


def shown(chromium):
    """The data of the messages in the list, oldest first."""
    return [data for kind, data in reversed(chromium.value(ROWS)) if kind == "message"]


def view(chromium, width, scheme="light", motion="no-preference"):
    chromium.emulate("setDeviceMetricsOverride", width=width, height=640, deviceScaleFactor=1, mobile=False)
    features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", motion)]
    chromium.emulate("setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features])


def test_the_page_shows_the_connection_the_version_and_its_commit_and_each_event(chromium, function):
    opened(chromium, f"{function.url}#v7-0123456789abcdef")
    assert [text(chromium, name) for name in ("version", "commit", "id")] == ["7", "0123456789ab", "0"]
    function.publish('{"order": 7}')
    chromium.until(f"{COUNT} === 2")
    assert (text(chromium, "id"), shown(chromium)) == ("1", ['{"order": 7}'])
    assert chromium.log == []


def test_the_commit_of_another_version_is_not_shown(chromium, function):
    """A link is kept, and the next deploy makes another version live."""
    opened(chromium, f"{function.url}#v6-0123456789abcdef")
    assert (text(chromium, "version"), text(chromium, "commit")) == ("7", "\N{EN DASH}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [SMALL, LARGE])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    chromium, function, axe_script, tmp_path, scheme, width
):
    view(chromium, width, scheme)
    opened(chromium, function.url)
    function.publish(json.dumps("x" * 200))
    chromium.until(f"{COUNT} === 2")
    assert axe.violations(chromium, axe_script) == []
    assert chromium.value("document.documentElement.scrollWidth") <= width
    background = chromium.value("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    chromium.screenshot(tmp_path / f"{scheme}-{width}.png")
    assert chromium.log == []


@pytest.mark.parametrize(("motion", "name"), [("no-preference", "pulse"), ("reduce", "none")])
def test_nothing_moves_for_who_wants_less_motion(chromium, function, motion, name):
    view(chromium, LARGE, motion=motion)
    opened(chromium, function.url)
    chromium.until("document.querySelector('#state.event') !== null")
    animation = "getComputedStyle(document.getElementById('state'), '::before').animationName"
    assert chromium.value(animation) == name


def test_after_answers_that_stop_an_event_source_the_page_makes_a_new_one_and_misses_nothing(chromium, function):
    """HTML standard, section 9.2.3: an answer with another status than 200 fails the connection for ever."""
    opened(chromium, function.url)
    function.publish('"before"')
    chromium.until(f"{COUNT} === 2")
    function.refusals = [429, 502]
    function.cut()
    chromium.until(f"{STATE}.startsWith('refused')")
    function.publish('"meanwhile 1"', '"meanwhile 2"')
    chromium.until(f"{STATE} === 'open' && {COUNT} === 5")
    assert shown(chromium) == ['"before"', '"meanwhile 1"', '"meanwhile 2"']
    assert function.refusals == []
    assert "after=1" in function.resumed[-1][1], "a new EventSource has no Last-Event-ID"
    assert text(chromium, "reconnects") == "1"


def test_after_a_cut_the_browser_itself_resumes_after_the_last_event(chromium, function):
    opened(chromium, function.url)
    function.publish('"before"')
    chromium.until(f"{COUNT} === 2")
    function.cut()
    function.publish('"meanwhile"')
    chromium.until(f"{COUNT} === 4")
    assert shown(chromium) == ['"before"', '"meanwhile"']
    assert [last for last, _ in function.resumed] == [None, "1"]


def test_events_of_other_names_are_shown_if_the_address_names_them(chromium, function):
    opened(chromium, f"{function.url}?events=order,heartbeat")
    function.publish('"a message"')
    chromium.until(f"{COUNT} === 2")
    assert chromium.log == []


def test_a_page_with_a_wrong_clock_shows_how_late_an_event_is_compared_with_the_fastest(chromium, function):
    wrong = "const now = Date.now; Date.now = () => now() - 3600_000;"
    opened(chromium, function.url, before=wrong)
    function.publish(json.dumps({"time": datetime.now(UTC).isoformat()}))
    chromium.until(f"{COUNT} === 2")
    assert text(chromium, "latency").startswith("+0 ms (clocks differ by 3")


def test_a_paused_page_counts_events_and_shows_none(chromium, function):
    opened(chromium, function.url)
    chromium.value("document.getElementById('pause').click()")
    function.publish('"unseen"')
    chromium.until(f"{COUNT} === 2")
    assert shown(chromium) == []
    assert chromium.value("document.getElementById('pause').getAttribute('aria-pressed')") == "true"


def test_events_come_one_by_one_through_nginx_as_it_is(chromium, function, programs, tmp_path):
    with nginx(programs.nginx, tmp_path, function.url) as address:
        opened(chromium, address)
        for number in range(1, 4):
            function.publish(f'"{number}"')
            chromium.until(f"{COUNT} === {number + 1}", 5)
        assert shown(chromium) == ['"1"', '"2"', '"3"']


def test_an_nginx_that_compresses_and_ignores_the_header_holds_them_back(chromium, function, programs, tmp_path):
    """The control: if events came here too, the test above would prove nothing."""
    with nginx(programs.nginx, tmp_path, function.url, COLLECTING) as address:
        chromium.open(address)
        function.publish('"1"')
        until(lambda: function.resumed, 10, "the request of the EventSource")
        with pytest.raises(AssertionError, match="stayed False"):
            chromium.until(f"{COUNT} > 0", 5)
