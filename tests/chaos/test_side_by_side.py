"""Two environments are two of everything: nobody waits for the other, and neither gets what is the other's."""

import re

from support.chaos.place import FUNCTION, SOURCE


def digest(client, name):
    """The image that the live version runs."""
    return client.get_function(FunctionName=name, Qualifier="live")["Code"]["ImageUri"].partition("@")[2]


def test_deploys_of_two_environments_at_once_both_end_well(deployed, place):
    clone, _ = deployed
    path = clone.root / SOURCE
    before = path.read_text()
    path.write_text(f"{before}\n# side by side\n")
    try:
        both = place.typed("deploy"), clone.start("deploy", "--env", "sandbox")
        texts = [child.communicate(timeout=600)[0] for child in both]
    finally:
        path.write_text(before)
    assert [child.returncode for child in both] == [0, 0], "\n".join(texts)
    assert place.live() == place.newest()
    assert clone.live() == max(clone.versions(), key=int)
    pushed = {re.search(r"sse-streaming (sha256:\w+)", text)[1] for text in texts}
    assert len(pushed) == 1, "one commit, one image"
    live = {digest(place.client("lambda"), FUNCTION), digest(clone.client("lambda"), "sandbox-sse-streaming")}
    assert len(live) == 1
    assert live.pop().startswith(pushed.pop())
