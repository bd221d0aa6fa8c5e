"""Moves an alias: all requests to one version, or a share of them to a second one.

Each change names the revision that was read before (`RevisionId`). Of two people who move the alias at the same time,
the second one gets an error and changes nothing.
"""

from delivery.aws.function import Alias, Version, read_alias
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import RefusedError


def move(aws: Aws, deployed: Version, before: Alias) -> Alias:
    """Send all requests to the function's version, if the alias still is as `before`.

    Raises RefusedError when somebody else moved the alias, CloudError when AWS refuses.
    """
    return _update(aws, deployed, before, deployed.version, {})


def share(aws: Aws, deployed: Version, before: Alias, share: float) -> Alias:
    """Give the function's version a share of the requests, 0 to 1; the version of `before` gets the rest.

    Raises RefusedError when somebody else moved the alias, CloudError when AWS refuses.
    """
    return _update(aws, deployed, before, before.version, {deployed.version: share})


def moved_by_other(aws: Aws, deployed: Version, before: Alias) -> RefusedError:
    """The error for an alias that is no longer as `before`."""
    return RefusedError(
        f"The alias {deployed.alias} of {deployed.name} was moved by somebody else meanwhile.",
        f"It named version {before.version} when version {deployed.version} was to become live.",
        f"{aws.environment.command('releases')}, then the same command again if that is still right",
    )


def _update(aws: Aws, deployed: Version, before: Alias, version: str, weights: dict[str, float]) -> Alias:
    with aws.explained(f"move the alias {deployed.alias} of {deployed.name}"):
        try:
            answer = aws.functions.update_alias(
                FunctionName=deployed.name,
                Name=deployed.alias,
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": weights},
                RevisionId=before.revision,
            )
        except ClientError as error:
            if error_code(error) != "PreconditionFailedException":
                raise
            now = read_alias(aws, deployed)
            if (now.version, now.weights) != (version, weights):
                raise moved_by_other(aws, deployed, before) from error
            return now  # our own move: its answer was lost, and botocore sent the request again
    return Alias.of(answer)
