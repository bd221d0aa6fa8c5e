"""A prune after failures: what failed and was replaced goes, what serves or could serve again stays."""

from support.chaos.bad_images import BAD
from support.chaos.traffic import Traffic
from support.deploys.checkout import FUNCTION, REPOSITORY

PRUNE = ("prune", "--env", "sandbox")


def digests(checkout):
    """Digest to tags, of everything in the repository."""
    details = checkout.client("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"]
    return {detail["imageDigest"]: detail.get("imageTags", []) for detail in details}


def runs(checkout, version):
    code = checkout.client("lambda").get_function(FunctionName=FUNCTION, Qualifier=version)["Code"]
    return code["ImageUri"].partition("@")[2]


def released(checkout):
    return {tag.removeprefix("release-") for tag in checkout.tags() if tag.startswith("release-")}


def test_what_failed_goes_and_what_serves_or_was_released_stays(clone):
    head = clone.head()
    next(bad for bad in BAD if bad.name == "another event").spoil(clone)
    assert clone.invoke("deploy", "--env", "sandbox").code == 7
    failed = clone.versions()[-1]
    assert "nothing to prune" in clone.invoke(*PRUNE, "--dry-run").text, "somebody may be verifying it"
    clone.restore(head)
    assert clone.invoke("deploy", "--env", "sandbox").code == 0
    before, gone = released(clone), runs(clone, failed)

    shown = clone.invoke(*PRUNE, "--dry-run")
    assert f"- version {failed} of {FUNCTION}" in shown.text, shown.text
    assert f"- image {gone[:19]}" in shown.text
    assert clone.invoke(*PRUNE).code == 4, "it asks, and nobody answered"
    assert failed in clone.versions()

    with Traffic(clone) as traffic:
        outcome = clone.invoke(*PRUNE, "--yes")
    assert outcome.code == 0, outcome.text
    assert traffic.failed == []
    assert set(clone.versions()) == before | {clone.live()}
    left = digests(clone)
    assert gone not in left
    assert {runs(clone, version) for version in clone.versions()} <= set(left)
    assert ["buildcache"] in left.values()
    assert "nothing to prune" in clone.invoke(*PRUNE, "--yes").text
    assert "no changes: the infrastructure is as described" in clone.invoke("tf-plan", "--env", "sandbox").text
