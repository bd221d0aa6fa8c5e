"""The times of a summary add up: each second counts once, whatever ran beside what."""

from hypothesis import example, given
from hypothesis import strategies as st

from delivery.times import OTHER, Span, spans

SECONDS = st.floats(0, 100, allow_nan=False)
STAGES = st.lists(
    st.tuples(st.sampled_from(["init", "plan", "push", "verify", "apply"]), SECONDS, SECONDS), max_size=30
)


def alone(made):
    """Tenths of a second of each line that no longer line has."""
    return [round(span.seconds * 10) - round(span.beside * 10) for span in made]


@given(STAGES, SECONDS)
@example([("init", 28.0, 100.0), ("plan", 0.0, 28.0), ("push", 28.0, 0.05)], 0.0)  # half a tenth, in floating point
def test_the_lines_less_what_they_share_sum_to_the_total(stages, after):
    total = max((start + seconds for _, start, seconds in stages), default=0.0) + after
    made = spans(0.0, total, stages)
    assert sum(alone(made)) == round(total * 10)
    assert all(tenths >= 0 for tenths in alone(made))
    assert all(span.partners for span in made if span.beside)


def test_stages_one_after_the_other_sum_to_the_total():
    made = spans(10.0, 6.0, [("push", 10.0, 2.0), ("plan", 12.0, 3.0)])
    assert made == (Span("push", 2.0), Span("plan", 3.0), Span(OTHER, 1.0))


def test_a_stage_of_many_functions_is_one_line_with_the_time_in_which_any_ran():
    made = spans(0.0, 3.0, [("verify", 0.1 * number, 1.0) for number in range(15)] + [("release", 2.4, 0.6)])
    assert [(span.name, span.seconds, span.count, span.note) for span in made] == [
        ("verify", 2.4, 15, "15 times"),
        ("release", 0.6, 1, ""),
    ]


def test_the_shorter_of_two_names_says_beside_which_it_ran():
    made = spans(0.0, 4.0, [("verify", 0.0, 1.0), ("plan", 0.5, 3.5)])
    assert [span.note for span in made] == ["0.5 s beside plan", ""]
    assert spans(0.0, 4.0, [("verify", 1.0, 1.0), ("plan", 0.0, 4.0)])[1].note == "beside plan"


def test_tenths_that_are_cut_off_are_not_lost():
    made = spans(0.0, 1.0, [(name, number / 3, 1 / 3) for number, name in enumerate("abc")])
    assert sorted(span.seconds for span in made) == [0.3, 0.3, 0.4]


def test_a_stage_that_began_before_the_command_counts_from_its_start():
    assert spans(5.0, 2.0, [("init", 4.0, 3.0)]) == (Span("init", 2.0),)
