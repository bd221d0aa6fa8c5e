"""The CI role's policy lets every task through, and without any one of its actions something fails that names it.

In order: what creates is taken away and given back step by step until a deploy succeeds, then what reads, then what
updates, until a second deploy succeeds.
"""

import re

import pytest
from botocore.exceptions import ClientError
from support.deploys.guarded import ENVIRONMENT, bucket
from support.deploys.policies import UNENFORCED, enforced
from support.deploys.policy_trial import Trial
from support.policies import actions, listed

from delivery import clock
from delivery.aws import ecr, function, function_url
from delivery.aws.bucket import exists
from delivery.release import metrics
from delivery.terraform import stages, state

FUNCTION = f"{ENVIRONMENT}-sse-streaming"
TFVARS = f"infrastructure/service/{ENVIRONMENT}.tfvars"
ALIAS = {"lambda:GetAlias", "lambda:UpdateAlias"}
TRUST = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
URL = {"lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"}


@pytest.fixture(scope="module")
def trial(guarded):
    return Trial(guarded)


def test_the_emulator_cannot_judge_this_so_its_words_are_read(trial):
    for statement in trial.policy["Statement"]:
        if statement["Action"] == "iam:PassRole":
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
        assert not [action for action in listed(statement["Action"]) if "*" in action]


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
        lambda client: client("s3").get_object(Bucket=bucket(ENVIRONMENT), Key="foundation.tfstate"),
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


@pytest.mark.parametrize(
    "dropped",
    [
        {"iam:CreateRole", "logs:CreateLogGroup"},
        {"iam:PutRolePolicy"},
        {"lambda:CreateFunction"},
        {"lambda:CreateAlias"},
        {*URL, "cloudwatch:PutMetricAlarm"},
    ],
    ids=lambda dropped: min(dropped),
)
def test_nothing_is_created_without(trial, dropped):
    trial.without(dropped, "apply", trial.apply)


def test_the_policy_is_enough_for_a_first_deploy_and_the_tasks_around_it(trial):
    for task in ("deploy", "doctor", "releases", "verify"):
        outcome = trial.invoke(task)
        assert outcome.code == 0, outcome.text
    role = trial.guarded.client("iam").get_role(RoleName=FUNCTION)["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(f"{ENVIRONMENT}-function-boundary")


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


def test_nothing_is_released_without(trial):
    aws, target, image = trial.run.aws, trial.target, trial.image
    url = trial.guarded.client("lambda")
    trial.without(ALIAS, "release", lambda: function.read_alias(aws, target))
    trial.without({"lambda:GetFunctionConfiguration"}, "verify", lambda: function.read_commit(aws, target))
    trial.without({"ecr:PutImage"}, "release", lambda: ecr.tag_release(aws, image, "0"))
    trial.without({"ecr:DescribeImages"}, "releases", lambda: ecr.tags(aws, image.repository_name))
    trial.without({"lambda:GetPolicy"}, "doctor", lambda: function_url.check_access(aws, target))
    trial.without({"cloudwatch:GetMetricData"}, "canary", lambda: metrics.failures(aws, target, clock.now()))
    trial.without({"s3:GetObject"}, "rollback", lambda: state.functions(trial.run))
    url.update_function_url_config(FunctionName=FUNCTION, Qualifier="live", AuthType="NONE")
    trial.without({"lambda:AddPermission"}, "release", lambda: function_url.apply_access(aws, target))
    url.update_function_url_config(FunctionName=FUNCTION, Qualifier="live", AuthType="AWS_IAM")
    trial.without({"lambda:RemovePermission"}, "release", lambda: function_url.apply_access(aws, target))


def test_nothing_is_updated_without(trial):
    checkout = trial.guarded.checkout
    checkout.edit(TFVARS, "log_retention_days = 14", "log_retention_days = 7\nheartbeat_seconds = 3")
    other = trial.guarded.client("ecr").describe_images(repositoryName=trial.image.repository_name)["imageDetails"]
    digest = next(result["imageDigest"] for result in other if result["imageDigest"] != trial.image.digest)
    for action in (
        "lambda:UpdateFunctionConfiguration",
        "lambda:UpdateFunctionCode",
        "lambda:PublishVersion",
    ):
        trial.without({action}, "apply", lambda: trial.apply(digest))
    trial.without({"logs:PutRetentionPolicy"}, "call", lambda: retain(trial))


def retain(trial):
    """The call alone: Terraform's provider repeats it for two minutes before it believes the refusal."""
    with trial.run.aws.explained("keep the log for a week"):
        logs = trial.guarded.client("logs", trial.credentials)
        logs.put_retention_policy(logGroupName=f"/aws/lambda/{FUNCTION}", retentionInDays=7)


def test_the_policy_is_enough_for_a_second_deploy_that_changes_what_can_change(trial):
    checkout = trial.guarded.checkout
    checkout.edit(TFVARS, "heartbeat_seconds = 3", 'heartbeat_seconds = 2\nfunction_url_auth_type = "NONE"')
    checkout.commit("another release")
    trial.guarded.allow(trial.policy | {"Statement": trial.policy["Statement"] + _widened(trial.policy)})
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


def _widened(policy):
    return enforced(policy, frozenset())["Statement"]
