"""template-name answers as its health contract says."""

import json

from template_name import app


def test_health_is_answered_with_200():
    answer = app.handler({"rawPath": "/health"}, None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"status": "ok"}


def test_an_unknown_path_is_answered_with_404_and_named():
    answer = app.handler({"rawPath": "/no/such"}, None)
    assert answer["statusCode"] == 404
    assert "/no/such" in json.loads(answer["body"])["error"]
