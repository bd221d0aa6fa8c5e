"""Opens the Function URL once after the alias has moved, as its clients do: signed for AWS_IAM, plain for NONE.

Everything before speaks to Lambda's API. Only a request to the URL shows that the account's own rules, such as a block
of public access, let a client through. AWS takes seconds to apply a new URL, permission or alias everywhere, so a
failure counts only once it has lasted.
"""

import contextlib
from collections.abc import Iterable, Iterator

from delivery import clock
from delivery.aws import answers, permissions, sse
from delivery.aws.function import Version
from delivery.aws.url_event import Answer
from delivery.context import RunContext
from delivery.errors import CloudError, UnhealthyError
from delivery.health import Contract, Http, Stream

_PAUSE = 1.0  # seconds between two requests
_BODY = 500  # characters of an error's body that a person reads
_LOG = "read its log, correct the function, then deploy again"


def require_open(run: RunContext, deployed: Version, contract: Contract, public: bool) -> None:
    """Open the URL until it answers by the contract, at most for the deadline of a first event.

    A function without a URL, or whose contract has no request of HTTP, is not requested. `public`: whether everyone may
    call. Raises UnhealthyError, or CloudError when AWS refuses or cannot be reached.
    """
    if not deployed.url or not isinstance(contract, Stream | Http):
        return
    deadline = clock.monotonic() + (contract.deadline or run.settings.deadlines.first_event)
    while True:
        try:
            _open(run, deployed, contract, public)
            return
        except (CloudError, UnhealthyError):
            if clock.monotonic() >= deadline:
                raise
        clock.pause(_PAUSE)


def _open(run: RunContext, deployed: Version, contract: Stream | Http, public: bool) -> None:
    accept = sse.MEDIA_TYPE if isinstance(contract, Stream) else "*/*"
    silence = contract.deadline or run.settings.deadlines.first_event
    with run.aws.explained(f"open the URL of {deployed.name}"):
        address = deployed.address(contract.target)
        status, chunks = run.aws.get(address, signed=not public, silence=silence, accept=accept)
        if isinstance(contract, Stream) and status == 200:
            _require_event(deployed, contract, chunks)
            return
        answer = Answer(status, b"".join(chunks).decode(errors="replace"))
    expected = 200 if isinstance(contract, Stream) else contract.status
    if status == 403 != expected:
        caller = "requests of everyone" if public else "our signed request"
        raise CloudError(f"The URL of {deployed.name} refuses {caller} (403).", answer.body[:_BODY], _hint(public))
    with _described(deployed, contract):
        if isinstance(contract, Http):
            answers.check_answer(contract, answer)
        else:
            raise UnhealthyError(f"it answered {status}, not 200.", answer.body[:_BODY])


def _require_event(deployed: Version, contract: Stream, chunks: Iterable[bytes]) -> None:
    parser = sse.Parser(prelude=sse.Prelude(200, {}))  # Lambda made the status and the headers of it
    with _described(deployed, contract):
        for chunk in chunks:
            for event in parser.feed(chunk):
                if isinstance(event, sse.Event):
                    answers.check_first(contract, event)
                    return
        raise UnhealthyError("it answered without an event.")


@contextlib.contextmanager
def _described(deployed: Version, contract: Stream | Http) -> Iterator[None]:
    """While open, an error names the URL and the request."""
    try:
        yield
    except UnhealthyError as error:
        error.what = f"The URL of {deployed.name} does not serve version {deployed.version}: {error.what}"
        error.why = f"Asked: {contract.request}\n{error.why}".strip()
        error.hint = _LOG
        raise


def _hint(public: bool) -> str:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html."""
    if public:
        return 'look for a block of public access in this account, or set function_url_auth_type = "AWS_IAM"'
    return permissions.hint("lambda:InvokeFunctionUrl and lambda:InvokeFunction")
