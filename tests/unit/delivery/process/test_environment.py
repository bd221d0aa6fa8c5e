"""What a person exports for other projects does not reach the tools."""

import pytest

from delivery.process.environment import inherited


@pytest.mark.parametrize(
    "name",
    [
        *("TF_WORKSPACE", "TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_VAR_memory_mb", "TF_DATA_DIR", "TF_LOG", "TF_INPUT"),
        *("TF_REATTACH_PROVIDERS", "GIT_DIR", "GIT_CONFIG_COUNT", "GIT_EXTERNAL_DIFF", "GIT_TRACE", "GIT_PAGER"),
        *("PIP_TARGET", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME"),
        *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
    ],
)
def test_what_changes_the_work_of_a_tool_is_not_inherited(name):
    assert name not in inherited({name: "x"})


@pytest.mark.parametrize(
    "name",
    ["PIP_INDEX_URL", "PIP_CERT", "TF_CLI_CONFIG_FILE", "TF_TOKEN_app_terraform_io", "AWS_PROFILE", "DOCKER_HOST"],
)
def test_what_says_how_this_machine_reaches_others_is_inherited(name):
    assert inherited({name: "x"})[name] == "x"


def test_tools_that_end_soon_collect_less_garbage_unless_a_person_says_how_much():
    assert inherited({})["GOGC"] == "400"
    assert inherited({"GOGC": "off"})["GOGC"] == "off"
