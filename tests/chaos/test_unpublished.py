"""A run is killed after Lambda took its change and before it published a version: Terraform sees nothing to do."""

import os
import signal

from faulty import Rule, relaying, through
from waiting import until

PUBLISH = r"POST /2015-03-31/functions/[^ ]+/versions"


def test_the_next_deploy_publishes_what_nobody_published_and_makes_it_live(place):
    place.memory(800 + int(place.newest()))
    before = place.newest()
    with relaying(place.endpoint, Rule(PUBLISH, "hold")) as relay:
        child = place.typed("deploy", **through(relay))
        assert relay.met.wait(90)
        for pid, line in place.tools().items():
            if "terraform" in line and "apply" in line:
                os.kill(pid, signal.SIGKILL)
        text, _ = child.communicate(timeout=60)
    assert child.returncode == 6, text
    until(lambda: not place.tools(), 20, "the end of the provider")
    assert place.newest() == before, "it was published after all"
    again = place.invoke("deploy")
    assert again.code == 0, again.text
    assert "what a killed run had changed has a version now" in again.text
    assert place.live() == place.newest() != before
    plan = place.invoke("tf-plan")
    assert "no changes" in plan.text, plan.text
