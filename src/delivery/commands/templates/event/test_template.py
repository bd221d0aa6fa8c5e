"""template-name handles records as its health contract says."""

from template_name import app


def test_an_event_without_records_is_handled():
    assert app.handler({"Records": []}, None) == {"batchItemFailures": []}


def test_a_record_that_fails_comes_again_and_the_others_do_not():
    records = [{"messageId": "1", "body": "good"}, {"messageId": "2"}]
    assert app.handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
