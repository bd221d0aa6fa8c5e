"""The roles of prod's job are enough for a promotion; the one it has in preprod changes nothing there.

The job of a pull request has the same role, which is enough for the comment.
"""

import json

import pytest
from botocore.exceptions import ClientError
from support import policies
from support.deploys.guarded import DELIVERY, ENVIRONMENT, NUMBERED, PROD, READER, SIGNER, bucket, root, token
from support.deploys.policies import UNENFORCED, without
from support.policies import actions

from delivery import clock
from delivery.aws import ecr, function, kms, logs, scan
from delivery.errors import DeliveryError
from delivery.release import history
from delivery.terraform import state

JOB = token(sub=f"repo:{NUMBERED}:environment:prod")
PULL_REQUEST = {"sub": f"repo:{NUMBERED}:pull_request", "ref": "refs/pull/7/merge"}
BOUNDARY = "only if a function has permissions of its own; the sample has none"
UNENFORCED_HERE = {
    "ecr:GetDownloadUrlForLayer": "layers come over /v2/, where the emulator asks for nothing",
    "iam:GetPolicy": BOUNDARY,
    "iam:GetPolicyVersion": BOUNDARY,
    "s3:ListBucket": "without it S3 answers 403 for a state that is not there (S3 API, GetObject, `Permissions`)",
}
SIGNING_KEY = "awskms:///arn:aws:kms:us-east-1:222222222222:alias/prod-images"
PROFILES = {"INVOKE_RUNTIME_CONFIG": ".github/invoke.yaml"}


@pytest.fixture(scope="module")
def roles(guarded):
    """preprod deployed, prod bootstrapped, and prod's job with its two roles."""
    first = guarded.checkout.invoke("deploy", "--env", ENVIRONMENT, **root(ENVIRONMENT))
    assert first.code == 0, first.text
    accepted = guarded.checkout.invoke("acceptance", "--env", ENVIRONMENT, **root(ENVIRONMENT))
    assert accepted.code == 0, accepted.text
    guarded.bootstrap("prod")
    policies = {role: guarded.policy(role) for role in (READER, PROD)}
    for role, policy in policies.items():
        guarded.allow(without(policy, frozenset(UNENFORCED)), role)
    return {role: guarded.assume(JOB, role=role) for role in policies}, policies[READER]


