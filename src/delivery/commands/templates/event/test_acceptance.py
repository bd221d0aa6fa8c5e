"""What an event of template-name leads to. `invoke acceptance` runs this: docs/functions.md, Acceptance tests."""

import pytest

pytestmark = pytest.mark.function("template-name")


def test_a_record_that_fails_comes_again_and_the_others_do_not(function):
    records = [{"messageId": "1", "body": "good"}, {"messageId": "2"}]
    assert function.invoke({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
