"""GitHub's cancel at random moments of a whole deploy: no lock, no orphan, no container, and the next one converges."""

import collections
import contextlib
import random
import re
import signal
import subprocess

import pytest
from support.chaos.place import ENV, SOURCE
from support.waiting import until

# actions/runner, ProcessInvoker: SIGINT to the step's process alone, then SIGTERM, then SIGKILL
SEQUENCE = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 10.0))  # with the seconds waited after each
EVERY = 4  # cancels, then a deploy that is left alone


@pytest.fixture(scope="module")
def longest(place):
    """Seconds of a whole deploy with a build: of one that Terraform applies, and of one on the short way."""
    return {terraform: seconds(place, terraform) for terraform in (True, False)}


def seconds(place, terraform):
    change(place, f"none-{terraform}", 511 if terraform else None)
    child = place.typed("deploy")
    text, _ = child.communicate(timeout=600)
    assert child.returncode == 0, text
    assert ("has the new images" in text) is not terraform, text
    return float(re.search(r"is live in ([\d.]+) s", text)[1]) + 1.5  # and the start of Python


def change(place, name, memory):
    """Something for every stage to do; without a new `memory`, the deploy goes the short way."""
    path = place.clone.root / SOURCE
    path.write_text(re.sub(r"\n# cancel \S+\n|\Z", f"\n# cancel {name}\n", path.read_text(), count=1))
    if memory:
        place.memory(memory)


def cancelled(child, seconds):
    """Let it run so long, then cancel as GitHub does; returns what it printed and the last signal it needed."""
    sent = None
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.communicate(timeout=seconds)[0], sent
    for number, patience in SEQUENCE:
        sent = number
        child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=patience)[0], sent
    raise AssertionError("it outlived SIGKILL")


def where(text):
    """The stage it was cancelled in, from the last line it printed."""
    result = re.search(r"^Interrupted(?: in ([\w ]+))?[:;]", text, re.MULTILINE)
    return "before the first stage" if result is None else result[1] or "between stages"


def pytest_generate_tests(metafunc):
    """One test for so many cancels and the deploy after them: what is seen while hundreds run."""
    if "batch" in metafunc.fixturenames:
        number = metafunc.config.getoption("--cancels")
        batches = [range(first, min(first + EVERY, number + 1)) for first in range(1, number + 1, EVERY)]
        metafunc.parametrize("batch", batches, ids=lambda batch: f"{batch[0]}-to-{batch[-1]}")


@pytest.fixture(scope="module")
def tally(place):
    """How the cancelled deploys ended."""
    del place
    return collections.Counter()


def test_a_deploy_that_is_cancelled_at_any_moment_leaves_nothing_and_the_next_one_converges(
    place, longest, request, tally, batch
):
    seed = request.config.getoption("--seed")
    containers, chance = place.containers(), random.Random(f"{seed}, {batch[0]}")
    terraform = batch[0] // EVERY % 2 == 1  # every other batch
    for index in batch:
        change(place, index, 513 + index if terraform else None)
        at = chance.uniform(0.3, longest[terraform])
        text, sent = cancelled(place.typed("deploy"), at)
        output = f"seed {seed}, cancel {index} after {at:.2f} s:\n{text}"
        ended = where(text) if sent else "finished first"
        tally[ended, sent.name if sent else "-"] += 1
        assert "Traceback" not in text or ended == "before the first stage", output
        until(lambda: not place.tools(), 15, f"the end of {place.tools()}; {output}")
        assert place.locks() == [], output
        if sent != signal.SIGKILL:  # what a killed task leaves is for the next one to take away
            assert place.scratches() == [], output
        assert place.containers() <= containers, output
    outcome = place.invoke("deploy")
    assert outcome.code == 0, f"seed {seed}\n{outcome.text}"
    assert place.live() == place.newest(), f"seed {seed}"
    assert place.scratches() == [], f"seed {seed}"


def test_every_cancel_was_counted(tally, longest, request, table):
    number, seed = request.config.getoption("--cancels"), request.config.getoption("--seed")
    rows = [f"  {count:>3}  {stage:<24} {last}" for (stage, last), count in sorted(tally.items())]
    times = " and ".join(f"{each:.0f} s" for each in longest.values())
    head = f"Cancels: {number} of deploys of {times} in {ENV}, --seed {seed}; stage and last signal needed"
    table += ["", head, *rows, "  locks 0, orphans 0, containers 0, folders 0; each time the next deploy converged"]
    assert tally.total() == number
