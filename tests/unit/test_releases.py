"""The history of a function, from what AWS itself records."""

from stories import COMMIT, DIGEST, FUNCTION, NAME, world

from delivery import releases
from delivery.releases import Entry


def version(number, commit=COMMIT):
    modified = f"2026-01-0{number if number != '$LATEST' else 9}T03:04:05.000+0000"
    return {"Version": number, "Description": f"commit {commit}", "LastModified": modified}


def made(root):
    world_ = world(root)
    world_.aws.functions.versions = [
        version("$LATEST"),
        version("1", "a" * 40),
        version("2", f"{COMMIT}-dirty"),
        version("3"),
    ]
    world_.aws.functions.live = "2"
    world_.aws.ecr.tags = {(NAME, "release-1"): DIGEST, (NAME, "release-2"): DIGEST}
    return world_


def test_every_published_version_is_listed_newest_first(tmp_path):
    found = releases.history(made(tmp_path).aws, FUNCTION)
    assert [entry.version for entry in found] == ["3", "2", "1"]
    assert found[1] == Entry("2", f"{COMMIT}-dirty", DIGEST, "2026-01-02T03:04:05.000+0000", live=True)
    assert [(entry.live, bool(entry.digest)) for entry in found] == [(False, False), (True, True), (False, True)]


def test_versions_are_ordered_as_numbers(tmp_path):
    world_ = made(tmp_path)
    world_.aws.functions.versions = [version("9"), version("10"[:2]) | {"LastModified": ""}]
    assert [entry.version for entry in releases.history(world_.aws, FUNCTION)] == ["10", "9"]


def test_the_table_says_when_what_and_whether_it_is_live_or_was_verified(tmp_path):
    lines = releases.table(releases.history(made(tmp_path).aws, FUNCTION))
    assert [line.split() for line in lines] == [
        ["version", "published", "(UTC)", "commit", "image", "state"],
        ["3", "2026-01-03", "03:04:05", COMMIT[:12], "-", "not", "verified"],
        ["2", "2026-01-02", "03:04:05", f"{COMMIT[:12]}-dirty", DIGEST[:19], "live"],
        ["1", "2026-01-01", "03:04:05", "a" * 12, DIGEST[:19], "verified"],
    ]


def test_the_columns_stand_below_their_headings(tmp_path):
    heading, *rows = releases.table(releases.history(made(tmp_path).aws, FUNCTION))
    for word in ("published", "commit", "image", "state"):
        at = heading.index(word)
        assert all(row[at] != " " and row[at - 1] == " " for row in rows), word


def test_a_function_without_versions_is_only_a_heading():
    assert len(releases.table(())) == 1
