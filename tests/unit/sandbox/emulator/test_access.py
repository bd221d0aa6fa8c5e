"""Each patch of access: the unpatched emulator differs from AWS (else: delete it), the patched one does not."""

import base64
import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.emulator import apply, document, names, require_difference, unpatched

from sandbox.emulator import access, patches

evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
functions: Any = importlib.import_module("ministack.services.lambda_svc")
iam: Any = importlib.import_module("ministack.services.iam")
iam_actions: Any = importlib.import_module("ministack.core.iam_actions")
kms: Any = importlib.import_module("ministack.services.kms")
sts: Any = importlib.import_module("ministack.services.sts")

ACCOUNT = "000000000000"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{access.GITHUB}"
IMAGE = "127.0.0.1:4999/app@sha256:" + "a" * 64


@pytest.fixture(autouse=True)
def emulator() -> Iterator[None]:
    with unpatched():
        yield


def token(**claims: str) -> str:
    parts = ({"alg": "RS256"}, {"iss": f"https://{access.GITHUB}", "aud": "sts.amazonaws.com", **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*encoded, "c2ln"))


def keys(**claims: str) -> Any:
    return sts._web_identity_principal(token(**claims), "", f"arn:aws:iam::{ACCOUNT}:role/r")


def test_a_trust_policy_sees_the_claims_of_github_that_aws_evaluates() -> None:
    claims = {"sub": "s", "ref": "refs/heads/main", "run_id": "7"}
    require_difference(f"{access.GITHUB}:ref" not in keys(**claims)[1])
    apply(access.claims_of_github)
    provider, condition_keys = keys(**claims)
    assert provider == PROVIDER
    assert {f"{access.GITHUB}:{name}": claims[name] for name in ("sub", "ref")}.items() <= condition_keys.items()
    assert f"{access.GITHUB}:run_id" not in condition_keys


def test_a_claim_is_compared_with_its_case_and_an_absent_claim_matches_nothing() -> None:
    apply(access.claims_of_github)
    condition = {"StringEquals": {f"{access.GITHUB}:ref": "refs/heads/main"}}
    trust = {
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": PROVIDER},
            "Condition": condition,
        }
    }

    def trusted(**claims: str) -> bool:
        provider, condition_keys = keys(**claims)
        context = evaluator.EvalContext(
            provider,
            "WebIdentityUser",
            ACCOUNT,
            "sts:AssumeRoleWithWebIdentity",
            "r",
            "us-east-1",
            service_context=condition_keys,
        )
        return bool(evaluator.evaluate_trust_policy(trust, provider, context))

    assert [trusted(ref=ref) for ref in ("refs/heads/main", "refs/heads/Main", "main")] == [True, False, False]
    assert not trusted()


def role_arn(action: str, name: str, **parameters: str) -> str:
    query = {"Action": [action], "RoleName": [name], **{key: [value] for key, value in parameters.items()}}
    return str(iam_actions.extract_resource_arn("iam", "POST", "/", {}, b"", query, "us-east-1", ACCOUNT))


