"""What a client of template-name gets. `invoke acceptance` runs this: docs/functions.md, Acceptance tests."""

import pytest

pytestmark = pytest.mark.function("template-name")


def test_it_says_that_it_is_healthy(function):
    answer = function.get("/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_an_unknown_path_is_answered_with_404(function):
    assert function.get("/no/such").status == 404