@pytest.fixture
def profiles(roles, tmp_path):
    """The roles as the workflow gives them to a step: one profile for each environment."""
    held, _ = roles
    lines = [f"[{role.environment}]\n{_profile(keys)}" for role, keys in held.items()]
    (tmp_path / "credentials").write_text("\n".join(lines))
    return {**PROFILES, "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize("environment", ["preprod", "staging"])
def test_only_a_job_of_an_environment_that_preprod_promotes_to_takes_the_reader(guarded, environment):
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.assume(token(sub=f"repo:{NUMBERED}:environment:{environment}"), role=READER)


def test_prod_s_job_does_not_take_the_role_that_ships_to_preprod(guarded):
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.assume(JOB, role=DELIVERY)


@pytest.mark.usefixtures("roles")
def test_a_job_of_a_pull_request_takes_the_reader_and_no_other_role(guarded):
    assert guarded.assume(token(**PULL_REQUEST), role=READER)["AWS_ACCESS_KEY_ID"]
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.assume(token(**PULL_REQUEST), role=DELIVERY)


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize(
    "claims",
    [
        {"ref": "refs/heads/main"},  # pull_request_target
        {"ref": "refs/pull/7/head"},
        {"sub": "repo:somebody/sse-streaming:pull_request"},
        {"sub": f"repo:{NUMBERED}:ref:refs/pull/7/merge"},
        {"aud": "https://github.com/example"},
    ],
)
def test_nothing_else_takes_the_reader_as_a_pull_request(guarded, claims):
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.assume(token(**{**PULL_REQUEST, **claims}), role=READER)


def test_the_reader_is_enough_for_the_comment_on_a_pull_request(guarded, profiles):
    done = guarded.checkout.invoke("comment", "--env", "preprod", "--dry-run", **profiles)
    assert done.code == 0, done.text
    assert "#### preprod: nothing would change" in done.text, done.text


def test_the_reader_moves_nothing_and_pushes_nothing(guarded, roles):
    held, policy = roles
    guarded.client("s3", held[READER]).get_object(Bucket=bucket(ENVIRONMENT), Key="service.tfstate")
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.client("s3", held[READER]).put_object(Bucket=bucket(ENVIRONMENT), Key="service.tfstate", Body=b"")
    with pytest.raises(ClientError, match="not authorized"):
        guarded.client("lambda", held[READER]).publish_version(FunctionName="preprod-sse-streaming")
    verbs = ("Get", "List", "Describe", "BatchGet", "Filter")
    assert [action for action in actions(policy) if not action.partition(":")[2].startswith(verbs)] == []


def test_both_roles_together_are_enough_for_a_promotion(guarded, profiles):
    done = guarded.checkout.invoke("promote", "--from", "preprod", "--to", "prod", "--yes", **profiles)
    assert done.code == 0, done.text
    again = guarded.checkout.invoke("promote", "--from", "preprod", "--to", "prod", "--yes", **profiles)
    assert "MB present before" in again.text, again.text


def test_the_reader_reads_the_logs(guarded, profiles):
    printed = guarded.checkout.invoke("logs", "--env", "preprod", "--since", "1h", **profiles)
    assert printed.code == 0, printed.text
    assert "sse-streaming:1 START" in printed.text, printed.text


def test_without_any_action_of_the_reader_something_fails_that_names_it(guarded, roles, capsys):
    held, policy = roles
    run = guarded.run_context(held[READER])
    target = state.require_functions(run)[0]
    aws, image = run.aws, history.verified_live(run, target).pushed_image
    needs = {
        "s3:GetObject": lambda: state.require_functions(run),
        "ecr:GetAuthorizationToken": lambda: ecr.authorize(aws),
        "ecr:BatchGetImage": lambda: ecr.manifest(aws, image),
        "ecr:DescribeRepositories": lambda: ecr.require_repositories(aws, (image,)),
        "ecr:DescribeImages": lambda: ecr.tags(aws, image.repository_name),
        "ecr:DescribeImageScanFindings": lambda: scan.read(aws, image),
        "lambda:GetAlias": lambda: function.read_alias(aws, target),
        "lambda:GetFunction": lambda: history.verified_live(run, target),
        "lambda:ListVersionsByFunction": lambda: history.read(run, target),
        "logs:FilterLogEvents": lambda: list(logs.read(aws, target, clock.now())),
    }
    printed = {action: _failure(guarded, policy, action, do) for action, do in needs.items()}
    printed |= {action: f"not enforced here: {reason}" for action, reason in UNENFORCED_HERE.items()}
    with capsys.disabled():
        print("\n" + "\n".join(f"{action:<36} {line[:110]}" for action, line in printed.items()))
    assert [action for action, line in printed.items() if action in needs and action not in line] == []
    assert set(needs) | set(UNENFORCED_HERE) == actions(policy)


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize(
    "claims", [{"ref": "refs/heads/other"}, {"sub": f"repo:{NUMBERED}:environment:prod"}, PULL_REQUEST]
)
def test_nothing_but_a_job_of_preprod_on_the_default_branch_takes_the_role_that_signs(guarded, claims):
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.assume(token(**claims), role=SIGNER)


@pytest.fixture(scope="module")
def signed(guarded, roles):
    """The run of the role that signs, its key, and a signature."""
    del roles  # they are there: prod is bootstrapped
    run = guarded.run_context(guarded.assume(token(), role=SIGNER), "prod")
    key = kms.read(run.aws, SIGNING_KEY)
    return run, key, kms.sign(run.aws, key, b"a statement")


def test_the_role_that_deploys_to_prod_verifies_what_preprod_s_job_signed(guarded, roles, signed):
    held, _ = roles
    _, key, signature = signed
    aws = guarded.run_context(held[PROD], "prod").aws
    assert kms.read(aws, SIGNING_KEY) == key
    assert kms.verifies(aws, key, b"a statement", signature)
    assert not kms.verifies(aws, key, b"another statement", signature)


def test_nobody_else_signs_not_even_who_may_do_everything_in_the_account(guarded, roles, signed):
    held, _ = roles
    _, key, _ = signed
    iam = guarded.client("iam", root("prod"))
    iam.create_user(UserName="admin")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=json.dumps(everything))
    keys = iam.create_access_key(UserName="admin")["AccessKey"]
    names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey"}
    admin = {name: keys[member] for name, member in names.items()} | {"AWS_SESSION_TOKEN": ""}
    assert guarded.client("kms", admin).describe_key(KeyId=key.id)["KeyMetadata"]["KeySpec"] == "ECC_NIST_P256"
    for credentials in (admin, held[PROD], held[READER], guarded.assume(token())):
        with pytest.raises(ClientError, match=r"not authorized to perform: kms:Sign"):
            guarded.client("kms", credentials).sign(
                KeyId=key.id, Message=b"x", MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
            )


def test_without_any_action_of_the_signer_something_fails_that_names_it(guarded, signed):
    run, key, signature = signed
    policy = guarded.policy(SIGNER)
    needs = {
        "kms:GetPublicKey": lambda: kms.read(run.aws, SIGNING_KEY),
        "kms:Sign": lambda: kms.sign(run.aws, key, b"a statement"),
        "kms:Verify": lambda: kms.verifies(run.aws, key, b"a statement", signature),
    }
    printed = {action: _failure(guarded, policy, action, do, SIGNER) for action, do in needs.items()}
    guarded.allow(policy, SIGNER)
    assert [action for action, line in printed.items() if action not in line] == [], printed
    assert set(needs) == actions(policy) == actions(policies.signing())


def _failure(guarded, policy, dropped, do, role=READER):
    """The line of the error that names the action which is missing."""
    guarded.allow(without(policy, frozenset({dropped, *UNENFORCED})), role)
    try:
        do()
    except DeliveryError as error:
        lines = str(error).splitlines()
        return next((line.strip() for line in lines if dropped in line), lines[0])
    return "nothing failed"


def _profile(keys):
    return "\n".join(f"{name.lower()} = {value}" for name, value in keys.items() if value)
