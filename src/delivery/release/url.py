"""Opens the Function URL once after the alias has moved, as its clients do: signed for AWS_IAM, plain for NONE.

Everything before speaks to Lambda's API. Only a request to the URL shows that the account's own rules, such as a block
of public access, let a client through. AWS takes seconds to apply a new URL, permission or alias everywhere, so a
failure counts only once it has lasted.
"""

from collections.abc import Iterable

from delivery import clock
from delivery.aws import permissions, sse
from delivery.aws.function import Version
from delivery.context import RunContext
from delivery.errors import CloudError, UnhealthyError
from delivery.release import verify

_PAUSE = 1.0  # seconds between two requests
_BODY = 500  # characters of an error's body that a person reads
_LOG = "read its log, correct the function, then deploy again"


def require_open(run: RunContext, deployed: Version, public: bool) -> None:
    """Open the URL until the stream of the function's version answers, at most for the deadline of a first event.

    `public`: whether everyone may call. Raises UnhealthyError, or CloudError when AWS refuses or cannot be reached.
    """
    deadline = clock.monotonic() + run.settings.deadlines.first_event
    while True:
        try:
            _open(run, deployed, public)
            return
        except (CloudError, UnhealthyError):
            if clock.monotonic() >= deadline:
                raise
        clock.pause(_PAUSE)


def _open(run: RunContext, deployed: Version, public: bool) -> None:
    address = f"{deployed.stream_url}?events=1"
    with run.aws.explained(f"open the URL of {deployed.name}"):
        status, chunks = run.aws.get(address, signed=not public, silence=run.settings.deadlines.first_event)
        if status == 200:
            _require_version(deployed, chunks)
            return
        body = b"".join(chunks).decode(errors="replace")[:_BODY]
    if status == 403:
        caller = "requests of everyone" if public else "our signed request"
        raise CloudError(f"The URL of {deployed.name} refuses {caller} (403).", body, _hint(public))
    what = f"The URL of {deployed.name} answers {status}."
    raise UnhealthyError(what, body, _LOG)


def _require_version(deployed: Version, chunks: Iterable[bytes]) -> None:
    parser = sse.Parser(prelude=sse.Prelude(200, {}))  # Lambda made the status and the headers of it
    for chunk in chunks:
        for event in parser.feed(chunk):
            if isinstance(event, sse.Event):
                _check(deployed, event)
                return
    raise UnhealthyError(f"The URL of {deployed.name} answers without an event.", "", _LOG)


def _check(deployed: Version, event: sse.Event) -> None:
    try:
        verify.check_hello(event, deployed.version)
    except UnhealthyError as error:
        error.what = f"The URL of {deployed.name} does not serve version {deployed.version}: {error.what}"
        error.hint = _LOG
        raise


def _hint(public: bool) -> str:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html."""
    if public:
        return 'look for a block of public access in this account, or set function_url_auth_type = "AWS_IAM"'
    return permissions.hint("lambda:InvokeFunctionUrl and lambda:InvokeFunction")
