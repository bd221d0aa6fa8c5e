"""The order of the sides, and the functions that are added to a clone."""

import shutil

import pytest
from bench import many
from bench.many import add_functions, side_name
from bench.scenarios import Side, in_turn
from support import sample
from support.deploys.checkout import PROJECT

SIDES = [Side(name, lambda _: None, list) for name in "abc"]


def test_each_side_runs_once_in_a_round_and_each_round_begins_with_another_side():
    assert [(number, side.name) for number, side in in_turn(SIDES, 4)] == [
        *((0, "a"), (0, "b"), (0, "c")),
        *((1, "b"), (1, "c"), (1, "a")),
        *((2, "c"), (2, "a"), (2, "b")),
        *((3, "a"), (3, "b"), (3, "c")),
    ]


def test_a_side_is_named_after_its_functions_and_its_delay():
    assert side_name(1, delayed=False) == "1 function"
    assert side_name(15, delayed=True) == "15 functions +150 ms"


@pytest.fixture
def clone(tmp_path):
    for name in ("docker-bake.hcl", "infrastructure/service/main.tf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


@sample.needed
def test_a_function_is_added_with_a_folder_a_bake_target_and_a_module_block(clone):
    add_functions(clone, ("ticker-01", "ticker-02"))
    bake, main = ((clone / name).read_text() for name in ("docker-bake.hcl", "infrastructure/service/main.tf"))
    assert 'targets = ["sse-streaming", "ticker-01", "ticker-02"]' in bake
    assert bake.count('context    = "src/lambdas/ticker-0') == 2
    assert main.count('\nmodule "ticker-0') == 2
    assert '    "ticker-02" = module.ticker-02\n' in main
    assert {path.name for path in (clone / "src/lambdas/ticker-01").iterdir()} >= {"Dockerfile", "app.py"}


@sample.needed
def test_each_added_function_has_an_image_of_its_own(clone):
    add_functions(clone, ("ticker-01", "ticker-02"))
    first, second = ((clone / f"src/lambdas/ticker-0{number}/app.py").read_text() for number in (1, 2))
    assert first != second


def test_a_file_that_has_changed_its_form_is_an_error(clone):
    (clone / "docker-bake.hcl").write_text("nothing")
    with pytest.raises(ValueError, match="stands 0 times"):
        add_functions(clone, ("ticker-01",))


def test_the_report_compares_one_function_with_fifteen():
    assert (many.COUNTS[0], many.COUNTS[-1]) == (1, 15)
