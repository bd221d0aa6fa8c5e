"""The picture: well-formed, with every value, and nothing over anything else."""

import itertools
from xml.etree import ElementTree

import pytest
from bench import chart, goals
from bench.__main__ import SCENARIOS
from bench.chart import Side
from bench.goals import Line
from bench.samples import Measured

SVG = "{http://www.w3.org/2000/svg}"
LINES = [
    Line("code change / raw tools", 0.35, Measured(0.3, 0.2, 0.4)),
    Line("`a` < b", 0.1, Measured(4.2, 4.0, 5.0)),
    Line("without a goal", None, Measured(0.0, 0.0, 0.0)),
]


SIDES = [Side("`code`", "ours", 5.0, True), Side("", "raw tools", 20.0, False)]


def drawn(lines=LINES, **options):
    return ElementTree.fromstring(chart.svg(lines, SIDES, **options))


def bars(*kinds):
    return [element for element in drawn().iter(f"{SVG}rect") if element.get("class") in kinds]


def test_each_row_has_its_title_its_value_and_its_goal():
    texts = [element.text for element in drawn().iter(f"{SVG}text")]
    assert texts[3:9] == [
        *("code change / raw tools", "0.30 (≤ 0.35)"),
        *("a < b", "4.20 (≤ 0.10)"),
        *("without a goal", "0.00"),
    ]
    assert texts[11:] == ["code", "ours", "5.0 s", "raw tools", "20.0 s"]


def test_the_colour_of_a_bar_tells_whether_the_goal_was_met_and_which_side_is_ours():
    kinds = [element.get("class") for element in drawn().iter(f"{SVG}rect")]
    assert kinds == ["page", "track", "met", "track", "missed", "track", "other", "ours", "other"]


def test_a_bar_ends_before_the_line_of_the_goal_only_if_the_goal_was_met():
    goal = float(next(drawn().iter(f"{SVG}line")).get("x1"))
    met, missed = (float(bar.get("x")) + float(bar.get("width")) for bar in bars("met", "missed"))
    assert met < goal < missed


def test_bars_stay_in_their_tracks_and_rows_do_not_overlap():
    tracks = bars("track")
    assert all(float(bar.get("width")) <= float(tracks[0].get("width")) for bar in bars("met", "missed", "other"))
    tops = [float(bar.get("y")) for bar in (*tracks, *bars("ours"))]
    assert all(later - earlier > 20 for earlier, later in itertools.pairwise(tops))


@pytest.mark.parametrize("dark", [False, True])
def test_the_picture_has_a_background_of_its_own_for_light_and_dark_pages(dark):
    text = chart.svg(LINES, SIDES, dark=dark)
    assert 'class="page"' in text
    assert ("prefers-color-scheme: dark" in text) is not dark
    assert "#0d1117" in text


def test_a_run_without_ratios_is_drawn_too():
    assert ElementTree.fromstring(chart.svg([], [])).tag == f"{SVG}svg"


def test_the_titles_of_the_bench_fit_before_the_bars():
    widest = 6.9  # pixels of a character, on average
    assert all(len(row.title) * widest < 440 - 24 for row in goals.ROWS)
    assert all(len(scenario.title) * widest < 260 for scenario in SCENARIOS)
