"""The variables that lead the tools to the sandbox instead of a person's own cloud."""

import os

from sandbox import lifecycle


def test_no_aws_setting_of_a_person_reaches_the_sandbox() -> None:
    exported = {"AWS_DEFAULT_PROFILE": "work", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL_S3": "https://s3"}
    variables = lifecycle._aws("http://127.0.0.1:4566", {**exported, "AWS_REGION": "eu-west-1", "PATH": "/bin"})
    assert {name: variables[name] for name in exported} == dict.fromkeys(exported, "")
    assert variables["AWS_REGION"] == "us-east-1"
    assert {variables["AWS_CONFIG_FILE"], variables["AWS_SHARED_CREDENTIALS_FILE"]} == {os.devnull}
    assert "PATH" not in variables


def test_the_proxy_exceptions_of_a_person_are_kept() -> None:
    assert lifecycle._aws("http://127.0.0.1:4566", {"no_proxy": "corp"})["NO_PROXY"] == "corp,127.0.0.1"
