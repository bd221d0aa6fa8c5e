"""What a function's container is given."""

from typing import Any

from sandbox.emulator import environment

PLACE = environment.Place("eu-west-1", "10.9.8.1:4000", "http://host.docker.internal:4566", "2026/01/02/[7]abc")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}


def config(**changes: Any) -> dict[str, Any]:
    return {"FunctionName": "f", "Version": "7", "MemorySize": 256, "ImageUri": "r/app@sha256:1", **changes}


def test_the_variables_that_lambda_reserves_are_those_of_the_version_and_its_container() -> None:
    given = environment.variables(config(), PLACE, CREDENTIALS)
    assert given["AWS_LAMBDA_RUNTIME_API"] == "10.9.8.1:4000"
    assert given["AWS_REGION"] == given["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert given["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert given["AWS_LAMBDA_FUNCTION_VERSION"] == "7"
    assert given["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert given["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert given["AWS_LAMBDA_LOG_STREAM_NAME"] == "2026/01/02/[7]abc"
    assert given["AWS_ACCESS_KEY"] == given["AWS_ACCESS_KEY_ID"] == "ASIA"
    assert given["AWS_SESSION_TOKEN"] == "token"


def test_a_functions_own_variables_replace_no_reserved_one() -> None:
    own = {"Variables": {"AWS_REGION": "mine", "TZ": "Europe/Berlin", "LEVEL": "debug"}}
    given = environment.variables(config(Environment=own), PLACE, CREDENTIALS)
    assert (given["AWS_REGION"], given["TZ"], given["LEVEL"]) == ("eu-west-1", "Europe/Berlin", "debug")


def test_a_log_group_that_the_function_names_is_its_log_group() -> None:
    assert environment.log_group(config(LoggingConfig={"LogGroup": "/all"})) == "/all"


def test_a_container_is_limited_and_isolated_as_on_lambda() -> None:
    options = environment.options(config(EphemeralStorage={"Size": 1024}), {"A": "1"})
    assert (options["mem_limit"], options["memswap_limit"]) == ("256m", "256m")
    assert options["tmpfs"] == {"/tmp": "exec,mode=1777,size=1024m"}
    assert options["read_only"] is True
    assert options["user"] == environment.USER
    assert not {"entrypoint", "command", "working_dir", "ports"} & options.keys()


def test_an_image_configuration_replaces_what_the_image_starts() -> None:
    changed = {"ImageConfig": {"EntryPoint": ["/bin/a"], "Command": ["b"], "WorkingDirectory": "/c"}}
    options = environment.options(config(ImageConfigResponse=changed), {})
    assert (options["entrypoint"], options["command"], options["working_dir"]) == (["/bin/a"], ["b"], "/c")
