"""Each stage meets each fault: the exit code, the words, the stages that ran, the alias, and the next deploy."""

import contextlib
import re
import signal
import subprocess

import pytest
from cells import FAULTS, HANGS, MATRIX, WITHOUT
from faulty import Rule, relaying, through
from place import SOURCE, stages
from shims import hangs, shim
from waiting import until

ORDER = ("guards", "publish", "init", "plan", "apply", "verify", "release")
ROWS = tuple(dict.fromkeys(cell.stage for cell in MATRIX))


@contextlib.contextmanager
def small_disk(place, pages):
    """The runs' folder is a disk with so many pages of 4 KiB; what Terraform keeps there is not."""
    folder = place.clone.root / ".deploy"
    if pages:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pages * 4096}", "tmpfs", str(folder)], check=True)
        (folder / "full").write_bytes(b"x" * 4096)
    try:
        yield
    finally:
        if pages:
            subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def broken(place, cell, folder):
    """The world of a cell: the variables that lead there, and what tells that it hangs."""
    mark, variables = folder / "hangs", {}
    for tool in {tool for tool, _, _ in cell.shims}:
        cases = [(words, hangs(mark) if how == HANGS else how) for name, words, how in cell.shims if name == tool]
        variables |= shim(folder / "bin", place.path, tool, *cases)
    with contextlib.ExitStack() as world:
        world.enter_context(small_disk(place, cell.disk))
        if cell.relay:
            relay = world.enter_context(relaying(place.endpoint, *(Rule(*rule) for rule in cell.relay)))
            variables |= through(relay)
            if "/v2/" in cell.relay[0][0]:
                variables |= {"INVOKE_ENVIRONMENTS_PREPROD_REGISTRY": relay.host}
            yield variables, lambda: mark.exists() or relay.met.is_set()
            assert relay.met.is_set(), "the fault was never met"
        else:
            yield variables, mark.exists


def prepare(place, cell, number):
    """Give the stage something to do."""
    if cell.stage == "publish":
        path = place.clone.root / SOURCE
        path.write_text(re.sub(r"\n# fault \d+\n|\Z", f"\n# fault {number}\n", path.read_text(), count=1))
    elif cell.stage == "apply":
        place.memory(1000 + number)
    elif cell.stage == "release":
        name = {"FunctionName": "preprod-sse-streaming", "Name": "live"}
        place.client("lambda").update_alias(**name, FunctionVersion="1")  # somebody went back by hand


@pytest.fixture(scope="module")
def done(place):
    """What came out of each cell; the tree is clean again afterwards."""
    del place
    return {}


def ended(place, cell, folder):
    with broken(place, cell, folder) as (variables, hanging):
        child = place.typed(cell.task, **variables)
        if cell.cancel:
            until(hanging, 90, "the hanging tool")
            child.send_signal(signal.SIGINT)
        text, _ = child.communicate(timeout=170)
    return child.returncode, text


@pytest.mark.parametrize("cell", MATRIX, ids=lambda cell: cell.name.replace(" ", "-"))
def test_a_fault_ends_as_it_should_and_nothing_later_has_run(place, cell, tmp_path, done):
    prepare(place, cell, MATRIX.index(cell))
    live = place.live()
    code, text = ended(place, cell, tmp_path)
    done[cell.stage, cell.fault] = str(code)
    assert code == cell.code, text
    assert cell.said in text, text
    assert "Traceback" not in text
    if code:
        later = ORDER[ORDER.index(cell.stage) + 1 :] if cell.stage != "publish" else ORDER[3:]
        assert not set(stages(text)) & set(later), "a stage ran after the one that failed"
        assert place.live() == live
    assert place.scratches() == []
    until(lambda: not place.tools(), 20, f"the end of {place.tools()}")


@pytest.mark.parametrize("row", ROWS)
def test_after_the_faults_of_a_stage_the_next_deploy_converges(place, row):
    if row not in ("publish", "apply", "release"):
        pytest.skip("changed nothing: the cells of the rows below have deployed over it")
    outcome = place.invoke("deploy")
    assert outcome.code == 0, outcome.text
    assert place.live() == place.newest()


def test_every_pair_is_tried_or_has_a_reason(done, table):
    tried = {(cell.stage, cell.fault) for cell in MATRIX}
    missing = [f"{row} {fault}" for row in ROWS for fault in FAULTS if (row, fault) not in tried]
    assert missing == [name for name in missing if name in WITHOUT]
    width = max(map(len, FAULTS)) + 1
    heads = "".join(f"{fault:>{width}}" for fault in FAULTS)
    lines = [f"  {row:<8}" + "".join(f"{done.get((row, fault), 'n/a'):>{width}}" for fault in FAULTS) for row in ROWS]
    table += ["", "Faults: exit codes by stage (0: retried, and went through)", f"  {'':<8}{heads}", *lines]
    table += [f"  n/a {name}: {why}" for name, why in WITHOUT.items()]
