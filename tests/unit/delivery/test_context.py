"""Opening a workbench: what is checked, in which order, before anything is touched."""

import io

import pytest
from rich.console import Console
from support.aws import FakeAws
from support.shell import FakeShell
from support.world import COMMIT, answers

from delivery import context
from delivery.context import Request, open_context
from delivery.errors import ConfigurationError, MissingToolError, RefusedError
from delivery.git import Commit
from delivery.process.shell import Result
from delivery.progress import Progress

SANDBOX = {"account": "000000000000", "region": "us-east-1"}


@pytest.fixture
def made(monkeypatch):
    """What the AWS clients were made with; the composition root has no seam below it."""
    recorded = []

    def aws(environment, variables):
        recorded.append((environment.region, dict(variables)))
        return FakeAws(account="000000000000")

    monkeypatch.setattr(context, "Aws", aws)
    return recorded


def test_a_clean_commit_is_built_and_planned_from_its_own_files(tmp_path, made):
    del made
    run = opened(tmp_path)
    assert run.settings.source == tmp_path / f"commit_{COMMIT}" / "files"
    dirty = answers(**{"git -c core.fsmonitor=false -c core.untrackedCache=false status": " M app.py\n"})
    assert opened(tmp_path, FakeShell(dirty)).settings.source == tmp_path


def opened(tmp_path, shell=None, **changes):
    config = {
        "environments": {"sandbox": {**SANDBOX, **changes}, "prod": {"account": "222222222222", "region": "us-east-1"}}
    }
    request = Request(tmp_path, "sandbox", config, tmp_path)
    return open_context(request, shell or FakeShell(answers()), Progress(Console(file=io.StringIO())))


def test_a_bench_holds_everything_of_one_environment(tmp_path, made):
    run = opened(tmp_path, variables={"AWS_PROFILE": "dev"})
    assert run.settings.environment.name == "sandbox"
    assert run.commit == Commit(COMMIT, False)
    assert run.shell.variables["AWS_PROFILE"] == "dev"
    assert made == [("us-east-1", {"AWS_PROFILE": "dev"})]


@pytest.mark.parametrize(("tool", "name"), [("git --version", "git"), ("terraform version", "terraform")])
def test_a_missing_tool_is_reported_before_an_environment_is_started_or_an_account_read(tmp_path, made, tool, name):
    with pytest.raises(MissingToolError, match=f"^{name} does not answer"):
        opened(tmp_path, FakeShell(answers(**{tool: Result(127, "", "")})), started_by="no.such.module:start")
    assert made == []


def test_a_wrong_setting_is_reported_before_any_command(tmp_path, made):
    shell = FakeShell()
    with pytest.raises(ConfigurationError):
        opened(tmp_path, shell, region="nowhere")
    assert (shell.ran, made) == ([], [])


def test_credentials_of_another_account_are_refused(tmp_path, made):
    del made
    with pytest.raises(RefusedError) as caught:
        opened(tmp_path, account="222222222222")
    assert str(caught.value) == (
        "These credentials belong to account 000000000000; sandbox is 222222222222.\n"
        "  Nothing was read or changed.\n"
        "  try: choose the profile of 222222222222, e.g. AWS_PROFILE=sandbox"
    )


@pytest.fixture
def starter(tmp_path, monkeypatch):
    """A module that starts an environment, as `started_by` names it."""
    (tmp_path / "unit_starter.py").write_text(
        "def start(root, say):\n"
        "    say(f'starting in {root}')\n"
        "    return {'registry': '127.0.0.1:5000', 'variables': {'AWS_ENDPOINT_URL': 'http://127.0.0.1:4566'}}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "unit_starter:start"


def test_an_environment_that_is_started_brings_its_own_settings_for_every_tool(tmp_path, made, starter):
    shell = FakeShell(answers(), {"PATH": "/bin"})
    run = opened(tmp_path, shell, started_by=starter)
    assert run.settings.environment.registry == "127.0.0.1:5000"
    assert run.shell.variables == {"PATH": "/bin", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    assert made == [("us-east-1", run.shell.variables)]
    assert [(stage.name, stage.activity, stage.result) for stage in run.progress.stages] == [
        ("sandbox", f"starting in {tmp_path}", "ready")
    ]


@pytest.mark.parametrize("name", ["no.such.module:start", "unit_starter:no_such_function"])
def test_a_starter_that_does_not_exist_is_a_wrong_setting(tmp_path, made, starter, name):
    del made, starter
    with pytest.raises(ConfigurationError, match="started_by"):
        opened(tmp_path, started_by=name)


def test_the_versions_of_docker_and_buildx_are_reported(tmp_path, made):
    del made
    assert context.require_docker(opened(tmp_path)) == "Docker 26.1.5, buildx 0.13.1"


def test_the_builder_that_the_settings_name_is_looked_up_and_reported(tmp_path, made):
    del made
    run = opened(tmp_path, builder="team")
    run.shell.answers["docker buildx inspect team"] = "Driver: remote\nStatus: running\n"
    assert context.require_docker(run) == "Docker 26.1.5, buildx 0.13.1, builder team (remote)"
