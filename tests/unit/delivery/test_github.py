"""Which branches may deploy to an environment, as GitHub's API answers through `gh`."""

import json

import pytest
from support.shell import FakeShell

from delivery import github
from delivery.errors import MissingToolError, RefusedError
from delivery.process.shell import Result

PATH = "gh api repos/acme/app/environments/preprod"
LOGGED_OUT = Result(4, "", "gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable.")
MISSING = Result(1, '{"message": "Not Found"}', "gh: Not Found (HTTP 404)")
CUSTOM = json.dumps({"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}})


def ask(*policies, **answers):
    """Ask with these custom policies, or with other answers by path."""
    listed = json.dumps({"total_count": len(policies), "branch_policies": list(policies)})
    shell = FakeShell({PATH: CUSTOM, f"{PATH}/deployment-branch-policies": listed, **answers})
    return github.deployment_branches("acme/app", "preprod", "main", shell)


def test_an_environment_for_the_default_branch_only_is_right():
    assert ask({"name": "main", "type": "branch"}) == "main only"


def test_protected_branches_are_right_too():
    policy = {"protected_branches": True, "custom_branch_policies": False}
    assert ask(**{PATH: json.dumps({"deployment_branch_policy": policy})}) == "protected branches only"


def test_without_a_limit_every_branch_may_take_the_role():
    with pytest.raises(RefusedError, match="Every branch may use the environment preprod of acme/app") as caught:
        ask(**{PATH: json.dumps({"deployment_branch_policy": None})})
    assert "limit the deployment branches of preprod to main" in caught.value.hint


@pytest.mark.parametrize(
    "other", [{"name": "*", "type": "branch"}, {"name": "release/*"}, {"name": "main", "type": "tag"}]
)
def test_another_branch_a_pattern_or_a_tag_is_named(other):
    with pytest.raises(RefusedError, match="Not only main may use") as caught:
        ask({"name": "main", "type": "branch"}, other)
    assert other["name"] in caught.value.why


def test_an_environment_that_the_first_job_would_make_is_refused():
    with pytest.raises(RefusedError, match="GitHub has no environment preprod"):
        ask(**{PATH: MISSING, "gh api repos/acme/app": "{}", f"{PATH}/deployment-branch-policies": MISSING})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (MissingToolError("gh was not found."), "gh is not installed"),
        (LOGGED_OUT, "set the GH_TOKEN"),
        (MISSING, "gh may not read acme/app"),
        (Result(0, "<html>", ""), "gh ended with 0"),
        (Result(1, "", "gh: API rate limit exceeded (HTTP 403)"), "rate limit"),
    ],
)
def test_what_gh_cannot_say_is_not_refused(answer, why):
    with pytest.raises(github.NotReadableError, match=why):
        ask(**{"gh api": answer, PATH: answer})


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        ('github_repository    = "acme/app"\n', "acme/app"),
        ('# github_repository = "OWNER/NAME"\npromotes_to = ["prod"]\n', ""),
        ('github_repository = ""\n', ""),
        ('github_repository_id = "1/2"\n', ""),
    ],
)
def test_the_repository_is_that_of_the_environment_s_variables(tmp_path, text, repository):
    (tmp_path / "preprod.tfvars").write_text(text)
    assert github.repository(tmp_path / "preprod.tfvars") == repository


def test_an_environment_without_variables_has_no_repository(tmp_path):
    assert github.repository(tmp_path / "none.tfvars") == ""
