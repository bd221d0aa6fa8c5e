"""template-name: handles the records of events, such as the messages of a queue."""

import traceback
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Handle each record of an event; name those that failed, so that only they come again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, "Implementing partial batch responses"
    """
    del context
    failed = [record for record in event.get("Records", []) if not _handled(record)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def handle(record: dict[str, Any]) -> None:
    """Handle one record. Raises whatever makes it come again."""
    print("a record of", len(record["body"]), "characters")


def _handled(record: dict[str, Any]) -> bool:
    try:
        handle(record)
    except Exception:  # noqa: BLE001 - whatever fails, the other records are handled
        traceback.print_exc()
        return False
    return True
