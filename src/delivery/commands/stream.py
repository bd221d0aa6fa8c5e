"""`invoke stream`: the events of a live version whose health contract is a stream."""

import functools
from collections.abc import Iterator

from delivery.aws import answers, function
from delivery.aws.function import Function
from delivery.commands import selection
from delivery.context import RunContext
from delivery.errors import ConfigurationError
from delivery.health import Contract, Stream
from delivery.process import parallel
from delivery.release import contracts
from delivery.terraform import state

_SILENCE = 60.0  # seconds


def open_live(run: RunContext, events: int, only: tuple[str, ...] = ()) -> Iterator[bytes]:
    """The bytes of the live stream of the first function that streams.

    `events`: how many will be read. Where the contract names the parameters `events` and `interval`, so many are
    requested, one each second. `only`: the names of the functions that may be meant. Raises ConfigurationError when
    none of them streams, UnhealthyError or CloudError.
    """
    functions = selection.functions(state.require_functions(run), only)
    found = tuple(zip(functions, parallel.map(run.shell, functools.partial(_contract, run), functions), strict=True))
    for deployed, contract in found:
        if isinstance(contract, Stream):
            return _open(run, deployed, contract, events)
    others = "\n".join(f"{deployed.image} is verified otherwise: {_kind(contract)}" for deployed, contract in found)
    hint = run.settings.environment.command("status")
    raise ConfigurationError(f"No function of {run.settings.environment.name} streams.", others, hint)


def _contract(run: RunContext, deployed: Function) -> Contract:
    live = function.read_alias(run.aws, deployed).version
    return contracts.read(run.aws, function.read_version(run.aws, deployed, live))


def _open(run: RunContext, deployed: Function, contract: Stream, events: int) -> Iterator[bytes]:
    wanted = {"events": str(events), "interval": "1"}
    query = {name: wanted.get(name, value) for name, value in contract.query.items()}
    event = answers.event(contract.model_copy(update={"query": query})) or {}
    return function.stream(run.aws, deployed, deployed.alias, event, _SILENCE)


def _kind(contract: Contract) -> str:
    return next(iter(contract.model_dump(by_alias=True, exclude={"deadline", "query"})))