def role(name: str, **parameters: str) -> None:
    trust = (
        '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    )
    made = iam._create_role(
        {"RoleName": [name], "AssumeRolePolicyDocument": [trust], **{k: [v] for k, v in parameters.items()}}
    )
    assert made[0] == 200, made


def test_the_arn_of_a_role_has_its_path_before_and_after_the_role_is_created() -> None:
    name = next(names)
    require_difference(role_arn("CreateRole", name, Path="/a/b/").endswith(f"role/{name}"))
    apply(access.resources_in_full)
    assert role_arn("CreateRole", name, Path="/a/b/") == f"arn:aws:iam::{ACCOUNT}:role/a/b/{name}"
    assert role_arn("CreateRole", name) == f"arn:aws:iam::{ACCOUNT}:role/{name}"
    role(name, Path="/a/b/")
    assert role_arn("GetRole", name) == f"arn:aws:iam::{ACCOUNT}:role/a/b/{name}"


def resource(service: str, body: bytes = b"", path: str = "/", **query: str) -> str:
    parameters = {name: [value] for name, value in query.items()}
    found = iam_actions.extract_resource_arn(service, "POST", path, {}, body, parameters, "us-east-1", ACCOUNT)
    return str(found).removeprefix("arn:aws:").replace(f":us-east-1:{ACCOUNT}", "")


@pytest.mark.parametrize(
    ("request_of", "arn"),
    [
        (lambda: resource("lambda", b'{"FunctionName": "f"}', "/2015-03-31/functions"), "lambda:function:f"),
        (lambda: resource("lambda", path="/2015-03-31/functions/f", Qualifier="live"), "lambda:function:f:live"),
        (lambda: resource("ecr", b'{"repositoryNames": ["a/b"]}'), "ecr:repository/a/b"),
        (lambda: resource("monitoring", Action="DescribeAlarms"), "cloudwatch:alarm:*"),
        (lambda: resource("logs", b'{"logGroupName": "g"}'), "logs:log-group:g:*"),
        (lambda: resource("logs", b'{"logGroupName": "g", "logStreamName": "s"}'), "logs:log-group:g:log-stream:s"),
        (
            lambda: resource("monitoring", ResourceARN=f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:a"),
            "cloudwatch:alarm:a",
        ),
    ],
)
def test_a_policy_sees_the_resource_that_the_request_names(request_of: Any, arn: str) -> None:
    require_difference(request_of() != arn)
    apply(access.resources_in_full)
    assert request_of() == arn


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "aliases/live", "GetAlias"),
        ("PUT", "aliases/live", "UpdateAlias"),
        ("DELETE", "aliases/live", "DeleteAlias"),
        ("PUT", "url", "UpdateFunctionUrlConfig"),
        ("DELETE", "url", "DeleteFunctionUrlConfig"),
        ("POST", "response-streaming-invocations", "InvokeFunction"),
    ],
)
def test_each_operation_of_lambda_is_evaluated_as_its_own_action(method: str, path: str, action: str) -> None:
    def evaluated() -> str:
        request = (method, f"/2021-11-15/functions/f/{path}", {}, b"", {})
        return str(iam_actions.extract_iam_action("lambda", *request)).removeprefix("lambda:")

    require_difference(evaluated() != action)
    apply(access.actions_of_lambda)
    assert evaluated() == action


def test_a_policy_sees_the_boundary_that_a_role_gets_and_has() -> None:
    name, boundary = next(names), f"arn:aws:iam::{ACCOUNT}:policy/{next(names)}"
    asked = {"RoleName": [name], "PermissionsBoundary": [boundary]}

    def context(action: str, parameters: Any) -> Any:
        return iam_actions.request_tag_context("iam", action, b"", parameters)

    require_difference("iam:PermissionsBoundary" not in context("iam:CreateRole", asked))
    apply(access.boundary_of_a_role)
    assert context("iam:CreateRole", asked)["iam:PermissionsBoundary"] == boundary
    assert "iam:PermissionsBoundary" not in context("iam:CreateRole", {"RoleName": [name]})
    document = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    iam._create_policy({"PolicyName": [boundary.rpartition("/")[2]], "PolicyDocument": [document]})
    role(name, PermissionsBoundary=boundary)
    assert context("iam:PutRolePolicy", {"RoleName": [name]})["iam:PermissionsBoundary"] == boundary


@pytest.fixture
def caller() -> Iterator[Any]:
    """Somebody whose signature was checked, and who may do what the test says."""
    name = next(names)
    iam._create_user({"UserName": [name]})
    created = iam._create_access_key({"UserName": [name]})[2].decode()
    key = created.partition("<AccessKeyId>")[2].partition("<")[0]
    verified = evaluator._verified_key.set(key)

    def allowed(*actions: str) -> None:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam._put_user_policy({"UserName": [name], "PolicyName": ["p"], "PolicyDocument": [document]})

    yield allowed
    evaluator._verified_key.reset(verified)


