"""Which version an alias sends its requests to: all of them, or a share.

Every change names what was seen before (`RevisionId`): of two people at once, the second is told and changes nothing.
"""

from delivery.aws.function import Alias, Function, read_alias
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import RefusedError


def move(aws: Aws, function: Function, seen: Alias) -> Alias:
    """Point the alias at the function's version, and at nothing else, if it still is what was `seen`.

    Raises RefusedError when somebody else moved it meanwhile, CloudError when AWS refuses.
    """
    return _update(aws, function, seen, function.version, {})


def share(aws: Aws, function: Function, seen: Alias, share: float) -> Alias:
    """Give the function's version a share of the requests, 0 to 1, and leave the rest where it was `seen` to go.

    Raises RefusedError when somebody else moved it meanwhile, CloudError when AWS refuses.
    """
    return _update(aws, function, seen, seen.version, {function.version: share})


def moved_by_other(aws: Aws, function: Function, seen: Alias) -> RefusedError:
    """What to say of an alias that is no longer as it was `seen`."""
    return RefusedError(
        f"The alias {function.alias} was moved by somebody else meanwhile.",
        f"It named version {seen.version} when version {function.version} was to become live.",
        f"{aws.environment.command('releases')}, then the same command again if that is still what you want",
    )


def _update(aws: Aws, function: Function, seen: Alias, version: str, weights: dict[str, float]) -> Alias:
    with aws.explained(f"move the alias {function.alias} of {function.name}"):
        try:
            answer = aws.functions.update_alias(
                FunctionName=function.name,
                Name=function.alias,
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": weights},
                RevisionId=seen.revision,
            )
        except ClientError as error:
            if error_code(error) != "PreconditionFailedException":
                raise
            now = read_alias(aws, function)
            if (now.version, now.weights) != (version, weights):
                raise moved_by_other(aws, function, seen) from error
            return now  # our own move: its answer was lost, and botocore sent it again
    return Alias.of(answer)
