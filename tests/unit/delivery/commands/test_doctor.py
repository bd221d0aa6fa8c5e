"""Doctor runs every check, also after a failure, and names the command that corrects each failure."""

import json

import pytest
from support.shell import FakeShell
from support.world import COMMIT, FUNCTION, REPOSITORY, answers, state_document, world

from delivery.aws import function_url
from delivery.cli import report
from delivery.commands import doctor
from delivery.commands.doctor import Finding
from delivery.context import Request
from delivery.errors import CloudError, ConfigurationError, DeliveryError, MissingToolError, RefusedError
from delivery.process.shell import Result


def opened(root):
    """An environment where everything is there and the URL was opened by a release."""
    made = world(root)
    function_url.apply_access(made.aws, FUNCTION)
    made.aws.functions.calls.clear()
    return made


PROD = {"account": "222222222222", "region": "us-east-1"}
SANDBOX = {"account": "000000000000", "region": "us-east-1", "registry": "registry.test:5000", "state_bucket": "state"}


def tools(shell, **environments):
    """The findings without an environment."""
    config = {"environments": environments or {"prod": PROD}}
    return doctor.check_tools(Request(None, None, config, None), shell, None)


def checked(made, root, monkeypatch, shell=None, account="000000000000"):
    """The findings of the environment `sandbox`; `account`: the one that is expected."""
    monkeypatch.setattr(doctor, "Aws", lambda *_: made.aws)
    request = Request(root, "sandbox", {"environments": {"sandbox": {**SANDBOX, "account": account}}}, root)
    return doctor.check_environment(request, shell or made.shell, made.run.progress)


def reported(findings, kind=DeliveryError):
    """The printed lines, and the error that the task ends with."""
    lines = [line for text in report.finding_lines(findings) for line in text.splitlines()]
    try:
        doctor.require_success(findings)
    except kind as error:
        return lines, error
    return lines, None


def test_the_checks_of_tools_report_their_versions():
    lines, error = reported(tools(FakeShell(answers())))
    assert error is None
    assert [line.split() for line in lines] == [
        ["✓", "git", "2.39.5"],
        ["✓", "terraform", "1.11.4"],
        ["✓", "docker", "26.1.5"],
        ["✓", "docker", "buildx", "0.13.1"],
    ]


def test_a_tool_that_is_too_old_does_not_hide_the_next():
    shell = FakeShell(answers(**{"git --version": "git version 2.20.0", "docker version": Result(1, "", "no engine")}))
    lines, error = reported(tools(shell))
    assert [line[0] for line in lines if not line.startswith(" ")] == ["✗", "✓", "✗", "✓"]
    assert "git 2.20.0 is too old" in lines[0]
    assert "  try: apt-get install git" in lines
    assert (type(error), error.exit_code) == (MissingToolError, 3)
    assert error.what == "2 of 4 checks failed."


def test_the_checks_of_an_environment_include_account_bucket_repositories_and_url(tmp_path, monkeypatch):
    made = opened(tmp_path)
    findings = checked(made, tmp_path, monkeypatch)
    assert [(finding.name, finding.result) for finding in findings[4:]] == [
        ("account", "000000000000"),
        ("commit", COMMIT[:12]),
        ("state", "state"),
        ("registry", REPOSITORY),
        ("url", "fn: everyone (both statements)"),
    ]
    assert not [finding for finding in findings if finding.failure]


@pytest.mark.parametrize(
    ("missing", "name", "what"),
    [
        ("s3", "state", "The state bucket does not exist."),
        ("ecr", "registry", "The repository does not exist: sandbox-sse-streaming-lambda"),
    ],
)
def test_a_missing_bucket_or_repository_leads_to_bootstrap(tmp_path, monkeypatch, missing, name, what):
    made = opened(tmp_path)
    (made.aws.s3.buckets if missing == "s3" else made.aws.ecr.repositories).clear()
    findings = checked(made, tmp_path, monkeypatch)
    failures = {finding.name: finding.failure for finding in findings if finding.failure}
    assert next(iter(failures)) == name
    assert {failure.hint for failure in failures.values()} == {"invoke bootstrap --env sandbox"}
    assert (failures[name].what, failures[name].hint) == (what, "invoke bootstrap --env sandbox")
    assert isinstance(reported(findings)[1], CloudError)


