"""The policies are sufficient as well as necessary, and the emulator answers as AWS does.

Compares what test_policy.py and test_policy_promotion.py made the tasks call with the policies, with AWS's service
authorization reference and with botocore's models. The three files run in one session, in the order of their names.
"""

import pytest
from support import policies
from support.deploys.guarded import DELIVERY, PROD, READER, TEST
from support.recorded import actions, answers, calls
from support.recorded.calls import REGISTRY

KEY = "only if a KMS key encrypts the state (state_kms_key); the accounts of these tests have none"
REASONS = {
    ("delivery", "called, not allowed"): {
        "lambda:PassCapacityProvider": "AWS asks for it only when a function names a capacity provider",
        "s3:ListAllMyBuckets": "asked after HeadBucket was refused; without an answer, the message names both reasons",
    },
    ("delivery", "allowed, not called"): {
        "kms:Decrypt": KEY,
        "kms:GenerateDataKey": KEY,
    },
    ("reader", "called, not allowed"): {
        "lambda:ListTags": "without it, GetFunction answers without the tags, and a promotion reads none",
    },
    ("reader", "allowed, not called"): {
        "kms:Decrypt": KEY,
    },
}
"""Every difference between the calls and a policy."""

S3_ERRORS = "S3 documents the errors of all operations in one list: S3 API reference, `Error responses`"
ANSWERS = {
    "s3:GetBucketCors 404: AWS has no error NoSuchCORSConfiguration": S3_ERRORS,
    "s3:GetBucketLifecycleConfiguration 404: AWS has no error NoSuchLifecycleConfiguration": S3_ERRORS,
    "s3:GetBucketPolicy 404: AWS has no error NoSuchBucketPolicy": S3_ERRORS,
    "s3:GetBucketReplication 404: AWS has no error ReplicationConfigurationNotFoundError": S3_ERRORS,
    "s3:GetBucketTagging 404: AWS has no error NoSuchTagSet": S3_ERRORS,
    "s3:GetBucketWebsite 404: AWS has no error NoSuchWebsiteConfiguration": S3_ERRORS,
    "s3:GetObjectLockConfiguration 404: AWS has no error ObjectLockConfigurationNotFoundError": S3_ERRORS,
    "s3:GetBucketRequestPayment answer.": "the bucket is listed instead; nothing here needs the payer",
}
"""Every difference between an answer and AWS's model: the beginning of its line => the reason."""


@pytest.fixture(scope="module")
def recorded(guarded):
    return list(calls.read(guarded.record))


@pytest.fixture(scope="module")
def called(recorded):
    """Role => the actions that its calls needed. docker's calls count for both: their password names no role."""
    made = actions.by_role(recorded, ignored=TEST)
    missing = {DELIVERY.arn, PROD.arn, READER.arn, REGISTRY} - made.keys()
    assert not missing, f"{missing} called nothing: run test_policy.py and test_policy_promotion.py in the same session"
    pulled = made[REGISTRY] & policies.actions(policies.reading())
    return {"delivery": made[DELIVERY.arn] | made[PROD.arn] | made[REGISTRY], "reader": made[READER.arn] | pulled}


@pytest.mark.parametrize(("role", "document"), [("delivery", policies.delivery()), ("reader", policies.reading())])
def test_a_policy_allows_what_the_tasks_call_and_nothing_else(called, role, document, capsys):
    allowed = policies.actions(document)
    differences = {"called, not allowed": called[role] - allowed, "allowed, not called": allowed - called[role]}
    with capsys.disabled():
        print(f"\n{role}: {len(called[role] & allowed)} actions called and allowed")
        for kind, found in differences.items():
            print("\n".join(f"{kind:<20} {name:<36} {REASONS[role, kind].get(name)}" for name in sorted(found)))
    assert {kind: set(REASONS[role, kind]) for kind in differences} == differences


def test_every_answer_is_one_that_aws_could_give_or_has_its_reason(recorded):
    found = answers.differences(recorded)
    known = {line for line in found if any(line.startswith(start) for start in ANSWERS)}
    assert sorted(found - known) == []
    assert [start for start in ANSWERS if not any(line.startswith(start) for line in found)] == []
