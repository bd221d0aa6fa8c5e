"""The sentences, tables and JSON of results: a person reads them, and scripts parse them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.build import DIGEST
from support.world import COMMIT, ENVIRONMENT, FUNCTION, NAME, PUSHED

from delivery import health
from delivery.aws import scan
from delivery.aws.ecr import StoredImage
from delivery.aws.scan import Scan
from delivery.cli import report
from delivery.commands.diff import Change, Difference, Live
from delivery.commands.doctor import Finding
from delivery.commands.promote import Promotion
from delivery.commands.prune import Pruning
from delivery.commands.status import EnvironmentStatus, FunctionStatus
from delivery.errors import CloudError
from delivery.image import components
from delivery.image.contents import Contents
from delivery.image.vulnerabilities import Scanned
from delivery.reference import PushedImage
from delivery.release.acceptance import Acceptance
from delivery.release.history import HistoryEntry
from delivery.release.live import Release
from delivery.release.records import LIVE, ROLLBACK, Record
from delivery.terraform.plan import Plan, Stack

OTHER = "sha256:" + "e" * 64
ANN = Record(LIVE, "2026-01-05T08:09:10.000000Z", "1", "", "ann")
BOB = Record(LIVE, "2026-01-06T08:09:10.000000Z", "2", "1", "bob")
YES = Acceptance(True, "2026-01-07T08:09:10.000000Z", "ci")
NO = replace(YES, accepted=False)
FIRST = HistoryEntry("1", "a" * 40, "2026-01-01T03:04:05.000+0000", DIGEST, DIGEST, made_live=ANN)
SECOND = HistoryEntry(
    "2", f"{COMMIT}-dirty", "2026-01-02T03:04:05.000+0000", DIGEST, DIGEST, weight=1.0, live=True, made_live=BOB
)
THIRD = HistoryEntry("3", COMMIT, "2026-01-03T03:04:05.000+0000", OTHER)


def words(lines):
    """Each line with single spaces."""
    return [" ".join(line.split()) for line in lines]


def plan(creates=(), deletes=()):
    stack = Stack("service", Path("service"), Path("data"), replace(ENVIRONMENT, name="preprod"))
    return Plan(stack, Path("plan"), tuple(creates), (), tuple(deletes), empty=not creates and not deletes)


def test_a_history_shows_times_commit_digest_person_and_state():
    third, second, first = COMMIT[:12], f"{COMMIT[:12]}-dirty", "a" * 12
    entries = [THIRD, replace(SECOND, acceptance=YES), replace(FIRST, acceptance=NO)]
    assert words(report.history_table({"orders": entries})) == [
        "function version published (UTC) commit image accepted (UTC) made live (UTC) by state",
        f"orders 3 2026-01-03 03:04:05 {third} {OTHER[:19]} - - - not verified",
        f"orders 2 2026-01-02 03:04:05 {second} {DIGEST[:19]} 2026-01-07 08:09:10 2026-01-06 08:09:10 bob live",
        f"orders 1 2026-01-01 03:04:05 {first} {DIGEST[:19]} no: 2026-01-07 08:09:10 2026-01-05 08:09:10 ann verified",
    ]


def test_columns_are_aligned_below_their_headings():
    heading, *rows = report.history_table({"orders": [THIRD, SECOND, FIRST]})
    for word in ("published", "commit", "image", "accepted", "made live", "by", "state"):
        column = heading.index(word)
        assert all(row[column] != " " and row[column - 1] == " " for row in rows), word


def test_a_function_without_versions_has_only_a_heading():
    assert len(report.history_table({"orders": ()})) == 1


@pytest.mark.parametrize("columns", ["20", "80"])
def test_a_table_is_not_wrapped_or_truncated_in_a_narrow_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    person = "p" * 300
    entry = replace(SECOND, made_live=replace(BOB, who=person))
    heading, row = report.history_table({"orders": [entry]})
    assert person in row
    assert row.endswith(" live")
    assert heading.endswith(" state")


def test_a_table_shows_brackets_as_they_are_and_no_colours():
    (_, row) = report.history_table({"orders": [replace(SECOND, made_live=replace(BOB, who="[red]bob"))]})
    assert "[red]bob" in row
    assert "\x1b" not in row


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        (THIRD, "not verified"),
        (replace(THIRD, released=DIGEST), "not verified"),
        (FIRST, "verified"),
        (SECOND, "live"),
        (replace(SECOND, weight=0.9), "live (90%)"),
        (replace(THIRD, weight=0.1), "canary (10%)"),
        (replace(THIRD, weight=0.005), "canary (0.5%)"),
        (replace(THIRD, given_up=True), "given up"),
        (replace(FIRST, undone="3"), "rolled back to 3"),
        (replace(SECOND, made_live=replace(BOB, kind=ROLLBACK, after="3")), "live, rolled back from 3"),
    ],
)
def test_each_version_has_a_state(entry, state):
    assert report.state(entry) == state


def test_the_json_of_a_history_has_every_fact_by_image():
    assert json.loads(report.history_json({"x": [SECOND]}, {"x": ""}))["x"][0]["url"] is None
    document = json.loads(report.history_json({"x": [THIRD, replace(SECOND, acceptance=YES)]}, {"x": FUNCTION.url}))
    assert (document["x"][0]["url"], document["x"][0]["acceptance"]) == (None, None)
    assert document["x"][1] == {
        "version": "2",
        "commit": f"{COMMIT}-dirty",
        "digest": DIGEST,
        "published": "2026-01-02T03:04:05.000+0000",
        "verified": True,
        "live": True,
        "weight": 1,
        "url": FUNCTION.url,
        "acceptance": {"accepted": True, "at": "2026-01-07T08:09:10.000000Z", "who": "ci"},
        "live_since": "2026-01-06T08:09:10.000000Z",
        "by": "bob",
        "canary_given_up": False,
        "rolled_back_from": "",
        "rolled_back_to": "",
    }


def test_a_plan_lists_its_changes_and_then_the_counts():
    *changes, counts = report.plan_lines(plan(creates=("a.b",), deletes=("c.d",)))
    assert [line.split()[-1] for line in changes] == ["a.b", "c.d"]
    assert counts == "1 to create, 0 to update, 1 to delete"


STREAM = {"stream": "/events"}
HTTP = {"http": "/health"}
EVENT = {"invoke": {}}
BASE = FUNCTION.url.removesuffix("/")


def released(url, public, contract, commit=""):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Release("preprod", "x", "7", DIGEST, url, public, at, health.parse(json.dumps(contract)), commit)


@pytest.mark.parametrize(
    ("url", "public", "contract", "text"),
    [
        (FUNCTION.url, True, STREAM, f"curl -N {BASE}/events"),
        (FUNCTION.url, False, STREAM, "./dev invoke stream --env preprod"),
        (FUNCTION.url, True, HTTP, f"curl {BASE}/health"),
        (FUNCTION.url, False, HTTP, f"{FUNCTION.url}, for signed requests"),
        (FUNCTION.url, True, EVENT, FUNCTION.url),
        ("", False, EVENT, "live; no URL"),
        ("", False, HTTP, "live; no URL"),
    ],
)
def test_a_release_is_one_line_with_its_version_and_how_it_is_reached(url, public, contract, text):
    assert report.release_lines([released(url, public, contract)])[0] == f"x version 7: {text}"


@pytest.mark.parametrize(
    ("releases", "last"),
    [
        ([(FUNCTION.url, True, HTTP, COMMIT)], f"open {FUNCTION.url}#v7-{COMMIT[:12]}"),
        ([(FUNCTION.url, True, STREAM)], f"open {FUNCTION.url}"),
        ([(FUNCTION.url, False, STREAM, COMMIT)], f"{FUNCTION.url} takes signed requests only"),
        ([("https://a.test/", False, HTTP), (FUNCTION.url, True, HTTP)], f"open {FUNCTION.url}"),
        ([("", False, EVENT)], "x version 7: live; no URL"),
    ],
)
def test_the_last_line_of_releases_is_the_url_of_a_function_that_everyone_may_call(releases, last):
    """The fragment is for a page: a version never gets another commit."""
    assert report.release_lines([released(*each) for each in releases])[-1] == last


def test_a_release_that_was_not_called_has_a_line_that_says_so():
    _, line = report.release_lines([released("", False, {"none": "it deletes what it finds"})])
    assert line == "! x version 7 was NOT called before it became live: it deletes what it finds"


@pytest.mark.parametrize(
    ("releases", "url"),
    [
        ([("https://a.test/", False, STREAM), ("https://b.test/", True, STREAM)], "https://b.test/events"),
        ([("", False, EVENT), ("https://a.test/", False, HTTP)], "https://a.test/health"),
        ([("https://a.test/", True, EVENT)], "https://a.test"),
        ([("", False, EVENT)], ""),
        ([], ""),
    ],
)
def test_github_shows_the_address_of_the_first_function_that_everyone_may_call(releases, url):
    assert report.deployment_url([released(*each) for each in releases]) == url


def test_a_promotion_names_image_digest_and_commit():
    promotion = Promotion(COMMIT, "2", PUSHED, PUSHED, True)
    assert report.promotion_lines([promotion]) == (f"sse-streaming {PUSHED.short_digest}, commit {COMMIT[:12]}",)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Scan("ACTIVE"), "no known vulnerability"),
        (Scan("NONE"), "not scanned"),
        (Scan("IN_PROGRESS"), "in progress"),
        (
            Scan("COMPLETE", "", (scan.Finding("CVE-1", "HIGH", "a", "1"), scan.Finding("CVE-1", "HIGH", "b", "1"))),
            "1 high",
        ),
    ],
)
def test_the_scan_of_an_image_is_one_line(found, text):
    assert report.scan_lines([Scanned(PUSHED, found)]) == (f"scan of sse-streaming: {text}",)


def test_a_check_shows_its_result_or_its_failure():
    good, bad = report.finding_lines(
        [Finding("docker", "26.1.5"), Finding("bucket", "", CloudError("It is gone.", "", "invoke bootstrap"))]
    )
    assert good.split() == ["✓", "docker", "26.1.5"]
    assert bad.startswith("✗ bucket")
    assert bad.endswith("It is gone.\n  try: invoke bootstrap")


def test_a_pruning_lists_versions_and_images():
    pruning = Pruning(FUNCTION, NAME, ("1", "3"), (StoredImage(OTHER, ("keep-1", "x")),))
    lines = ("- version 1 of fn", "- version 3 of fn", f"- image {OTHER[:19]} (keep-1, x)")
    assert report.pruning_lines([pruning]) == lines


NEW = PushedImage("sse-streaming", PUSHED.repository, OTHER)
LAYERS = {"sha256:1": 1_000_000, "sha256:2": 2_500_000}


def difference(live, commits=(), image=NEW, saved=None, **packages):
    change = Change(image, live, LAYERS, {"sha256:1": 1_000_000} if live else {}, commits, **packages)
    return report.difference_lines(Difference((change,), saved or plan(creates=("a.b",))))


LIVE_NOW = Live("2", COMMIT, PUSHED, FUNCTION.url)


def test_a_difference_shows_commits_new_layers_and_the_plan():
    head, commit, image, packages, created, counts = difference(LIVE_NOW, ("1234567 Add a test",), packages=())
    assert "version 2 is live" in head
    assert COMMIT[:12] in head
    assert commit == "commit 1234567 Add a test"
    assert f"{PUSHED.short_digest} -> {NEW.short_digest}: 1 of 2 layers new, 2.5 MB to fetch" in image
    assert packages == "packages: the same"
    assert created.endswith("a.b")
    assert counts == "1 to create, 0 to update, 0 to delete"


def test_a_difference_shows_each_package_with_its_versions():
    packages = (
        components.Change("base", "", (f"docker.io/library/python@{DIGEST}",), (f"docker.io/library/python@{OTHER}",)),
        components.Change("deb", "openssl", ("3.5.1",), ("3.5.2",)),
        components.Change("pypi", "h11", (), ("0.16.0",)),
        components.Change("pypi", "idna", ("3.10", "3.9"), ()),
    )
    assert difference(LIVE_NOW, packages=packages)[3:7] == (
        f"base docker.io/library/python {DIGEST[:19]} -> docker.io/library/python {OTHER[:19]}",
        "package openssl 3.5.1 -> 3.5.2",
        "package h11 0.16.0 is new",
        "package idna 3.10, 3.9 is removed",
    )


def test_a_difference_of_many_packages_is_cut_and_says_so():
    packages = tuple(components.Change("deb", f"p{number}", ("1",), ("2",)) for number in range(47))
    lines = difference(LIVE_NOW, packages=packages)
    assert len([line for line in lines if line.startswith("package p")]) == 20
    assert "packages: 27 more; `--json` has all" in lines


def test_packages_that_are_not_known_are_reported_with_the_reason():
    assert "packages: not known; The image does not exist." in difference(LIVE_NOW, unknown="The image does not exist.")


BOM = {
    "metadata": {"properties": [{"name": "delivery:gap", "value": f"npm: /x{number} not read"} for number in range(5)]},
    "components": [
        {"name": "docker.io/library/python", "version": OTHER, "purl": f"pkg:oci/python@{OTHER}"},
        *(
            {"name": f"lib{number}", "version": "1.0", "purl": f"pkg:deb/debian/lib{number}@1.0"}
            for number in range(90)
        ),
        {"name": "h11", "version": "0.16.0", "purl": "pkg:pypi/h11@0.16.0"},
        {"name": "python", "version": "3.13.9", "purl": "pkg:generic/python@3.13.9"},
    ],
}


def test_an_sbom_is_ten_lines_that_fit_on_a_screen():
    lines = report.sbom_lines([Contents(NEW, BOM, "build.sign_with names no signer")])
    assert [" ".join(line.split()[:3]) for line in lines] == [
        f"sse-streaming {NEW.short_digest}: 90",
        f"base docker.io/library/python {OTHER[:19]}",
        "Python h11 0.16.0",
        "other python 3.13.9",
        "Debian lib0 1.0,",
        "not read npm:",
        "not read npm:",
        "not read npm:",
        "not read 2",
        "source made from",
    ]
    assert lines[0].endswith(": 90 Debian, 1 other, 1 Python")
    assert lines[-1].endswith("in the registry: build.sign_with names no signer")
    assert max(map(len, lines)) <= 120


def test_a_signed_sbom_says_so_and_an_empty_one_too():
    head, source = report.sbom_lines([Contents(NEW, {}, "")])
    assert head.endswith(": no packages")
    assert source == "  source    the signed SBOM beside the image"


def test_the_json_of_sboms_has_each_document_by_its_image():
    assert json.loads(report.sbom_json([Contents(NEW, BOM)])) == {"sse-streaming": BOM}


def test_a_difference_without_a_live_version_shows_the_whole_size():
    assert difference(None)[0] == f"sse-streaming: nothing is live; {NEW.short_digest}, 3.5 MB to fetch"


def test_a_live_commit_that_this_clone_lacks_leads_to_git_fetch():
    assert "`git fetch`" in difference(LIVE_NOW, None)[1]


def test_no_new_commits_are_reported():
    assert difference(LIVE_NOW, ())[1].startswith("commits: none")


def test_a_deploy_of_the_live_image_changes_nothing():
    head, last = difference(LIVE_NOW, (), PUSHED, plan())
    assert "the same image" in head
    assert last.startswith("nothing")


def status(name, digest=DIGEST, age=7200.0, drift=None):
    entry = replace(SECOND, digest=digest, commit=COMMIT)
    return EnvironmentStatus(name, (FunctionStatus("x", entry, age),), drift)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "gone"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (86400 * 3, "3 d")]
)
def test_a_status_shows_the_age_of_the_image_in_one_unit(seconds, text):
    (_, row) = report.status_table([status("preprod", age=seconds)])
    assert " ".join(row.split()).endswith(f"2026-01-06 08:09:10 bob {text} - - none")


def test_a_status_lists_drift_failures_and_empty_environments_below_the_table():
    drift = plan(creates=("a.b",))
    empty, broken = EnvironmentStatus("dev"), EnvironmentStatus("prod", failure="AWS cannot be reached.")
    _, row, *below = report.status_table([status("preprod", drift=drift), empty, broken])
    assert row.endswith(drift.counts)
    assert below == [
        "dev: nothing is live yet",
        "prod: AWS cannot be reached.",
        *(f"preprod: {line}" for line in report.plan_lines(drift)),
    ]


@pytest.mark.parametrize(("digest", "same"), [(DIGEST, True), (OTHER, False)])
def test_a_status_compares_the_digests_of_environments(digest, same):
    both = [status("preprod"), status("prod", digest)]
    (line,) = report.same_bytes_lines(both)
    assert ("not the same bytes" in line) is not same
    assert "preprod" in line
    assert "prod" in line
    assert json.loads(report.status_json(both))["same_bytes"] == {"x": same}


def test_one_environment_alone_is_not_compared():
    assert report.same_bytes_lines([status("preprod")]) == ()


def test_the_json_of_a_status_has_functions_drift_and_error():
    broken = EnvironmentStatus("prod", failure="AWS cannot be reached.")
    drift = plan(creates=("a.b",))
    first, second = json.loads(report.status_json([status("preprod", drift=drift), broken]))["environments"]
    (function,) = first["functions"]
    facts = {name: function[name] for name in ("image", "image_age_seconds", "digest", "by")}
    assert facts == {"image": "x", "image_age_seconds": 7200, "digest": DIGEST, "by": "bob"}
    assert first["drift"] == list(report.plan_lines(drift))
    assert second == {
        "environment": "prod",
        "functions": [],
        "drift": [],
        "hold": None,
        "error": "AWS cannot be reached.",
    }


@pytest.mark.parametrize(
    ("commit", "short"), [(COMMIT, COMMIT[:12]), (f"{COMMIT}-dirty", f"{COMMIT[:12]}-dirty"), ("", "")]
)
def test_a_short_commit_still_says_that_the_work_tree_had_changes(commit, short):
    assert report.short_commit(commit) == short


def test_a_repository_that_no_function_uses_is_named():
    assert report.retired_lines(["old"]) == ("? the repository of old stays with its images: no function runs them",)


def test_the_json_of_a_difference_has_functions_and_infrastructure():
    packages = (components.Change("pypi", "h11", ("0.15",), ("0.16",)),)
    change = Change(NEW, LIVE_NOW, LAYERS, {"sha256:1": 1_000_000}, ("1234567 Add a test",), packages)
    new = Change(NEW, None, LAYERS, {}, None)
    document = json.loads(report.difference_json(Difference((change, new), plan(creates=("a.b",)))))
    first, second = document["functions"]
    assert first == {
        "function": NEW.name,
        "empty": False,
        "digest": NEW.digest,
        "live": {"version": "2", "commit": COMMIT, "digest": PUSHED.digest},
        "url": FUNCTION.url,
        "commits": ["1234567 Add a test"],
        "packages": [{"kind": "pypi", "name": "h11", "before": ["0.15"], "after": ["0.16"]}],
        "new_layers": 1,
        "bytes_to_fetch": 2_500_000,
    }
    assert [second[key] for key in ("live", "url", "commits", "packages")] == [None, None, None, None]
    assert document["infrastructure"] == {"empty": False, "creates": ["a.b"], "updates": [], "deletes": []}
    assert document["empty"] is False
