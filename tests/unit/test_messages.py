"""tests/unit/messages.txt holds the full text of each message; these tests run last and compare it with the session."""

import difflib
from pathlib import Path

import pytest
from support import messages

GOLDEN = Path(__file__).with_name("messages.txt")

# Function and class of errors that only tests with real tools or real files cause, each with the reason.
ONLY_REAL_TESTS = {}


@pytest.fixture(autouse=True)
def _update(pytestconfig, recorder, complete):
    if pytestconfig.getoption("--update-messages", default=False):
        assert complete, f"The messages of a part are not all messages. Run `{messages.UPDATE}`."
        GOLDEN.write_text(messages.document(recorder), encoding="utf-8")


def test_the_file_holds_every_message_that_the_tests_caused(recorder, complete):
    written, recorded = GOLDEN.read_text(encoding="utf-8"), messages.document(recorder)
    if complete:
        difference = difflib.unified_diff(
            written.splitlines(), recorded.splitlines(), "messages.txt", "tests", lineterm=""
        )
    else:
        missing = [part for part in messages.paragraphs(recorded) if part not in messages.paragraphs(written)]
        difference = [f"+{line}" for part in missing for line in (*part.splitlines(), "")]
    if text := "\n".join(difference):
        pytest.fail(f"{text}\n\nReview the wording, then write the file again: {messages.UPDATE}", pytrace=False)


def test_each_place_that_makes_an_error_has_a_unit_test(recorder, complete):
    if not complete:
        pytest.skip("only a run of all unit tests reaches every place")
    untested = [
        call
        for call in messages.error_calls()
        if not any((call.file, line) in recorder.lines for line in range(call.first_line, call.last_line + 1))
    ]
    unexplained = [call for call in untested if (call.function, call.text) not in ONLY_REAL_TESTS]
    assert not unexplained, "no unit test causes:\n" + "\n".join(map(str, unexplained))
    unused = ONLY_REAL_TESTS.keys() - {(call.function, call.text) for call in untested}
    assert not unused, f"unit tests cause these, or they are gone: {sorted(unused)}"


def test_each_function_that_makes_an_error_is_in_the_file():
    written = GOLDEN.read_text(encoding="utf-8")
    explained = {function for function, _ in ONLY_REAL_TESTS}
    missing = {call.function for call in messages.error_calls() if f"\n{call.function}: " not in written} - explained
    assert not missing, f"not in {GOLDEN.name}: {sorted(missing)}"
