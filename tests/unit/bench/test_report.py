"""The tables, the goals, and the part of docs/performance.md that a run writes."""

import pytest
from bench import goals, report
from bench.goals import Line
from bench.many import COUNTS, side_name
from bench.samples import Measured, Sample
from support.deploys.checkout import PROJECT

CODE = {"ours": [Sample(5.0, 2.0)], "raw tools": [Sample(20.0, 4.0)], "replaced pipeline": [Sample(25.0, 5.0)]}


def test_a_row_is_shown_only_if_its_scenario_was_measured():
    assert [(line.title, line.measured.median) for line in goals.lines({"code": CODE})] == [
        ("code change / raw tools", 0.25),
        ("code change / replaced pipeline", 0.2),
    ]


def test_every_goal_of_the_issue_has_a_row():
    assert [row.goal for row in goals.ROWS if row.goal is not None] == [
        *(0.35, 0.25, 1.3, 1.3, 1.0, 0.35, 0.30, 0.10, 3.0, 1.5, 1.5, 2.0, 0.25, 0.65, 3.0, 120.0, 120.0, 1.1)
    ]


def test_a_further_function_costs_its_share_of_the_no_op_of_one():
    results = {"many-no-op": {side_name(count, delayed=False): [Sample(2.0 + count, 1.0)] for count in COUNTS}}
    (line,) = goals.lines(results)
    assert (line.title, line.unit) == ("each further unchanged function in a no-op", "%")
    assert line.measured.median == pytest.approx(100 / 3)


def test_the_function_is_compared_by_its_cpu_time_and_not_by_its_wall_time():
    results = {"function-start": {"ours": [Sample(9.0, 0.1)], "Starlette, uvicorn": [Sample(1.0, 0.2)]}}
    assert [(line.goal, line.measured.median) for line in goals.lines(results)] == [(0.65, 0.5)]


def test_memory_is_that_of_our_process_for_both_images():
    results = {"memory": {"image as it is": [Sample(5, 2, 100.0)], "300 MB more": [Sample(9, 4, 110.0)]}}
    assert [line.text(line.measured.median) for line in goals.lines(results)] == ["100 MB", "110 MB", "1.10"]


def test_a_missed_goal_is_marked():
    lines = [Line("a / b", 0.5, Measured(0.6, 0.55, 0.7)), Line("c / d", None, Measured(2.0, 1.9, 2.1))]
    assert report.ratios(lines).splitlines() == [
        "|  | goal | measured | range |",
        "| --- | ---: | ---: | ---: |",
        "| a / b | ≤ 0.50 | **0.60** (missed) | 0.55 to 0.70 |",
        "| c / d |  | **2.00** | 1.90 to 2.10 |",
    ]


def test_the_seconds_of_all_sides_stand_below_the_title_of_their_scenario():
    assert report.seconds({"code": CODE}, {"code": "code change"}).splitlines()[2:] == [
        "| code change | ours | 5.00 | 5.00 to 5.00 | 2.00 |",
        "|  | raw tools | 20.00 | 20.00 to 20.00 | 4.00 |",
        "|  | replaced pipeline | 25.00 | 25.00 to 25.00 | 5.00 |",
    ]


def test_a_run_replaces_only_the_part_between_the_markers():
    text = f"# Before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.documented(text, "new\n") == f"# Before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"


def test_a_document_without_markers_is_an_error():
    with pytest.raises(ValueError, match="lacks the lines"):
        report.documented("# Performance\n", "new")


def test_the_document_of_the_project_has_both_markers():
    assert "new" in report.documented((PROJECT / "docs/performance.md").read_text(), "new")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Terraform v1.11.4\non linux_amd64", "1.11.4"),
        ("github.com/docker/buildx 0.13.1+ds1 0.13.1-1", "0.13.1"),
        ("aws-cli/1.46.3 Python/3.11.7", "1.46.3"),
        ("nothing\n", "nothing"),
    ],
)
def test_the_version_of_a_tool_is_the_first_number_that_it_prints(text, number):
    assert report.version(text) == number


def test_the_processor_is_named_if_the_system_names_it():
    assert report.processor("processor\t: 0\nmodel name\t: Fast CPU @ 2.5GHz\n") == "Fast CPU @ 2.5GHz"
    assert report.processor("processor\t: 0\nFeatures\t: fp\n") == ""
