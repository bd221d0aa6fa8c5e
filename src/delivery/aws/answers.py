"""What a function is called with by a health contract, and whether its answer is the expected one."""

import json

from delivery import health
from delivery.aws import sse, url_event
from delivery.aws.function import Event
from delivery.aws.sse import Prelude
from delivery.aws.url_event import Answer
from delivery.errors import UnhealthyError
from delivery.health import Contract, Http, Invoke, Stream


def event(contract: Contract) -> Event | None:
    """The event of the call; None if the function must not be called."""
    match contract:
        case Stream():
            return url_event.request(contract.path, contract.query, sse.MEDIA_TYPE)
        case Http():
            return url_event.request(contract.path, contract.query)
        case Invoke():
            return contract.event
        case _:
            return None


def check(contract: Http | Invoke, payload: bytes) -> None:
    """Raises UnhealthyError when the result of an invocation is not what the contract expects."""
    try:
        if isinstance(contract, Http):
            check_answer(contract, url_event.answer(payload))
        else:
            _check_result(contract, json.loads(payload or b"null"))
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise _unexpected(f"it sent no answer: {why}.", contract, payload.decode(errors="replace")) from error


def check_answer(contract: Http, answer: Answer) -> None:
    """Raises UnhealthyError when an answer of HTTP has another status, or not the expected part in its body."""
    came = f"{answer.status} {answer.body}".strip()
    if answer.status != contract.status:
        raise _unexpected(f"it answered {answer.status}, not {contract.status}.", contract, came)
    if contract.expect is not None and not health.within(contract.expect, answer.body):
        raise _unexpected("its answer has not what is expected.", contract, came)


def check_prelude(prelude: Prelude, body: bytes) -> None:
    """Raises UnhealthyError when a response is no stream of events. `body`: what has come of it, for the message."""
    came = health.shortened(body.decode(errors="replace"))
    if prelude.status != 200:
        raise UnhealthyError(f"it answered {prelude.status}, not 200.", came)
    media_type = prelude.headers.get("content-type", "none")
    if media_type.partition(";")[0].strip() != sse.MEDIA_TYPE:
        raise UnhealthyError(f"its content type is {media_type}, not {sse.MEDIA_TYPE}.", came)


def check_first(contract: Stream, first: sse.Event) -> None:
    """Raises UnhealthyError when the first event has another name."""
    if contract.first not in (None, first.name):
        raise UnhealthyError(f"its first event is `{first.name}`, not `{contract.first}`.")


def _check_result(contract: Invoke, result: object) -> None:
    if contract.expect is not None and not health.within(contract.expect, result):
        raise _unexpected("its result has not what is expected.", contract, json.dumps(result, ensure_ascii=False))


def _unexpected(what: str, contract: Http | Invoke, came: str) -> UnhealthyError:
    return UnhealthyError(what, f"Expected: {contract.expected}\nCame: {health.shortened(came)}")
