"""Bad images, deployed for real while a client keeps asking: none is ever served, and no request fails."""

import pytest
from support.chaos.bad_images import APP, BAD, MAIN
from support.chaos.traffic import Traffic
from support.deploys.checkout import REPOSITORY

# A version that says nothing is given up sooner than a cold start in AWS would have it; seconds
IMPATIENT = {"INVOKE_VERIFY_FIRST_EVENT": "8", "INVOKE_VERIFY_BETWEEN": "3"}
TALLY = []


def digests(checkout):
    details = checkout.client("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"]
    return {detail["imageDigest"] for detail in details}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name.replace(" ", "-"))
def test_a_bad_image_serves_no_request_and_fails_none(clone, bad):
    live, before = clone.live(), digests(clone)
    bad.spoil(clone)
    with Traffic(clone) as traffic:
        outcome = clone.invoke("deploy", "--env", "sandbox", **IMPATIENT)
    TALLY.append((bad.name, outcome.code, bad.stage, traffic.requests, traffic.requests - traffic.served[live]))
    assert outcome.code == bad.code, outcome.text
    assert f"✗ {bad.stage}" in outcome.text
    assert bad.fact in outcome.text
    assert "try: " in outcome.text
    assert "src/delivery" not in outcome.text, "a traceback of our own"
    assert clone.live() == live
    assert traffic.failed == []
    assert set(traffic.served) == {live}
    assert traffic.requests > 5, "nobody asked"
    if bad.code == 5:
        assert digests(clone) == before, "it reached the registry"
    else:
        assert f"release-{clone.versions()[-1]}" not in clone.tags()


def test_an_image_is_started_before_it_is_pushed(clone):
    """Without the start it would have been pushed, applied, and found out with exit 7."""
    app = clone.root / APP
    app.write_text(f"{app.read_text()}\n# an image that was not started yet\n")
    clone.commit("good")
    good = clone.invoke("push-image", "--env", "sandbox")
    assert "3 events after" in good.text, good.text
    assert good.code == 0, good.text
    before = digests(clone)
    clone.edit(MAIN, "import asyncio\n", "raise RuntimeError('crash at import')\n")
    clone.commit("bad")
    bad = clone.invoke("deploy", "--env", "sandbox", "--yes")
    assert bad.code == 5, bad.text
    assert "RuntimeError: crash at import" in bad.text
    assert digests(clone) == before


def test_what_was_counted(capsys):
    if len(TALLY) < len(BAD):
        pytest.skip("only together with the others")
    heading = f"{'image':<24}{'exit':>5}  {'stage':<8}{'requests':>9}{'not by live':>13}"
    rows = [f"{name:<24}{code:>5}  {stage:<8}{requests:>9}{bad:>13}" for name, code, stage, requests, bad in TALLY]
    with capsys.disabled():
        print("\n" + "\n".join([heading, *rows]))
    assert sum(bad for *_, bad in TALLY) == 0
