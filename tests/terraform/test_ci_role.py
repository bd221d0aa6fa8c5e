"""The module ci_role in a copy that has the lock file of the foundation: the roles' trust, and their policies."""

import json
import shutil
from pathlib import Path

import pytest
from support.lock_file import NAME, drop_checksums
from support.policies import GOLDEN

HERE = Path(__file__).parent
INFRASTRUCTURE = HERE.parents[1] / "infrastructure"
PROVIDER = """
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""
GITHUB = {
    "repository": "example/sse-streaming",
    "owner_id": "1001",
    "repository_id": "2002",
    "default_branch": "main",
    "promotes_to": ["prod"],
    "signers": ["preprod"],
    "create_oidc_provider": True,
}
PREPROD = {"name": "preprod", "account": "111111111111", "region": "us-east-1"}
BOUNDARY = "arn:aws:iam::111111111111:policy/preprod-function-boundary"
VERIFICATION_KEYS = ["arn:aws:kms:us-east-1:222222222222:alias/prod-images"]
LONGEST = 64
"""Characters of the longest name of a function: Lambda API, CreateFunction, FunctionName."""


@pytest.fixture(scope="module")
def initialised(terraform_in, tmp_path_factory):
    """A copy of the module with a lock file, and what runs terraform in it."""
    folder = tmp_path_factory.mktemp("module") / "ci_role"
    shutil.copytree(INFRASTRUCTURE / "modules" / "ci_role", folder)
    shutil.copy(INFRASTRUCTURE / "foundation" / NAME, folder)
    terraform = terraform_in(folder)
    drop_checksums(folder)
    return folder, terraform


@pytest.fixture
def terraform(initialised):
    return initialised[1]


@pytest.fixture
def module(initialised, tmp_path):
    return shutil.copytree(initialised[0], tmp_path / "ci_role")


def policies(terraform, module, environment, images, permissions=None):
    """Name of the policy => its text, from a plan that calls nothing."""
    (module / "provider.tf").write_text(PROVIDER.replace("us-east-1", environment["region"]))
    variables = {
        "environment": environment,
        "github": GITHUB,
        "images": images,
        "state_bucket_arn": "arn:aws:s3:::preprod-111111111111-us-east-1-terraform-state",
        "state_kms_key": f"arn:aws:kms:{environment['region']}:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "boundary_arn": BOUNDARY,
        "signing_key_arn": f"arn:aws:kms:{environment['region']}:111111111111:key/aaaabbbb-12ab-34cd-56ef-1234567890ab",
        "verification_keys": VERIFICATION_KEYS,
        "permissions": permissions or {},
    }
    (module / "values.tfvars.json").write_text(json.dumps(variables))
    terraform(module, "plan", "-input=false", "-refresh=false", "-var-file=values.tfvars.json", "-out=plan")
    planned = json.loads(terraform(module, "show", "-json", "plan").stdout)
    documents = {}
    for resource in planned["planned_values"]["root_module"]["resources"]:
        if resource["type"] in ("aws_iam_policy", "aws_iam_role_policy"):
            # functions-1, ... of one resource; delivery, reading, state_key-delivery and state_key-reader of others.
            parts = [resource["name"], *([resource["index"]] if resource.get("index") else [])]
            documents["-".join(map(str, parts)).removeprefix("functions-")] = resource["values"]["policy"]
    return documents


def test_each_role_trusts_exactly_the_claims_that_github_sends(terraform, module):
    shutil.copy(HERE / "trust.tftest.hcl", module)
    terraform(module, "test")


def test_the_policies_are_those_that_lint_and_the_unit_tests_read(terraform, module, pytestconfig):
    """`./dev pytest tests/terraform --update-policies` writes the files again."""
    texts = policies(terraform, module, PREPROD, ["sse-streaming"])
    made = {name: json.loads(text) for name, text in texts.items()}
    if pytestconfig.getoption("--update-policies"):
        for name, document in made.items():
            (GOLDEN / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    assert made == {file.stem: json.loads(file.read_text()) for file in GOLDEN.glob("*.json")}


def test_the_jobs_get_exactly_the_permissions_of_the_environment(terraform, module):
    managed = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"
    schedule = "arn:aws:scheduler:us-east-1:111111111111:schedule/default/preprod-nightly"
    jobs = [{"actions": ["scheduler:CreateSchedule"], "resources": [schedule]}]
    made = policies(terraform, module, PREPROD, ["orders"], {"managed": [managed], "jobs": jobs})
    read, attach, job = json.loads(made["extra"])["Statement"]
    assert (read["Action"], read["Resource"]) == (["iam:GetPolicyVersion", "iam:GetPolicy"], managed)
    assert attach["Action"] == "iam:AttachRolePolicy"
    assert attach["Resource"] == "arn:aws:iam::111111111111:role/functions/preprod/*"
    assert attach["Condition"] == {"ArnEquals": {"iam:PolicyARN": managed, "iam:PermissionsBoundary": BOUNDARY}}
    assert job == {"Effect": "Allow", "Action": "scheduler:CreateSchedule", "Resource": schedule}


def test_twenty_functions_with_the_longest_names_fit_into_the_limits_of_iam(terraform, module):
    """IAM quotas: 6,144 characters for a managed policy, 10 of them for a role, 10,240 for its inline policies."""
    environment = {"name": "environment-of-1", "account": "1" * 12, "region": "ap-southeast-1"}
    start = len(environment["name"]) + 1
    images = [f"{number:02}".ljust(LONGEST - start, "x") for number in range(20)]
    made = policies(terraform, module, environment, images)
    managed = {name: text for name, text in made.items() if name.startswith("functions-")}
    assert len(managed) == 5
    assert max(len("".join(text.split())) for text in managed.values()) <= 6144
    for inline in (("delivery", "state_key-delivery", "verification"), ("reading", "state_key-reader")):
        assert len("".join("".join(made[name].split()) for name in inline)) <= 10240
    assert len("".join(made["reader_logs"].split())) <= 6144 / 2, "40 functions have 10 policies of the other role"
    named = "".join(managed.values())
    assert [image for image in images if f"function:{environment['name']}-{image}:*" not in named] == []