def test_get_function_gives_the_tags_only_to_those_who_may_list_them(caller: Any) -> None:
    name = next(names)
    settings = {"Role": f"arn:aws:iam::{ACCOUNT}:role/r", "PackageType": "Image", "Code": {"ImageUri": IMAGE}}
    document(functions._create_function({"FunctionName": name, "Tags": {"a": "b"}, **settings}))
    caller("lambda:GetFunction")
    require_difference(document(functions._get_function(name)).get("Tags") == {"a": "b"})
    apply(patches.tags_for_those_who_may_list_them)
    hidden = document(functions._get_function(name))
    assert "Tags" not in hidden
    assert "lambda:ListTags" in hidden["TagsError"]["Message"]
    caller("lambda:GetFunction", "lambda:ListTags")
    assert document(functions._get_function(name))["Tags"] == {"a": "b"}


def test_a_function_gets_only_a_role_that_the_caller_may_pass_to_lambda(caller: Any) -> None:
    settings = {"Role": f"arn:aws:iam::{ACCOUNT}:role/r", "PackageType": "Image", "Code": {"ImageUri": IMAGE}}

    def created() -> Any:
        return functions._create_function({"FunctionName": next(names), **settings})

    caller("lambda:CreateFunction")
    require_difference(created()[0] < 300)
    apply(patches.roles_passed_by_permission)
    status, headers, body = created()
    assert (status, headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert "iam:PassRole" in body.decode()
    caller("lambda:CreateFunction", "iam:PassRole")
    assert created()[0] < 300


def test_the_root_of_an_account_may_list_tags() -> None:
    apply(patches.tags_for_those_who_may_list_them)
    assert access.refusal("lambda:ListTags", "*") == ""


def test_a_policy_sees_a_request_as_one_over_tls() -> None:
    context = evaluator.EvalContext("arn:aws:iam::000000000000:root", "Root", ACCOUNT, "s3:GetObject", "*", "us-east-1")
    require_difference(evaluator._resolve_condition_key("aws:SecureTransport", context) == "false")
    apply(access.requests_over_tls)
    assert evaluator._resolve_condition_key("aws:SecureTransport", context) == "true"
    assert evaluator._resolve_condition_key("aws:PrincipalAccount", context) == ACCOUNT


def test_a_policy_sees_the_key_that_a_request_names_by_its_alias() -> None:
    alias = f"alias/{next(names)}"
    key = document(kms._create_key({}))["KeyMetadata"]
    kms._create_alias({"AliasName": alias, "TargetKeyId": key["KeyId"]})
    body = json.dumps({"KeyId": alias}).encode()
    require_difference(resource("kms", body) == f"kms:{alias}")
    apply(access.resources_in_full)
    assert resource("kms", body) == f"kms:key/{key['KeyId']}"
    by_arn = json.dumps({"KeyId": f"arn:aws:kms:us-east-1:{ACCOUNT}:{alias}"}).encode()
    assert resource("kms", by_arn) == f"kms:key/{key['KeyId']}"
    assert resource("kms", b'{"KeyId": "alias/none"}') == "kms:alias/none"


def test_a_policy_sees_the_role_of_a_session_with_its_path() -> None:
    name = next(names)
    role(name, Path="/ci/")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/job"
    context = evaluator.EvalContext(session, "AssumedRole", ACCOUNT, "kms:Sign", "*", "us-east-1")
    require_difference(evaluator._resolve_condition_key("aws:PrincipalArn", context) == session)
    apply(access.principals_of_roles)
    assert evaluator._resolve_condition_key("aws:PrincipalArn", context) == f"arn:aws:iam::{ACCOUNT}:role/ci/{name}"
    assert evaluator._resolve_condition_key("aws:PrincipalAccount", context) == ACCOUNT
    user = f"arn:aws:iam::{ACCOUNT}:user/u"
    context = evaluator.EvalContext(user, "User", ACCOUNT, "kms:Sign", "*", "us-east-1")
    assert evaluator._resolve_condition_key("aws:PrincipalArn", context) == user
