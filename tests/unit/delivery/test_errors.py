"""Failures: an exit code a class, and one form of message."""

import pytest

from delivery import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ConfigurationError", 2),
        ("MissingToolError", 3),
        ("RefusedError", 4),
        ("BuildError", 5),
        ("TerraformError", 6),
        ("UnhealthyError", 7),
        ("CloudError", 8),
    ],
)
def test_each_class_has_the_exit_code_that_the_tree_at_the_top_of_the_file_shows(kind, code):
    assert getattr(errors, kind).exit_code == code
    assert any(line.split()[1:3] == [kind, str(code)] for line in errors.__doc__.splitlines() if "+--" in line)


def test_no_class_is_missing_from_the_tree():
    kinds = {kind.__name__ for kind in errors.DeliveryError.__subclasses__()}
    assert kinds == {line.split()[1] for line in errors.__doc__.splitlines() if "+--" in line}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.BuildError("It broke."), "It broke."),
        (errors.BuildError("It broke.", "one\ntwo"), "It broke.\n  one\n  two"),
        (errors.BuildError("It broke.", "", "invoke doctor"), "It broke.\n  try: invoke doctor"),
        (errors.BuildError("It broke.", "Rust.", "oil"), "It broke.\n  Rust.\n  try: oil"),
    ],
)
def test_a_message_says_what_then_why_then_what_to_try(error, text):
    assert str(error) == text
