"""The state bucket. Every call names the account that must own it, so a bucket of somebody else is never used.

With `ExpectedBucketOwner`, S3 answers 403 for a bucket of another account, the same status as for a missing permission:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from delivery.aws import permissions
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import CloudError, ConfigurationError, RefusedError
from delivery.settings import FILE

_REFUSED = ("403", "AccessDenied")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
_REDIRECTED = ("301", "PermanentRedirect")


def exists(aws: Aws) -> bool:
    """Whether the state bucket exists.

    Raises ConfigurationError when it is in another region than the environment, RefusedError when another account owns
    it, or CloudError.
    """
    name = aws.environment.state_bucket
    with aws.explained(f"look for the state bucket {name}"):
        try:
            answer = aws.s3.head_bucket(Bucket=name, ExpectedBucketOwner=aws.environment.account)
            _require_region(aws, answer.get("BucketRegion", ""))
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchBucket"):
                return False
            if error_code(error) in _REDIRECTED:
                _require_region(aws, error.response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", "?"))
            if error_code(error) in _REFUSED:
                raise _refusal(aws) from error
            raise
    return True


def create(aws: Aws) -> None:
    """Make the state bucket. Raises RefusedError when another account has a bucket of that name, or CloudError."""
    environment = aws.environment
    name, region = environment.state_bucket, environment.region
    with aws.explained(f"create the state bucket {name}"):
        try:
            if region == "us-east-1":  # S3 refuses the name of this region: API reference, CreateBucket
                aws.s3.create_bucket(Bucket=name)
            else:
                location = {"LocationConstraint": region}
                aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)  # type: ignore[arg-type] # a literal
        except ClientError as error:
            if error_code(error) == "BucketAlreadyExists":
                raise _owned_by_other(aws) from error
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise
        aws.s3.get_waiter("bucket_exists").wait(Bucket=name, ExpectedBucketOwner=environment.account)


def read(aws: Aws, key: str) -> bytes | None:
    """The content of an object in the state bucket; None without the object or the bucket.

    Raises RefusedError when another account owns the bucket, or CloudError.
    """
    environment = aws.environment
    with aws.explained(f"read {key} in the state bucket {environment.state_bucket}"):
        try:
            answer = aws.s3.get_object(
                Bucket=environment.state_bucket, Key=key, ExpectedBucketOwner=environment.account
            )
            return answer["Body"].read()
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "NoSuchBucket"):
                return None
            # A refusal that names the missing action comes from the own account; any other may have both causes.
            if error_code(error) in _REFUSED and not permissions.missing(str(error)):
                exists(aws)
            raise


def write(aws: Aws, key: str, body: bytes) -> None:
    """Write an object into the state bucket. Raises CloudError."""
    environment = aws.environment
    with aws.explained(f"write {key} in the state bucket {environment.state_bucket}"):
        aws.s3.put_object(Bucket=environment.state_bucket, Key=key, Body=body, ExpectedBucketOwner=environment.account)


def _require_region(aws: Aws, region: str) -> None:
    """Raises ConfigurationError for a bucket in another region; S3 does not always tell the region (empty).

    botocore follows S3's redirect (301) to that region, but Terraform's backend does not.
    """
    environment = aws.environment
    if region and region != environment.region:
        name = environment.name
        what = f"The state bucket {environment.state_bucket} is in {region}, and {name} in {environment.region}."
        why = "Terraform looks for the state in the region of the environment. Nothing was changed."
        other = f"another {_setting(aws)}, then {environment.command('bootstrap')}"
        raise ConfigurationError(what, why, f"environments.{name}.region: {region} in {FILE}; or {other}")


def _refusal(aws: Aws) -> RefusedError | CloudError:
    """Why S3 answered 403 to HeadBucket, which has no body that could say it."""
    name = aws.environment.state_bucket
    owned = _owned(aws)
    if owned is False or _answers_without_owner(aws):
        return _owned_by_other(aws)
    what = f"The state bucket {name} is out of reach."
    missing = "these credentials may not list it (s3:ListBucket)"
    if owned:
        return CloudError(what, f"This account owns it; {missing}.", permissions.hint("s3:ListBucket"))
    why = f"Either another account owns it, or {missing}. S3 gives both the same answer."
    hint = f"{permissions.hint('s3:ListBucket')}; or another {_setting(aws)}"
    return CloudError(what, why, hint)


def _owned(aws: Aws) -> bool | None:
    """Whether the bucket is one of this account; None when these credentials may not list the account's buckets."""
    name = aws.environment.state_bucket
    try:
        pages = aws.s3.get_paginator("list_buckets").paginate(Prefix=name)
        return any(bucket["Name"] == name for page in pages for bucket in page["Buckets"])
    except ClientError as error:
        if error_code(error) in _REFUSED:
            return None
        raise


def _answers_without_owner(aws: Aws) -> bool:
    """Whether the bucket answers when its owner may be anybody: then only the owner was wrong."""
    try:
        aws.s3.head_bucket(Bucket=aws.environment.state_bucket)
    except ClientError as error:
        if error_code(error) in (*_REFUSED, "404", "NoSuchBucket"):
            return False
        raise
    return True


def _owned_by_other(aws: Aws) -> RefusedError:
    return RefusedError(
        f"The state bucket {aws.environment.state_bucket} belongs to another account.",
        f"It must belong to {aws.environment.account}, because its owner can read and change the state.",
        f"another {_setting(aws)}",
    )


def _setting(aws: Aws) -> str:
    return f"environments.{aws.environment.name}.state_bucket in {FILE}"
