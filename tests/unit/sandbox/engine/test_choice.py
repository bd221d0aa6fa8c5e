"""On which machines a private engine can be made."""

import pytest

from sandbox.engine import choice


@pytest.mark.parametrize(
    ("system", "user", "why"),
    [
        ("fedora", 0, "needs Debian or Ubuntu; this is fedora"),
        ("debian without apt-get", 0, "this is debian without apt-get"),
        ("debian", 1000, "needs root; you are user 1000"),
    ],
)
def test_a_machine_that_cannot_have_an_engine_gets_the_reason_and_a_hint(system, user, why):
    error = choice.refusal(system, user)
    assert error is not None
    assert error.exit_code == 3
    assert why in error.why
    assert "install Docker" in error.hint


@pytest.mark.parametrize("system", ["debian", "ubuntu"])
def test_root_can_make_an_engine_on_debian_and_ubuntu(system):
    assert choice.refusal(system, user=0) is None
