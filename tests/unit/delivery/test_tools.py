"""The tools that a deploy needs, and the error for a tool that is absent or too old."""

import pytest
from support.shell import FakeShell

from delivery import tools
from delivery.errors import ConfigurationError, MissingToolError
from delivery.process.shell import Result

BUILDX = "github.com/docker/buildx {} 171fcbeb69d67c90ba7f44f41a9e418f6a6ec1da"


@pytest.mark.parametrize(
    ("tool", "printed", "version"),
    [
        (tools.GIT, "git version 2.39.5", "2.39.5"),
        (tools.GIT, "git version 2.39.5 (Apple Git-154)", "2.39.5"),
        (tools.TERRAFORM, '{"terraform_version": "1.11.4", "terraform_outdated": true}', "1.11.4"),
        (tools.DOCKER, "26.1.5+dfsg1\n", "26.1.5"),
        (tools.DOCKER, "24.0\n", "24.0"),
        (tools.BUILDX, BUILDX.format("v0.13.1"), "0.13.1"),
        (tools.BUILDX, BUILDX.format("0.13.1+ds1"), "0.13.1"),
    ],
)
def test_the_version_is_read_out_of_what_the_tool_prints(tool, printed, version):
    fake = FakeShell({" ".join(tool.version): printed})
    assert tools.check(tool, fake) == version
    assert fake.ran[0].argv == tool.version


@pytest.mark.parametrize(
    ("tool", "printed", "what"),
    [
        (tools.GIT, "git version 2.29.9", "git 2.29.9 is too old; 2.30 or newer is needed."),
        (tools.TERRAFORM, '{"terraform_version": "1.9.8"}', "terraform 1.9.8 is too old; 1.11 or newer is needed."),
        (tools.DOCKER, "20.10.24", "docker 20.10.24 is too old; 24.0 or newer is needed."),
        (tools.BUILDX, BUILDX.format("v0.9.1"), "docker buildx 0.9.1 is too old; 0.13 or newer is needed."),
    ],
)
def test_too_old_a_tool_is_named_with_its_version_and_how_to_get_another(tool, printed, what):
    with pytest.raises(MissingToolError) as caught:
        tools.check(tool, FakeShell({" ".join(tool.version): printed}))
    assert (caught.value.what, caught.value.hint, caught.value.exit_code) == (what, tool.install, 3)


@pytest.mark.parametrize("tool", tools.ALL, ids=lambda tool: tool.name)
@pytest.mark.parametrize("answer", [Result(1, "\n", "Cannot connect to the daemon.\nmore\nstill more"), ""])
def test_a_tool_that_does_not_answer_is_named_with_how_to_get_it(tool, answer):
    with pytest.raises(MissingToolError) as caught:
        tools.check(tool, FakeShell({" ".join(tool.version): answer}))
    assert (caught.value.what, caught.value.hint) == (f"{tool.name} does not answer.", tool.install)
    assert caught.value.why == ("Cannot connect to the daemon.\nmore" if answer else "")


def test_a_context_that_docker_does_not_have_is_a_wrong_setting():
    text = 'Failed to initialize: unable to resolve docker endpoint: context "nope": context not found: open /nowhere/x'
    with pytest.raises(ConfigurationError, match=r"Docker has no context nope\.") as caught:
        tools.check(tools.DOCKER, FakeShell({" ".join(tools.DOCKER.version): Result(1, "", text)}))
    assert caught.value.exit_code == 2
    assert "`unset DOCKER_CONTEXT`" in caught.value.hint


@pytest.mark.parametrize("tool", tools.ALL, ids=lambda tool: tool.name)
def test_an_absent_tool_says_how_to_get_it(tool):
    absent = MissingToolError(f"{tool.name} was not found.", "", "invoke doctor")  # what the shell raises
    with pytest.raises(MissingToolError) as caught:
        tools.check(tool, FakeShell({" ".join(tool.version): absent}))
    assert caught.value.hint == tool.install


# What buildx 0.13.1 prints
INSPECTED = """Name:          team
Driver:        {driver}
Last Activity: 2026-11-27 13:24:40 +0000 UTC

Nodes:
Name:     team0
Endpoint: tcp://buildkit.test:1234
Status:   {status}
"""
LISTED = """NAME/NODE   DRIVER/ENDPOINT         STATUS     BUILDKIT   PLATFORMS
team        remote
 \\_ team0    \\_ tcp://buildkit.test:1234   inactive
default*    docker
 \\_ default  \\_ default   running   v0.13.2   linux/amd64

Cannot load builder other: Cannot connect to the Docker daemon. Is the docker daemon running?
"""


@pytest.mark.parametrize(
    ("driver", "status"),
    [
        ("remote", "running"),
        ("docker-container", "running"),
        ("docker-container", "inactive"),
        ("kubernetes", "inactive"),
    ],
)
def test_a_builder_is_named_with_its_driver_and_one_that_is_not_started_yet_will_be(driver, status):
    fake = FakeShell({"docker buildx inspect team": INSPECTED.format(driver=driver, status=status)})
    assert tools.check_builder("team", fake) == f"builder team ({driver})"


def test_a_builder_that_does_not_exist_is_refused_with_the_names_that_exist():
    fake = FakeShell(
        {
            "docker buildx inspect tema": Result(1, "", 'ERROR: no builder "tema" found\n'),
            "docker buildx ls": LISTED,
        }
    )
    with pytest.raises(ConfigurationError) as caught:
        tools.check_builder("tema", fake)
    assert caught.value.what == "There is no builder tema."
    assert "docker has: team, default" in caught.value.why
    assert "other" not in caught.value.why
    assert "build.builder in invoke.yaml" in caught.value.hint


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (INSPECTED.format(driver="remote", status="inactive"), "Nothing answers at tcp://buildkit.test:1234"),
        (f"{INSPECTED.format(driver='kubernetes', status='inactive')}Error:    forbidden", "forbidden"),
    ],
)
def test_a_builder_that_does_not_answer_is_a_missing_tool(printed, reason):
    with pytest.raises(MissingToolError, match="The builder team does not answer") as caught:
        tools.check_builder("team", FakeShell({"docker buildx inspect team": printed}))
    assert reason in caught.value.why
    assert "docker buildx inspect --bootstrap team" in caught.value.hint
