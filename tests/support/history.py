"""A function with three versions: 1 and 2 were verified, 2 is live after 1, and 3 was not verified."""

from support.aws import FakeEcr
from support.build import DIGEST, manifest
from support.world import COMMIT, NAME, REPOSITORY, world

OTHER = "sha256:" + "e" * 64


def version(number, commit=COMMIT):
    """A version as Lambda lists it."""
    modified = f"2026-01-0{number if number != '$LATEST' else 9}T03:04:05.000+0000"
    return {"Version": number, "Description": f"commit {commit}", "LastModified": modified}


def three_versions(root):
    """The run context of that function."""
    world_ = world(root)
    lambda_ = world_.aws.functions
    lambda_.versions = [version("$LATEST"), version("1", commit="a" * 40), version("2", commit=f"{COMMIT}-dirty")]
    lambda_.versions.append(version("3"))
    lambda_.live = "2"
    lambda_.images = {"1": f"{REPOSITORY}@{DIGEST}", "2": f"{REPOSITORY}@{DIGEST}", "3": f"{REPOSITORY}@{OTHER}"}
    lambda_.images["$LATEST"] = lambda_.images["3"]
    lambda_.commits = {"1": "a" * 40, "2": f"{COMMIT}-dirty", "3": COMMIT}
    names = ("release-1", "release-2", tag("live", 5, "v1-by-ann"), tag("live", 6, "v2-after-v1-by-bob"))
    world_.aws.ecr = FakeEcr({NAME: {DIGEST: manifest(), OTHER: "other"}}, {(NAME, name): DIGEST for name in names})
    return world_


def tag(kind, day, rest):
    """The tag of a release record of January 2026."""
    return f"{kind}-2026010{day}T080910.000000Z-{rest}"


def record(world_, kind, day, rest):
    """Add a release record."""
    world_.aws.ecr.tags[NAME, tag(kind, day, rest)] = DIGEST
