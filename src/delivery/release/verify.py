"""Verifies a version that is not live yet by the health contract of its image.

    stream   its events arrive one by one         release/stream.py
    http     it answers as its Function URL would: the status, and a part of the body
    invoke   it handles an event without an error: a part of the result
    none     it is active, and is not called

The version itself is called, not the alias. Which image it runs is not asked of the function: Lambda knows it.
"""

from dataclasses import dataclass

from delivery import clock
from delivery.aws import answers, function
from delivery.aws.function import Version
from delivery.aws.session import Aws
from delivery.errors import UnhealthyError
from delivery.health import Contract, Http, Invoke, Stream, Uncalled
from delivery.release import stream
from delivery.release.reader import Reader
from delivery.release.stream import Streamed
from delivery.settings import Deadlines

# Seconds that a connection outlives the deadline of an answer, so that the message names the deadline
_GRACE = 5.0


@dataclass(frozen=True)
class Answered:
    """A healthy answer: the request, for people, and the seconds to the answer."""

    request: str
    seconds: float


Health = Streamed | Answered | Uncalled


def verify(aws: Aws, deployed: Version, contract: Contract, deadlines: Deadlines) -> Health:
    """Call the version, not the alias, and check its answer. Raises UnhealthyError or CloudError."""
    if isinstance(contract, Uncalled):
        return contract
    try:
        if isinstance(contract, Stream):
            return _stream(aws, deployed, contract, deadlines)
        return _answer(aws, deployed, contract, contract.deadline or deadlines.first_event)
    except UnhealthyError as error:
        error.what = f"Version {deployed.version} of {deployed.name} is not healthy: {error.what}"
        error.why = f"Asked: {contract.request}\n{error.why}".strip()
        error.hint = f"read its log, correct the function, then `{aws.environment.command('deploy')}`"
        raise


def _stream(aws: Aws, deployed: Version, contract: Stream, deadlines: Deadlines) -> Streamed:
    event, silence = answers.event(contract) or {}, contract.deadline or deadlines.first_event

    def open_stream() -> Reader:
        return Reader(function.stream(aws, deployed, deployed.version, event, silence))

    return stream.verify(open_stream, contract, deadlines)


def _answer(aws: Aws, deployed: Version, contract: Http | Invoke, deadline: float) -> Answered:
    event, began = answers.event(contract) or {}, clock.monotonic()
    reader = Reader(function.invoke(aws, deployed, deployed.version, event, deadline + _GRACE))
    try:
        payload = reader.take(deadline)
    except TimeoutError:
        raise UnhealthyError(f"no answer came within {deadline:g} s.") from None
    answers.check(contract, payload or b"")
    return Answered(contract.request, clock.monotonic() - began)
