"""What a person sees while a story runs, where lines stay."""

import io
import re
import threading

import pytest
from rich.console import Console
from support.clock import Clock

from delivery.progress import Progress, Stage


class Terminal(io.StringIO):
    """An output that can redraw lines."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    return Clock().install(monkeypatch)


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def progress(clock, out):
    del clock
    return Progress(Console(file=out, width=100))


def test_a_stage_that_came_to_its_end_is_one_line_with_what_came_out(progress, out):
    with progress.stage("plan", interrupted="-") as stage:
        stage.done("1 to create")
    assert re.fullmatch(r"✓ plan       1 to create +-?\d+\.\d s\n", out.getvalue())


def test_the_details_of_a_result_stand_below_it(progress, out):
    with progress.stage("push", interrupted="-") as stage:
        stage.done("2 images", "orders sha256:1", "prices sha256:2")
    assert re.fullmatch(r"✓ push       2 images .* s\n    orders sha256:1\n    prices sha256:2\n", out.getvalue())


@pytest.mark.parametrize(("error", "result"), [(ValueError, "failed"), (KeyboardInterrupt, "stopped")])
def test_a_stage_that_did_not_end_says_so_and_lets_the_failure_through(progress, out, error, result):
    def work():
        with progress.stage("plan", interrupted="-") as stage:
            stage.done("never shown")
            raise error

    with pytest.raises(error):
        work()
    assert out.getvalue().startswith(f"✗ plan       {result} ")
    assert "never shown" not in out.getvalue()


def test_the_activity_is_shown_at_most_every_two_seconds(progress, clock, out):
    stage = Stage("build", progress, "-", started=0.0, _shown=0.0)
    for at, text in enumerate(["a", "b", " c ", "d", "e", "f", "g"]):
        clock.time = float(at)
        stage.update(text)
    assert out.getvalue().splitlines() == ["  build      d", "  build      g"]


def test_square_brackets_of_a_build_step_are_shown_as_they_are(progress, out):
    progress.line("[stdlib 2/2] RUN [red]x[/red]")
    assert out.getvalue() == "[stdlib 2/2] RUN [red]x[/red]\n"


def test_long_lines_are_not_broken(progress, out):
    progress.line("x" * 300)
    assert out.getvalue() == "x" * 300 + "\n"


def test_the_summary_has_a_line_and_a_bar_for_each_stage_and_then_the_facts(progress, clock, out):
    stages = {"push": (0.0, 20.0), "apply": (20.0, 10.0), "release": (30.0, 0.1)}
    progress.stages = [Stage(name, progress, "-", started=at, seconds=took) for name, (at, took) in stages.items()]
    clock.time = 30.5
    progress.summary("sandbox: commit c is live", ("streams at: x",))
    assert out.getvalue().splitlines() == [
        "",
        "sandbox: commit c is live in 30.5 s",
        "  push         20.0 s  " + "█" * 20,
        "  apply        10.0 s  " + "█" * 10,
        "  release       0.1 s  █",
        "  other         0.4 s  █",
        "  streams at: x",
    ]


def test_stages_that_ran_beside_another_one_say_so(progress, clock, out):
    stages = [("init", 0.0, 1.0), ("plan", 1.0, 4.0), ("verify", 4.5, 1.0), ("verify", 4.8, 1.2), ("push", 1.0, 2.0)]
    progress.stages = [Stage(name, progress, "-", started=at, seconds=took) for name, at, took in stages]
    clock.time = 6.0
    progress.summary("done", ())
    assert out.getvalue().splitlines()[1:] == [
        "done in 6.0 s",
        "  init          1.0 s  █████",
        "  plan          4.0 s  ████████████████████",
        "  push          2.0 s  ██████████            beside plan",
        "  verify        1.5 s  ████████              2 times, 0.5 s beside plan",
    ]


def test_a_summary_of_nothing_is_still_a_title(progress, out):
    progress.summary("done", ())
    assert out.getvalue() == "\ndone in 0.0 s\n"


def test_stages_of_two_lanes_are_both_kept(progress):
    met = threading.Barrier(2)

    def lane(name):
        with progress.stage(name, interrupted="-"):
            met.wait(10)

    lanes = [threading.Thread(target=lane, args=(name,)) for name in ("publish", "init")]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join(10)
    assert {stage.name for stage in progress.stages} == {"publish", "init"}


def test_a_terminal_shows_the_running_stages_below_the_lines_and_stops_for_a_question(clock):
    del clock
    out = Terminal()
    progress = Progress(Console(file=out, force_terminal=True, width=100))
    with progress.showing(), progress.stage("build", interrupted="-") as stage:
        stage.update("step 3")
        with progress.asking():
            before = out.getvalue()
            progress.line("Apply?")
            assert out.getvalue().removeprefix(before).strip() == "Apply?"
    assert "step 3" in out.getvalue()


def test_the_seconds_of_a_stage_are_those_of_the_clock(progress, clock, out):
    with progress.stage("plan", interrupted="-"):
        clock.time += 7
    assert out.getvalue().endswith(" 7.0 s\n")


def test_the_whole_title_is_bold(clock):
    del clock
    out = io.StringIO()
    Progress(Console(file=out, force_terminal=True, width=100, color_system="standard")).summary("done", ())
    assert "\x1b[1mdone in 0.0 s\x1b[0m" in out.getvalue()


def test_forced_colour_in_a_file_does_not_redraw_lines(clock, monkeypatch):
    """FORCE_COLOR asks for colour: https://force-color.org."""
    del clock
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    progress = Progress(Console(file=out, width=100))
    with progress.showing(), progress.stage("build", interrupted="-") as stage:
        stage.update("step 3")
    assert len(out.getvalue().splitlines()) == 1
