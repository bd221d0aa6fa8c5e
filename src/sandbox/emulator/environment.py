"""What a function's container is given: environment variables, isolation and limits, as Lambda gives them.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOST = "host.docker.internal"
"""The name of this machine in a container, as Docker Desktop has it; other engines learn it from `options`."""

USER = "993:990"
"""The user of every function, whatever its image says: as on Lambda, one without rights of its own."""

_TMP_MB = 512
_MEMORY_MB = 128


@dataclass(frozen=True)
class Place:
    """Where a container runs.

    Attributes:
        region: of the function.
        runtime_api: host:port of the container's Runtime API.
        endpoint: the emulator's address, for the SDKs in the function.
        log_stream: the stream that the container's output goes to.
    """

    region: str
    runtime_api: str
    endpoint: str
    log_stream: str


def variables(config: Mapping[str, Any], place: Place, credentials: Mapping[str, str]) -> dict[str, str]:
    """The environment of the function: its own variables, then those that Lambda reserves.

    Args:
        config: the configuration of the version, as the Lambda API names its members.
        place: where the container runs.
        credentials: those of the function's role, as variables.
    """
    own = (config.get("Environment") or {}).get("Variables") or {}
    return {
        "TZ": ":UTC",
        **own,
        **credentials,
        "AWS_ACCESS_KEY": credentials["AWS_ACCESS_KEY_ID"],
        "AWS_DEFAULT_REGION": place.region,
        # An SDK would put the account or the bucket before the host, which has no such name here.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ENDPOINT_URL": place.endpoint,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize") or _MEMORY_MB),
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version") or "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(config),
        "AWS_LAMBDA_LOG_STREAM_NAME": place.log_stream,
        "AWS_LAMBDA_RUNTIME_API": place.runtime_api,
        "AWS_REGION": place.region,
    }


def log_group(config: Mapping[str, Any]) -> str:
    """The log group of the function: that of its logging configuration, or the usual one."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def options(config: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of the docker SDK's `containers.run`, without labels.

    A function can write only to /tmp, which has the size of its ephemeral storage. Here that is memory, and counts
    against the function's memory.
    """
    memory = f"{config.get('MemorySize') or _MEMORY_MB}m"
    storage = (config.get("EphemeralStorage") or {}).get("Size") or _TMP_MB
    given: dict[str, Any] = {
        "image": config["ImageUri"],
        "environment": dict(environment),
        "detach": True,
        "read_only": True,
        "tmpfs": {"/tmp": f"exec,mode=1777,size={storage}m"},
        "mem_limit": memory,
        "memswap_limit": memory,
        "user": USER,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "extra_hosts": {HOST: "host-gateway"},
    }
    changed = (config.get("ImageConfigResponse") or {}).get("ImageConfig") or config.get("ImageConfig") or {}
    for member, argument in (("EntryPoint", "entrypoint"), ("Command", "command"), ("WorkingDirectory", "working_dir")):
        if changed.get(member):
            given[argument] = changed[member]
    return given
