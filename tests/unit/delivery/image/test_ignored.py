"""osv-scanner.toml: which entries count, until when, and what is refused."""

from datetime import UTC, datetime

import pytest

from delivery import clock
from delivery.errors import ConfigurationError
from delivery.image import ignored

ENTRY = '[[IgnoredVulns]]\nid = "CVE-1"\n'
END = "ignoreUntil = 2026-12-31\n"
REASON = 'reason = "no request reaches it"\n'


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 27, 12, tzinfo=UTC))


def read(folder, text):
    (folder / "osv-scanner.toml").write_text(text)
    return ignored.read(folder)


def refused(folder, text):
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text)
    assert caught.value.exit_code == 2
    return caught.value


def test_without_the_file_nothing_is_ignored(tmp_path):
    assert ignored.read(tmp_path) == {}
    assert read(tmp_path, "") == {}


def test_an_entry_has_an_id_an_end_and_a_reason(tmp_path):
    (entry,) = read(tmp_path, ENTRY + END + REASON).values()
    assert (entry.id, entry.reason, entry.expired) == ("CVE-1", "no request reaches it", False)
    assert entry.until == datetime(2026, 12, 31, tzinfo=UTC)


def test_other_keys_and_sections_of_osv_scanner_do_not_matter(tmp_path):
    more = 'GoVersionOverride = "1.22"\n[[PackageOverrides]]\nname = "lib"\nignore = true\n'
    text = more + ENTRY + END + REASON + 'ticket = "SEC-1"\n'
    assert list(read(tmp_path, text)) == ["CVE-1"]


@pytest.mark.parametrize(
    ("end", "expired"),
    [
        ("2026-11-28", False),
        ("2026-11-27", True),
        ("2026-11-27T12:00:01", False),
        ("2026-11-27T12:00:00Z", True),
        ("2026-11-27T14:00:00+02:00", True),
        ("2026-11-27T13:59:00-01:00", False),
    ],
)
def test_an_exception_ends_at_its_time_and_a_date_is_its_midnight_in_utc(tmp_path, end, expired):
    (entry,) = read(tmp_path, f"{ENTRY}ignoreUntil = {end}\n{REASON}").values()
    assert entry.expired is expired


def test_of_two_entries_with_one_id_the_first_counts_as_in_osv_scanner(tmp_path):
    text = ENTRY + END + REASON + ENTRY + END + 'reason = "another"\n'
    assert read(tmp_path, text)["CVE-1"].reason == "no request reaches it"


@pytest.mark.parametrize("end", ["", 'ignoreUntil = "2026-12-31"\n', "ignoreUntil = 20261231\n"])
def test_an_exception_without_a_date_is_refused_with_the_line_to_type(tmp_path, end):
    error = refused(tmp_path, ENTRY + end + REASON)
    assert error.what == "osv-scanner.toml: CVE-1 has no `ignoreUntil`."
    assert error.hint == 'below id = "CVE-1": ignoreUntil = 2026-12-27'


@pytest.mark.parametrize("reason", ["", 'reason = " "\n', "reason = 7\n"])
def test_an_exception_without_a_reason_is_refused_with_the_line_to_type(tmp_path, reason):
    error = refused(tmp_path, ENTRY + END + reason)
    assert error.what == "osv-scanner.toml: CVE-1 has no `reason`."
    assert error.hint == 'below id = "CVE-1": reason = "no request reaches it"'


def test_an_entry_without_an_id_is_refused_by_its_number(tmp_path):
    error = refused(tmp_path, ENTRY + END + REASON + "[[IgnoredVulns]]\n" + END + REASON)
    assert error.what == "osv-scanner.toml: entry 2 of IgnoredVulns has no id."


@pytest.mark.parametrize("text", ['IgnoredVulns = "CVE-1"\n', "[IgnoredVulns]\n", 'IgnoredVulns = ["CVE-1"]\n'])
def test_entries_that_are_no_tables_are_refused(tmp_path, text):
    assert refused(tmp_path, text).hint == "begin each entry with [[IgnoredVulns]]"


def test_a_file_that_is_no_toml_is_refused_with_the_line(tmp_path):
    error = refused(tmp_path, ENTRY + "ignoreUntil = soon\n")
    assert "line 3" in error.why


def test_the_lines_that_are_proposed_are_an_entry(tmp_path):
    (entry,) = read(tmp_path, ignored.example("CVE-2")).values()
    assert (entry.id, entry.until) == ("CVE-2", datetime(2026, 12, 27, tzinfo=UTC))
