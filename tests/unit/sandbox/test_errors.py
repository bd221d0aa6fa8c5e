"""What a person reads when the sandbox fails."""

from sandbox.errors import BaseImageError, SandboxError


def test_a_message_has_what_happened_then_why_then_the_hint():
    error = SandboxError("it does not start", "line 1\nline 2", "read the log")
    assert str(error).splitlines() == ["it does not start", "  line 1", "  line 2", "  try: read the log"]


def test_a_message_without_a_reason_and_a_hint_is_one_line():
    assert str(SandboxError("it does not start")) == "it does not start"


def test_a_missing_base_image_has_the_exit_code_of_a_failed_build():
    assert (SandboxError("").exit_code, BaseImageError("").exit_code) == (3, 5)