def test_doctor_changes_nothing(tmp_path, monkeypatch):
    made = opened(tmp_path)
    checked(made, tmp_path, monkeypatch)
    calls = made.aws.s3.calls + made.aws.ecr.calls + made.aws.functions.calls
    assert {name.split("_")[0] for name, _ in calls} == {"head", "describe", "get"}
    changing = [made.shell.typed(f"terraform {word}") for word in ("plan", "apply", "import", "force-unlock")]
    assert changing == [[], [], [], []]


def test_before_the_first_deploy_the_check_of_the_url_passes(tmp_path, monkeypatch):
    made = world(tmp_path)
    made.aws.s3.objects.clear()
    assert checked(made, tmp_path, monkeypatch)[-1] == Finding("url", "nothing is deployed yet")


def test_a_defect_of_the_program_is_not_hidden():
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        doctor.finding("x", broken)


def test_a_wrong_account_hides_no_other_finding_and_is_not_read(tmp_path, monkeypatch):
    made = opened(tmp_path)
    shell = FakeShell(answers(**{"docker version": Result(1, "", "no engine")}))
    findings = checked(made, tmp_path, monkeypatch, shell, account="222222222222")
    lines, error = reported(findings)
    assert [line[0] for line in lines if not line.startswith(" ")] == ["✓", "✓", "✗", "✓", "✗", "✓", "-", "-", "-"]
    assert lines[-1] == "- url            not checked: it needs the account"
    failures = [finding.failure for finding in findings if finding.failure]
    assert [type(failure) for failure in failures] == [MissingToolError, RefusedError]
    assert all(failure.hint for failure in failures)
    assert error.exit_code == 3, "the first failure decides"
    assert made.aws.s3.calls + made.aws.ecr.calls + made.aws.functions.calls == []


def test_without_a_commit_the_account_is_checked_all_the_same(tmp_path, monkeypatch):
    shell = FakeShell(answers(**{"git log": Result(128, "", "not a git repository")}))
    findings = checked(opened(tmp_path), tmp_path, monkeypatch, shell)
    assert {finding.name: bool(finding.failure) for finding in findings[4:6]} == {"account": False, "commit": True}
    assert findings[-1].result == "not checked: it needs the commit"


def test_an_absent_engine_is_no_failure_where_an_environment_starts_its_own():
    shell = FakeShell(answers(**{"docker version": Result(1, "", "no engine")}))
    findings = tools(shell, sandbox={**SANDBOX, "started_by": "module:start"}, prod=PROD)
    lines, error = reported(findings)
    assert error is None
    assert lines[2].startswith(
        "- docker         docker does not answer. `invoke doctor --env sandbox` brings its own engine"
    )


def test_an_absent_terraform_is_a_failure_everywhere():
    shell = FakeShell(answers(**{"terraform version": Result(127, "", "")}))
    assert reported(tools(shell, sandbox={**SANDBOX, "started_by": "module:start"}))[1].exit_code == 3


def test_a_function_without_a_verified_version_has_no_url_yet(tmp_path, monkeypatch):
    made = world(tmp_path)
    document = json.loads(state_document())
    document["outputs"]["functions"]["value"]["sse-streaming"]["url"] = ""
    made.aws.s3.objects["service.tfstate"] = json.dumps(document)
    assert checked(made, tmp_path, monkeypatch)[-1] == Finding("url", "fn: no URL")


def with_repository(root):
    """An environment whose role the jobs of a repository may take."""
    made = opened(root)
    folder = root / "infrastructure" / "foundation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sandbox.tfvars").write_text('github_repository = "acme/app"\n')
    return made


def found(made, monkeypatch):
    """The finding about GitHub, its line, and whether doctor fails."""
    findings = checked(made, made.run.settings.root, monkeypatch)
    lines, error = reported(findings)
    return findings[-1], next(line for line in lines if " github " in line), error


def test_without_gh_the_deployment_branches_are_not_checked_and_doctor_does_not_fail(tmp_path, monkeypatch):
    made = with_repository(tmp_path)
    made.shell.answers["gh api"] = MissingToolError("gh was not found.")
    finding, line, error = found(made, monkeypatch)
    assert (finding.name, finding.checked, error) == ("github", False, None)
    assert line.startswith("- github")
    assert "not checked: gh is not installed" in line
    assert "`gh api repos/acme/app/environments/sandbox`" in line


