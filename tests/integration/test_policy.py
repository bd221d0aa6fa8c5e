"""The CI role's policy lets every task through, and without any one of its actions something fails that names it.

In order: what creates is taken away and given back step by step until a deploy succeeds, then what reads, then what
updates, until a second deploy succeeds.
"""

import functools
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from support import policies
from support.deploys.guarded import DELIVERY, ENVIRONMENT, TEST, bucket, root, token
from support.deploys.policies import UNENFORCED
from support.deploys.policy_trial import Trial
from support.policies import actions
from support.recorded import actions as recorded_actions
from support.recorded import calls

from delivery import clock, health
from delivery.aws import ecr, function, function_code, function_url, logs, scan
from delivery.aws.bucket import exists
from delivery.release import alias, metrics, url, verify
from delivery.settings import Deadlines
from delivery.terraform import stages, state

FUNCTION = f"{ENVIRONMENT}-sse-streaming"
TFVARS = f"infrastructure/service/{ENVIRONMENT}.tfvars"
TRUST = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


@pytest.fixture(scope="module")
def trial(guarded):
    return Trial(guarded)


@pytest.mark.parametrize("path", ["/", "/ci/", f"/functions/{ENVIRONMENT}-eu/", f"/functions/{ENVIRONMENT}/"])
def test_the_job_makes_no_role_without_the_boundary_and_none_outside_the_path_of_its_functions(trial, path):
    """Without the boundary, whoever may make roles may do anything."""
    bounded = {"PermissionsBoundary": f"arn:aws:iam::111111111111:policy/{ENVIRONMENT}-function-boundary"}
    inside = path == f"/functions/{ENVIRONMENT}/"
    iam = trial.guarded.client("iam", trial.credentials)
    with pytest.raises(ClientError, match="iam:CreateRole"):
        iam.create_role(RoleName="r", Path=path, AssumeRolePolicyDocument=TRUST, **({} if inside else bounded))


def test_an_environment_whose_name_begins_with_preprod_is_out_of_reach(trial):
    other = f"{ENVIRONMENT}-eu-sse-streaming"
    calls = (
        lambda client: client("lambda").get_function(FunctionName=other),
        lambda client: client("lambda").update_alias(FunctionName=other, Name="live", FunctionVersion="1"),
        lambda client: client("logs").create_log_group(logGroupName=f"/aws/lambda/{other}"),
        lambda client: client("ecr").describe_images(repositoryName=f"{other}-lambda"),
        lambda client: client("iam").get_role(RoleName=other),
        lambda client: client("s3").put_object(Bucket=bucket(ENVIRONMENT), Key="foundation.tfstate", Body=b""),
    )
    for call in calls:
        with pytest.raises(ClientError, match=r"not authorized|AccessDenied"):
            call(lambda service: trial.guarded.client(service, trial.credentials))


def test_a_role_that_may_do_everything_but_one_thing_cannot_publish(trial):
    pushed = trial.invoke("push-image")
    assert pushed.code == 0, pushed.text
    aws, image = trial.run.aws, trial.images[0]
    trial.without({"ecr:DescribeRepositories"}, "guards", lambda: ecr.require_repositories(aws, trial.images))
    trial.without({"ecr:BatchGetImage"}, "push", lambda: ecr.find(aws, image, "latest"))
    trial.without({"ecr:GetAuthorizationToken"}, "push", lambda: ecr.authorize(aws))
    trial.without({"s3:ListBucket"}, "doctor", lambda: exists(aws))


def test_the_job_gives_a_function_no_role_but_those_of_functions(trial):
    code = {"ImageUri": trial.image.uri}
    functions = trial.guarded.client("lambda", trial.credentials)
    with pytest.raises(ClientError, match="iam:PassRole"):
        functions.create_function(FunctionName=FUNCTION, Role=DELIVERY.arn, Code=code, PackageType="Image")


