"""A plain handler for AWS's own runtime client: an HTTP answer, an event, or an exception."""

from typing import Any


def handle(event: dict[str, Any], context: Any) -> Any:
    if event.get("rawPath") == "/health":
        headers = {"content-type": "text/plain"}
        return {"statusCode": 201, "headers": headers, "cookies": ["a=1", "b=2"], "body": "é well"}
    if "Records" in event:
        return {"handled": len(event["Records"]), "arn": context.invoked_function_arn, "left": remaining(context)}
    raise KeyError("neither a request nor records")


def remaining(context: Any) -> int:
    return int(context.get_remaining_time_in_millis())