def test_an_environment_that_every_branch_may_use_fails_doctor(tmp_path, monkeypatch):
    made = with_repository(tmp_path)
    made.shell.answers["gh api"] = '{"deployment_branch_policy": null}'
    _, line, error = found(made, monkeypatch)
    assert line.startswith("✗ github")
    assert error.exit_code == 4


def test_an_environment_without_a_repository_asks_nobody(tmp_path, monkeypatch):
    findings = checked(opened(tmp_path), tmp_path, monkeypatch)
    assert "github" not in [finding.name for finding in findings]


def requested(made, root, monkeypatch, **environment):
    monkeypatch.setattr(doctor, "Aws", lambda *_: made.aws)
    environments = {"prod": {**SANDBOX, **environment}, "local": {**SANDBOX, "started_by": "some.module:start"}}
    return doctor.check_environment(
        Request(root, "prod", {"environments": environments}, root), made.shell, made.run.progress
    )


@pytest.mark.parametrize(
    "environment",
    [{"region": "nowhere"}, {"colour": "red"}, {"started_by": "no.such_module:start"}],
)
def test_wrong_settings_hide_neither_the_tools_nor_the_commit(tmp_path, monkeypatch, environment):
    lines, error = reported(requested(opened(tmp_path), tmp_path, monkeypatch, **environment))
    marks = [(line[0], line[2:].split("  ")[0]) for line in lines if not line.startswith(" ")]
    tools_ = [("✓", name) for name in ("git", "terraform", "docker", "docker buildx")]
    assert marks == [
        *tools_,
        ("✗", "settings"),
        ("✓", "commit"),
        *(("-", name) for name in ("account", "state", "registry", "url")),
    ]
    assert (error.exit_code, error.what) == (2, "1 of 10 checks failed.")


def test_an_unknown_environment_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigurationError, match="Unknown environment: pord"):
        doctor.check_environment(Request(tmp_path, "pord", {"environments": {"prod": PROD}}, tmp_path), None, None)


def test_a_sandbox_that_does_not_start_is_a_finding_with_its_own_exit_code(tmp_path, monkeypatch):
    class BrokenError(Exception):
        exit_code, what, why, hint = 5, "The engine does not start.", "", "free some memory"

        def __init__(self, *_):
            super().__init__(self.what)

    def start(*_):
        raise BrokenError

    monkeypatch.setattr(doctor, "start", start)
    lines, error = reported(requested(opened(tmp_path), tmp_path, monkeypatch), BrokenError)
    assert "✗ settings       The engine does not start." in lines
    assert error.exit_code == 5


def test_an_absent_engine_is_a_failure_whose_hint_names_the_environment_that_brings_one(tmp_path, monkeypatch):
    made = opened(tmp_path)
    made.shell.answers["docker version"] = Result(1, "", "no engine")
    lines, error = reported(requested(made, tmp_path, monkeypatch))
    assert error.exit_code == 3
    assert [line for line in lines if line.endswith("or `--env local`: local brings its own engine")]


@pytest.mark.parametrize(("status", "mark"), [("running", "✓"), ("inactive", "✗")])
def test_a_builder_that_the_settings_name_is_checked(tmp_path, monkeypatch, status, mark):
    made = world(tmp_path)
    monkeypatch.setattr(doctor, "Aws", lambda *_: made.aws)
    made.shell.answers["docker buildx inspect team"] = f"Driver: remote\nEndpoint: tcp://x:1\nStatus: {status}\n"
    config = {"environments": {"sandbox": SANDBOX}, "build": {"builder": "team"}}
    request = Request(tmp_path, "sandbox", config, tmp_path)
    lines, _ = reported(doctor.check_environment(request, made.shell, made.run.progress))
    assert [line[0] for line in lines if line[2:].startswith("builder")] == [mark]


def test_without_an_environment_the_builder_of_all_is_checked():
    shell = FakeShell({**answers(), "docker buildx inspect team": "Driver: kubernetes\nStatus: running\n"})
    request = Request(None, None, {"environments": {"prod": PROD}, "build": {"builder": "team"}}, None)
    lines, error = reported(doctor.check_tools(request, shell, None))
    assert error is None
    assert "✓ builder        builder team (kubernetes)" in lines
