"""template-name: answers the requests of its Function URL."""

import json
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request. Event and answer have payload format 2.0.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    """
    del context
    path = event.get("rawPath", "/")
    if path == "/health":  # asked before a version serves: the label `lambda.health` in docker-bake.hcl
        return _answer(200, {"status": "ok"})
    return _answer(404, {"error": f"There is nothing at {path}."})


def _answer(status: int, body: object) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