@pytest.mark.parametrize(
    "dropped",
    [
        {"iam:CreateRole", "logs:CreateLogGroup"},
        {"iam:PutRolePolicy"},
        {"lambda:CreateFunction"},
        {"iam:PassRole"},
        {"cloudwatch:PutMetricAlarm"},
    ],
    ids=lambda dropped: min(dropped),
)
def test_nothing_is_created_without(trial, dropped):
    trial.without(dropped, "apply", trial.apply)


@pytest.mark.parametrize("dropped", [{"lambda:CreateAlias"}, {"lambda:CreateFunctionUrlConfig"}], ids=min)
def test_a_verified_version_is_not_connected_without(trial, dropped):
    if not trial.live_versions:
        trial.apply()
        published = function_code.publish(trial.run.aws, trial.unpublished, trial.run.commit.tag)
        trial.live_versions = {"sse-streaming": published.version}
    trial.without(dropped, "connect", trial.apply)


def test_the_policy_is_enough_for_a_first_deploy_and_the_tasks_around_it(trial):
    for task in ("deploy", "doctor", "releases", "verify"):
        outcome = trial.invoke(task)
        assert outcome.code == 0, outcome.text
    role = trial.guarded.client("iam").get_role(RoleName=FUNCTION)["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(f"{ENVIRONMENT}-function-boundary")


def test_the_policy_for_people_is_enough_to_publish_and_deletes_nothing(trial):
    guarded, name = trial.guarded, f"{FUNCTION}-publish"
    iam = guarded.client("iam")
    iam.create_user(UserName="alice")
    iam.attach_user_policy(UserName="alice", PolicyArn=f"arn:aws:iam::111111111111:policy/{name}")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    alice = {
        **root(ENVIRONMENT),
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    for place in ("1", "2"):
        outcome = guarded.checkout.invoke("publish", "--env", ENVIRONMENT, "--event", "order", **alice)
        assert outcome.code == 0, outcome.text
        assert f"{place} order" in outcome.text
    event = {"TableName": f"{FUNCTION}-events", "Key": {"feed": {"S": "main"}, "seq": {"N": "1"}}}
    with pytest.raises(ClientError, match="dynamodb:DeleteItem"):
        guarded.client("dynamodb", alice).delete_item(**event)
    assert "expires" in guarded.client("dynamodb").get_item(**event)["Item"]


def test_the_validation_gate_has_exactly_the_rights_that_an_acceptance_needs(trial):
    """Compared with the calls in the emulator's record. It knows no session policies of OIDC: the role is narrowed."""
    kept, guarded = actions(policies.gate()), trial.guarded
    trial.allow(*(actions(trial.policy) - kept))
    session = guarded.assume(token())
    outcome = guarded.checkout.invoke("acceptance", "--env", ENVIRONMENT, **session)
    with pytest.raises(ClientError, match="not authorized"):
        guarded.client("lambda", session).publish_version(FunctionName=FUNCTION)
    trial.allow()
    assert outcome.code == 0, outcome.text
    made = [call for call in calls.read(guarded.record) if call.key == session["AWS_ACCESS_KEY_ID"]]
    called = set().union(*(recorded_actions.needed(call) for call in made if TEST not in call.agent))
    assert called - kept == {"lambda:ListTags"}, "without it, GetFunction answers without the tags"
    assert kept - called == {"kms:Decrypt", "s3:ListBucket"}, "a key of the state; a state that is missing"


@pytest.mark.parametrize(
    "dropped",
    [
        {"iam:GetRole", "logs:DescribeLogGroups"},
        {"iam:ListRolePolicies", "logs:ListTagsForResource"},
        {"iam:ListAttachedRolePolicies"},
        {"iam:GetRolePolicy"},
        {"lambda:GetFunction"},
        {"lambda:ListVersionsByFunction"},
        {"lambda:GetFunctionUrlConfig", "cloudwatch:DescribeAlarms"},
        {"cloudwatch:ListTagsForResource"},
        {"s3:PutObject"},
    ],
    ids=lambda dropped: min(dropped),
)
def test_nothing_is_planned_without(trial, dropped):
    trial.without(dropped, "plan", trial.plan)


def test_the_state_is_not_read_and_its_lock_not_released_without(trial):
    trial.without({"s3:GetObject"}, "init", lambda: stages.init(trial.run, state.STACK))
    trial.without({"s3:DeleteObject"}, "plan", trial.plan)
    trial.guarded.client("s3").delete_object(Bucket=bucket(ENVIRONMENT), Key="service.tfstate.tflock")


def test_every_plan_would_change_the_tags_without_the_action_that_lists_them(trial):
    trial.allow("lambda:ListTags")
    planned = trial.plan().updates
    trial.allow()
    drift = next(update for update in planned if "aws_lambda_function.this" in update)
    assert "tags_all" in drift, planned
    trial.table.append(("lambda:ListTags", "plan", 0, drift))
    assert trial.plan().empty


def test_the_policy_is_enough_for_a_change_of_the_code_which_goes_the_short_way(trial):
    checkout = trial.guarded.checkout
    app = checkout.root / "src/lambdas/sse_streaming/app.py"
    app.write_text(f"{app.read_text()}\n# another line\n")
    checkout.commit("another line")
    outcome = trial.invoke("deploy")
    assert outcome.code == 0, outcome.text
    assert "state      has the new images" in outcome.text


def test_nothing_is_released_without(trial):
    aws, target, image = trial.run.aws, trial.target, trial.image
    functions = trial.guarded.client("lambda")
    soon = replace(trial.run, settings=replace(trial.run.settings, deadlines=Deadlines(first_event=0.1)))
    before = function.read_alias(aws, target)
    deadlines, contract = trial.run.settings.deadlines, health.UNLABELLED
    trial.without({"lambda:GetAlias"}, "release", lambda: function.read_alias(aws, target))
    trial.without({"lambda:UpdateAlias"}, "release", lambda: alias.move(aws, target, before))
    trial.without({"lambda:InvokeFunction"}, "verify", lambda: verify.verify(aws, target, contract, deadlines))
    unpublished, waiting = trial.unpublished, replace(target, active=False)
    trial.without({"lambda:PublishVersion"}, "apply", lambda: function_code.publish(aws, unpublished, "a-commit"))
    trial.without({"lambda:GetFunctionConfiguration"}, "verify", lambda: function.wait_active(aws, waiting, None))
    trial.without({"ecr:PutImage"}, "release", lambda: ecr.tag_release(aws, image, "0"))
    trial.without({"ecr:DescribeImages"}, "releases", lambda: ecr.tags(aws, image.repository_name))
    trial.without({"ecr:DescribeImageScanFindings"}, "scan", lambda: scan.read(aws, image))
    trial.without({"lambda:GetPolicy"}, "doctor", lambda: function_url.check_access(aws, target))
    trial.without({"cloudwatch:GetMetricData"}, "canary", lambda: metrics.failures(aws, target, clock.now()))
    since = clock.now() - timedelta(minutes=1)
    trial.without({"logs:FilterLogEvents"}, "logs", lambda: list(logs.read(aws, target, since)))
    trial.without({"s3:GetObject"}, "rollback", lambda: state.functions(trial.run))
    trial.without(
        {"lambda:InvokeFunctionUrl"}, "release", lambda: url.require_open(soon, target, contract, public=False)
    )
    functions.update_function_url_config(FunctionName=FUNCTION, Qualifier="live", AuthType="NONE")
    trial.without({"lambda:AddPermission"}, "release", lambda: function_url.apply_access(aws, target))
    function_url.apply_access(aws, target)
    functions.update_function_url_config(FunctionName=FUNCTION, Qualifier="live", AuthType="AWS_IAM")
    trial.without({"lambda:RemovePermission"}, "release", lambda: function_url.apply_access(aws, target))


def test_nothing_is_updated_without(trial):
    checkout = trial.guarded.checkout
    checkout.edit(
        TFVARS,
        "log_retention_days = 14",
        "log_retention_days = 7\nheartbeat_seconds = 3\nreserved_concurrent_executions = 5",
    )
    other = trial.guarded.client("ecr").describe_images(repositoryName=trial.image.repository_name)["imageDetails"]
    digest = next(result["imageDigest"] for result in other if result["imageDigest"] != trial.image.digest)
    trial.without({"lambda:UpdateFunctionConfiguration"}, "apply", lambda: trial.apply(memory_mb=640))
    before, image = trial.unpublished, replace(trial.image, digest=digest)
    update = functools.partial(function_code.begin_update, trial.run.aws, before, image)
    trial.without({"lambda:UpdateFunctionCode"}, "apply", update)
    trial.without({"logs:PutRetentionPolicy"}, "call", lambda: retain(trial))
    trial.without({"lambda:PutFunctionConcurrency"}, "call", lambda: limit(trial))
    trial.without({"lambda:UpdateFunctionUrlConfig"}, "call", lambda: close(trial))
    for action in ("get_policy", "get_policy_version"):
        trial.without(
            {f"iam:{action.title().replace('_', '')}"}, "call", functools.partial(read_boundary, trial, action)
        )


def limit(trial):
    """The call alone: an apply that another refusal ended may have made it already."""
    with trial.run.aws.explained("limit the streams"):
        functions = trial.guarded.client("lambda", trial.credentials)
        functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=5)


def retain(trial):
    """The call alone: Terraform's provider repeats it for two minutes before it believes the refusal."""
    with trial.run.aws.explained("keep the log for a week"):
        logs = trial.guarded.client("logs", trial.credentials)
        logs.put_retention_policy(logGroupName=f"/aws/lambda/{FUNCTION}", retentionInDays=7)


def read_boundary(trial, action):
    """The call alone, which each plan makes for a function that has permissions of its own: it saves a plan."""
    with trial.run.aws.explained("read the boundary"):
        more = {"VersionId": "v1"} if action == "get_policy_version" else {}
        iam = trial.guarded.client("iam", trial.credentials)
        getattr(iam, action)(PolicyArn=f"arn:aws:iam::111111111111:policy/{ENVIRONMENT}-function-boundary", **more)


def close(trial):
    """The call alone, of Terraform's provider."""
    with trial.run.aws.explained("close the URL"):
        functions = trial.guarded.client("lambda", trial.credentials)
        functions.update_function_url_config(FunctionName=FUNCTION, Qualifier="live", AuthType="AWS_IAM")


def test_the_policy_is_enough_for_a_second_deploy_that_changes_what_can_change(trial):
    checkout = trial.guarded.checkout
    checkout.edit(TFVARS, "heartbeat_seconds = 3", 'heartbeat_seconds = 2\nfunction_url_auth_type = "NONE"')
    checkout.commit("another release")
    trial.guarded.allow(trial.policy)
    outcome = trial.invoke("deploy", "--canary", "50%/1s")
    assert outcome.code == 0, outcome.text
    assert "open to everyone" in outcome.text


def test_the_policy_is_enough_to_roll_back_and_the_history_names_the_job(trial):
    outcome = trial.invoke("rollback", "--canary", "50%/1s")
    assert outcome.code == 0, outcome.text
    listed = trial.invoke("releases")
    assert re.search(r" job +live, rolled back from \d+$", listed.text, re.MULTILINE), listed.text


def test_every_action_of_the_policy_was_missed_or_has_its_reason(trial, capsys):
    rows = [(action, task, str(code), output) for action, task, code, output in sorted(trial.table)]
    rows += [(action, "-", "-", f"not enforced here: {reason}") for action, reason in sorted(UNENFORCED.items())]
    with capsys.disabled():
        print("\n" + "\n".join(f"{a:<36} {t:<8} {c:<2} {s[:110]}" for a, t, c, s in rows))
    missed = {action for action, *_ in trial.table}
    assert missed | set(UNENFORCED) == actions(trial.policy)
    assert not missed & set(UNENFORCED)
