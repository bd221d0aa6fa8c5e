"""Each stage meets each fault: the exit code, the words, the stages that ran, the alias, and the next deploy."""

import signal

import pytest
from support.chaos.cells import CANCELLED, FAULTS, NEXT, together
from support.chaos.matrix import MATRIX
from support.chaos.place import FUNCTION, SOURCE, stages
from support.chaos.world import broken
from support.waiting import until

# `init` and `plan` run beside `build`, `check` and `push`; alone they come before whatever else.
ORDER = ("guards", "init", "build", "check", "push", "plan", "apply", "verify", "release")
CASES = [(row, cells) for row in MATRIX for cells in row.cases]
NAMES = [f"{row.stage} {' and '.join(cell.fault for cell in cells)}".replace(" ", "-") for row, cells in CASES]
SIGNALS = {CANCELLED: signal.SIGINT}


@pytest.fixture(scope="module")
def done(place):
    """What came out of each cell, its exit code and its stages; the clone's file is restored after."""
    path = place.clone.root / SOURCE
    text = path.read_text()
    yield {}
    path.write_text(text)


def prepare(place, row, number):
    """Give the stage something to do."""
    path = place.clone.root / SOURCE
    place.clone.git("checkout", "--quiet", "--", SOURCE)
    if row.stage in ("build", "push", "code"):
        path.write_text(f"{path.read_text()}\n# fault {number}\n")
    elif row.stage == "apply":
        place.memory(1000 + number)
    elif row.stage in ("verify", "release", "rollback"):  # somebody moved it by hand
        version = "1" if row.task == "deploy" else place.newest()
        place.client("lambda").update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=version)


def later(row):
    """The stages that come after that of a row; a live version whose image stays is verified beside the plan."""
    stage = "apply" if row.stage == "code" else row.stage
    after = ORDER[ORDER.index(stage) + 1 :] if stage in ORDER else ()
    return set(after) - ({"verify"} if row.stage in ("plan", "apply") else set())


def ended(place, row, cell, folder):
    """The exit code of the task, and what it printed. `cell`: the fault, or all that the task survives together."""
    if cell is NEXT:
        outcome = place.invoke("deploy")
        return outcome.code, outcome.text
    with broken(place, row, cell, folder) as (variables, met):
        child = place.typed(row.task, **variables)
        try:
            if cell.ends:
                until(met, 90, "the fault")
                child.send_signal(SIGNALS.get(cell.ends, signal.SIGKILL))
            text, _ = child.communicate(timeout=600)
            if child.returncode < 0:  # Terraform outlives a killed task, and writes the state through the same relay
                until(lambda: not place.tools(), 60, f"the end of {place.tools()}")
        finally:
            child.kill()
        assert met() or not cell.relay, f"the fault was never met:\n{text}"
    return child.returncode, text


@pytest.mark.parametrize(("row", "cells"), CASES, ids=NAMES)
def test_a_fault_ends_as_it_should_with_nothing_later_run_and_the_next_deploy_converges(
    place, row, cells, tmp_path, done
):
    cell = together(cells)
    prepare(place, row, CASES.index((row, cells)))
    live = place.live()
    code, text = ended(place, row, cell, tmp_path)
    done.update({(row.stage, each.fault): (code, stages(text)) for each in cells})
    assert code == cell.code, text
    assert cell.fact in text, text
    assert "Traceback" not in text
    if code:
        assert not set(stages(text)) & later(row), f"a stage ran after the one that failed:\n{text}"
        assert place.live() == live
    until(lambda: not place.tools(), 20, f"the end of {place.tools()}")
    if code >= 0:  # what a killed task leaves is for the next one to take away
        assert place.scratches() == []
    if cell is NEXT:
        assert place.live() == place.newest()
        assert place.locks() == []


def test_every_pair_is_tried_or_has_a_reason(done, table):
    for row in MATRIX:
        assert sorted([*(cell.fault for cell in row.cells), *row.without]) == sorted(FAULTS), row.stage
    table += report(done)


def report(done):
    """The matrix of exit codes, then each failure with its stages and the expected fact of its message."""
    columns = (*FAULTS, NEXT.fault)
    yield from ("", "Faults: exit codes by stage (0: tried again, and went through; -9: the task itself was killed)")
    yield "  What a task of a stage survives, it survived in one run."
    yield f"  {'':<9}" + "".join(f"  {fault}" for fault in columns)
    for row in MATRIX:
        codes = (f"{done.get((row.stage, fault), ('-',))[0]:>{len(fault) + 2}}" for fault in columns)
        yield f"  {row.stage:<9}{''.join(codes)}"
    yield "  Each failure: exit code, stages, and the expected fact of the message:"
    for row, cell in ((row, cell) for row, cells in CASES for cell in cells):
        if cell.code and (row.stage, cell.fault) in done:
            code, recorded = done[row.stage, cell.fault]
            yield f"  {row.stage:<9}{cell.fault:<19}{code:>4}  {' '.join(recorded) or '-':<47} {cell.fact}"
    reasons = {}
    for row in MATRIX:
        for fault, why in row.without.items():
            reasons.setdefault(why, []).append(f"{row.stage} {fault}")
    yield from (f"  - {', '.join(pairs)}: {why}" for why, pairs in reasons.items())
    yield f"  - {NEXT.fault} {', '.join(row.stage for row in MATRIX if not row.changes)}: nothing was changed"
