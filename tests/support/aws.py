"""Fakes of AWS: what they are given, answer and raise is checked against AWS's own model at each call."""

import functools
import inspect
import io
import json
import threading
from datetime import UTC, datetime

from botocore.exceptions import ClientError, WaiterError

from delivery import clock
from delivery.aws import session
from delivery.aws.connections import Connections
from delivery.settings import Environment
from support import aws_model

ACCOUNT = "000000000000"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:fn:live"
URL = "https://abc.lambda-url.us-east-1.on.aws/"
PUSHED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def refusal(code, message="refused", operation=None):
    """What boto3 raises when AWS refuses. A fake that raises it names the operation itself."""
    if operation is not None:
        aws_model.require_code(aws_model.named(operation), code)
    return ClientError({"Error": {"Code": code, "Message": message}}, operation or "Operation")


def operation(method):
    """A call of an AWS API: recorded, and checked against AWS's own model and against what the fake knows."""

    @functools.wraps(method)
    def call(self, **given):
        name = method.__name__
        aws_model.require_input(aws_model.operation(self.service, name), given)
        try:
            inspect.signature(method).bind(self, **given)
        except TypeError as error:
            raise AssertionError(f"the fake {self.service} has no answer for {name}({given}): {error}") from error
        self.calls.append((name, given))

        def answer():
            if name in self.meets:
                self.meets[name].wait()
            if name in self.refuses:
                raise self.refuses[name]
            return method(self, **given)

        return _checked(aws_model.operation(self.service, name), answer)

    return call


def _checked(model, answer):
    try:
        return aws_model.require_answer(model, answer())
    except ClientError as error:
        raise aws_model.raised(model, error) from None


class _Fake:
    """One AWS service; `refuses` maps the name of an operation to what it raises.

    `meets`: name of an operation to the barrier where its calls wait for those of other lanes.
    A test may set an operation to a function of its own: its answers and errors are checked too.
    """

    service = ""

    def __init__(self):
        self.calls: list[tuple[str, dict]] = []
        self.refuses: dict[str, Exception] = {}
        self.meets: dict[str, threading.Barrier] = {}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AssertionError(f"the fake {self.service} has no answer for {name}")

    def __setattr__(self, name, value):
        if callable(value) and name in aws_model.operations(self.service):
            model, own = aws_model.operation(self.service, name), value

            def value(**given):
                aws_model.require_input(model, given)
                return _checked(model, lambda: own(**given))

        super().__setattr__(name, value)

    def called(self, name):
        """The arguments of each call of one operation."""
        return [given for called, given in self.calls if called == name]

    def get_paginator(self, name):
        aws_model.require_paginator(self.service, name)
        return _Paginator(getattr(self, name))

    def get_waiter(self, name):
        return _Waiter(self, name)

    def waits(self, waiter, config, **given):
        raise AssertionError(f"the fake {self.service} has no answer for the waiter {waiter}({given}, {config})")


class _Waiter:
    """A waiter of boto3: what it is given is checked against the operation that it would call."""

    def __init__(self, fake, name):
        self._fake, self._name, self._model = fake, name, aws_model.waited(fake.service, name)

    def wait(self, WaiterConfig=None, **given):
        aws_model.require_input(self._model, given)
        assert set(WaiterConfig or {}) <= {"Delay", "MaxAttempts"}
        self._fake.waits(self._name, WaiterConfig or {}, **given)


class _Paginator:
    """Every page but the last holds one item, so that reading only the first page fails a test."""

    def __init__(self, method):
        self._method = method

    def paginate(self, PaginationConfig=None, **given):
        assert set(PaginationConfig or {}) <= {"PageSize"}
        ((key, items),) = self._method(**given).items()
        return [{key: [item]} for item in items] or [{key: []}]


class FakeEcr(_Fake):
    """Repositories: name -> digest -> manifest text; tags: (repository, tag) -> digest."""

    service = "ecr"

    def __init__(self, repositories=None, tags=None):
        super().__init__()
        self.repositories, self.tags, self.pushed = repositories or {}, tags or {}, {}
        self.encryption = "AES256"
        self.scans: dict[str, list[dict]] = {}  # digest -> the pages of the answer; no scan without one

    @operation
    def describe_image_scan_findings(self, repositoryName, imageId, maxResults, nextToken="0"):
        assert maxResults == 1000
        digest, page = imageId["imageDigest"], int(nextToken)
        self._repository(repositoryName)
        if digest not in self.scans:
            raise refusal("ScanNotFoundException", f"Image scan does not exist for the image with {digest}")
        following = {"nextToken": str(page + 1)} if page + 1 < len(self.scans[digest]) else {}
        return {"repositoryName": repositoryName, "imageId": imageId, **self.scans[digest][page], **following}

    @operation
    def get_authorization_token(self):
        # base64 of AWS:hush
        data = {"authorizationToken": "QVdTOmh1c2g=", "proxyEndpoint": "http://registry.test:5000"}
        return {"authorizationData": [data]}

    @operation
    def describe_repositories(self, repositoryNames):
        for name in repositoryNames:
            self._repository(name)
        encryption = {"encryptionConfiguration": {"encryptionType": self.encryption}}
        return {"repositories": [{"repositoryName": name, **encryption} for name in repositoryNames]}

    @operation
    def batch_get_image(self, repositoryName, imageIds, acceptedMediaTypes=()):
        del acceptedMediaTypes
        held = self._repository(repositoryName)
        kind = "application/vnd.oci.image.manifest.v1+json"
        images, failures = [], []
        for wanted in imageIds:
            digest = wanted.get("imageDigest") or self.tags.get((repositoryName, wanted["imageTag"]))
            if digest in held:
                manifest = {"imageManifest": held[digest], "imageManifestMediaType": kind}
                images.append({"imageId": {**wanted, "imageDigest": digest}, **manifest})
            else:
                failures.append({"imageId": wanted, "failureCode": "ImageNotFound"})
        return {"images": images, "failures": failures}

    @operation
    def put_image(self, repositoryName, imageManifest, imageManifestMediaType, imageTag, imageDigest):
        assert imageManifestMediaType == "application/vnd.oci.image.manifest.v1+json"
        (digest,) = (key for key, text in self._repository(repositoryName).items() if text == imageManifest)
        assert imageDigest == digest
        if self.tags.get((repositoryName, imageTag)) == digest:
            raise refusal("ImageAlreadyExistsException")
        self.tags[repositoryName, imageTag] = digest
        return {"image": {"repositoryName": repositoryName, "imageId": {"imageDigest": digest, "imageTag": imageTag}}}

    @operation
    def describe_images(self, repositoryName, imageIds=()):
        held = self._repository(repositoryName)
        wanted = [item["imageDigest"] for item in imageIds] or list(held)
        if not set(wanted) <= set(held):
            raise refusal("ImageNotFoundException", "The image requested does not exist")
        details = []
        for digest in wanted:
            held_tags = list(self.tags.items())  # another lane may add one meanwhile
            tags = [tag for (name, tag), at in held_tags if (name, at) == (repositoryName, digest)]
            details.append({"imageDigest": digest, "imagePushedAt": self.pushed.get(digest, PUSHED_AT)})
            details[-1] |= {"imageTags": tags} if tags else {}
        return {"imageDetails": details}

    @operation
    def list_image_referrers(self, repositoryName, subjectId, filter, maxResults, nextToken="0"):
        found = []
        for digest, text in self._repository(repositoryName).items():
            document = json.loads(text) if '"subject"' in text else {}
            kind = document.get("artifactType")
            if (
                document.get("subject", {}).get("digest") == subjectId["imageDigest"]
                and kind in filter["artifactTypes"]
            ):
                about = {"artifactType": kind, "annotations": document.get("annotations", {})}
                found.append({"digest": digest, "mediaType": document["mediaType"], "size": len(text), **about})
        page, end = found[int(nextToken) :][:maxResults], int(nextToken) + maxResults
        return {"referrers": page, **({"nextToken": str(end)} if end < len(found) else {})}

    @operation
    def batch_delete_image(self, repositoryName, imageIds):
        ((key, wanted),) = imageIds[0].items()
        assert key == "imageDigest", "by tag, ECR would only untag it"
        self.lose(repositoryName, wanted)
        return {"imageIds": imageIds, "failures": []}

    def lose(self, repository_name, digest):
        """An image goes, and its tags go with it."""
        del self.repositories[repository_name][digest]
        self.tags = {at: of for at, of in self.tags.items() if of != digest or at[0] != repository_name}

    def _repository(self, name):
        if name not in self.repositories:
            raise refusal("RepositoryNotFoundException", f"The repository with name '{name}' does not exist")
        return self.repositories[name]


class FakeS3(_Fake):
    """The buckets that exist; `foreign`: those of another account, which its owner may have opened to us."""

    service = "s3"

    def __init__(self, *buckets, foreign=(), opened=False):
        super().__init__()
        self.buckets, self.foreign, self.opened = set(buckets), set(foreign), opened
        self.objects: dict[str, str] = {}
        self.region = ""  # that HeadBucket tells

    @operation
    def get_object(self, Bucket, Key, ExpectedBucketOwner):
        self._require(Bucket, ExpectedBucketOwner, refusal("NoSuchBucket", "The specified bucket does not exist"))
        if Key not in self.objects:
            raise refusal("NoSuchKey", "The specified key does not exist")
        return {"Body": io.BytesIO(self.objects[Key].encode())}

    @operation
    def put_object(self, Bucket, Key, Body, ExpectedBucketOwner):
        self._require(Bucket, ExpectedBucketOwner, refusal("NoSuchBucket", "The specified bucket does not exist"))
        self.objects[Key] = Body.decode()
        return {}

    @operation
    def head_bucket(self, Bucket, ExpectedBucketOwner=None):
        self._require(Bucket, ExpectedBucketOwner, refusal("404", "Not Found"), "403")
        return {"BucketRegion": self.region} if self.region else {}

    @operation
    def list_buckets(self, Prefix):
        return {"Buckets": [{"Name": name} for name in sorted(self.buckets) if name.startswith(Prefix)]}

    @operation
    def create_bucket(self, Bucket, CreateBucketConfiguration=None):
        del CreateBucketConfiguration
        if Bucket in self.foreign:
            raise refusal("BucketAlreadyExists", "The requested bucket name is not available")
        self.buckets.add(Bucket)
        return {"Location": f"/{Bucket}"}

    def waits(self, waiter, config, **given):
        del config
        assert waiter == "bucket_exists"
        self.head_bucket(**given)

    def _require(self, bucket, owner, missing, denied="AccessDenied"):
        assert owner is None or len(owner) == 12
        if bucket in self.foreign and not (self.opened and owner is None):
            raise refusal(denied, "Access Denied")
        if bucket not in self.buckets | self.foreign:
            raise missing


class FakeCloudWatch(_Fake):
    """Metrics: what the next looks get, by the version that was executed and the metric's name."""

    service = "cloudwatch"

    def __init__(self):
        super().__init__()
        self.counts: dict[tuple[str, str], float] = {}
        self.slowest: dict[str, list[float]] = {}  # version -> the p99 of each minute
        self.alarms: dict[str, str] = {}  # name -> state

    @operation
    def describe_alarms(self, AlarmNames, AlarmTypes, MaxRecords):
        assert (AlarmTypes, MaxRecords) == (["MetricAlarm", "CompositeAlarm"], len(AlarmNames))
        found = [{"AlarmName": name, "StateValue": self.alarms[name]} for name in AlarmNames if name in self.alarms]
        return {"MetricAlarms": found[:1], "CompositeAlarms": found[1:]}

    @operation
    def get_metric_data(self, MetricDataQueries, StartTime, EndTime):
        assert StartTime <= EndTime
        return {"MetricDataResults": [self._result(**query) for query in MetricDataQueries]}

    def _result(self, Id, MetricStat):
        metric = MetricStat["Metric"]
        result = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        assert result.pop("Resource") == f"{result.pop('FunctionName')}:live"
        if MetricStat["Stat"] == "p99":
            assert metric["MetricName"] == "Duration"
            return {"Id": Id, "Values": self.slowest.get(result["ExecutedVersion"], [])}
        assert (metric["Namespace"], MetricStat["Stat"]) == ("AWS/Lambda", "Sum")
        count = self.counts.get((result["ExecutedVersion"], metric["MetricName"]))
        return {"Id": Id, "Values": [] if count is None else [count]}


class FakeLogs(_Fake):
    """Log entries: name of a function -> (seconds since 1970, name of the stream, message)."""

    service = "logs"

    def __init__(self):
        super().__init__()
        self.entries: dict[str, list[tuple[float, str, str]]] = {}

    def write(self, message, version="2", at=None, function="fn"):
        """A running copy of a version writes an entry now, or `at` seconds since 1970."""
        when = clock.now() if at is None else datetime.fromtimestamp(at, UTC)
        entries = self.entries.setdefault(function, [])
        entries.append((when.timestamp(), f"{when:%Y/%m/%d}/[{version}]{'0' * 32}", message))

    @operation
    def filter_log_events(self, logGroupName, startTime, logStreamNamePrefix=""):
        name = logGroupName.removeprefix("/aws/lambda/")
        if name not in self.entries:
            raise refusal("ResourceNotFoundException", "The specified log group does not exist.")
        found = [
            {"timestamp": int(at * 1000), "logStreamName": stream, "message": message, "eventId": str(number)}
            for number, (at, stream, message) in enumerate(self.entries[name])
            if at * 1000 >= startTime and stream.startswith(logStreamNamePrefix)
        ]
        return {"events": found}

    @operation
    def describe_log_groups(self, logGroupNamePrefix):
        names = [f"/aws/lambda/{function}" for function in self.entries]
        return {"logGroups": [{"logGroupName": name} for name in names if name.startswith(logGroupNamePrefix)]}


class FakeDynamoDB(_Fake):
    """One table of events: place -> item. `first`: what another writer puts before each of the next puts."""

    service = "dynamodb"

    def __init__(self):
        super().__init__()
        self.items: dict[int, dict] = {}
        self.first: list[dict] = []

    @operation
    def query(
        self,
        TableName,
        KeyConditionExpression,
        ExpressionAttributeValues,
        ProjectionExpression,
        ScanIndexForward,
        ConsistentRead,
        Limit,
    ):
        assert (TableName, KeyConditionExpression, ProjectionExpression) == ("events", "feed = :feed", "seq")
        assert (ScanIndexForward, ConsistentRead, Limit) == (False, True, 1)
        assert ExpressionAttributeValues == {":feed": {"S": "main"}}
        return {"Items": [{"seq": {"N": str(place)}} for place in sorted(self.items)[-1:]]}

    @operation
    def put_item(self, TableName, Item, ConditionExpression, ReturnValuesOnConditionCheckFailure):
        assert (TableName, ConditionExpression) == ("events", "attribute_not_exists(seq)")
        assert ReturnValuesOnConditionCheckFailure == "ALL_OLD"
        place = int(Item["seq"]["N"])
        if self.first:
            self.items[place] = {**Item, **self.first.pop(0)}
        if place in self.items:
            taken = refusal("ConditionalCheckFailedException", "The conditional request failed")
            taken.response["Item"] = self.items[place]
            raise taken
        self.items[place] = Item
        return {}

    @operation
    def update_item(self, TableName, Key, UpdateExpression, ConditionExpression, ExpressionAttributeValues):
        assert (TableName, UpdateExpression) == ("events", "SET expires = :at")
        assert ConditionExpression == "attribute_exists(seq)"
        place = int(Key["seq"]["N"])
        if place not in self.items:
            raise refusal("ConditionalCheckFailedException", "The conditional request failed")
        self.items[place]["expires"] = ExpressionAttributeValues[":at"]
        return {}


class FakeIam(_Fake):
    """Roles: name -> path; the clients and the tags of GitHub's OIDC provider, None without it."""

    service = "iam"

    def __init__(self):
        super().__init__()
        self.roles: dict[str, str] = {}
        self.clients: list[str] | None = None
        self.tags: dict[str, str] = {}

    @operation
    def get_role(self, RoleName):
        if RoleName not in self.roles:
            raise refusal("NoSuchEntity", f"The role with name {RoleName} cannot be found.")
        made = {"RoleId": "A" * 16, "Arn": f"arn:aws:iam::{ACCOUNT}:role/{RoleName}", "CreateDate": PUSHED_AT}
        return {"Role": {"RoleName": RoleName, "Path": self.roles[RoleName], **made}}

    @operation
    def get_open_id_connect_provider(self, OpenIDConnectProviderArn):
        if self.clients is None:
            raise refusal("NoSuchEntity", f"OpenIDConnect Provider not found for arn {OpenIDConnectProviderArn}")
        tags = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        return {"ClientIDList": self.clients, "Tags": tags}


NULS = b"\0" * 8


class FakeLambda(_Fake):
    """One function, by default `fn`, with an alias `live`; `responses`: qualifier -> the items of its response stream.

    `results`: qualifier -> the bytes of a result that is not streamed, and the kind of error or "".

    `images`: version -> image; `$LATEST` is the function itself. `commits`: version -> the commit in its description.
    """

    service = "lambda"

    def __init__(self, live="1", auth="NONE", name="fn"):
        super().__init__()
        self.live, self.auth, self.name = live, auth, name
        self.revision = 1  # of the alias
        self.function_revision = 1
        self.update_status, self.update_ends, self.update_reason = "Successful", "Successful", ""
        self.package_type = "Image"  # empty: there is no such function
        self.has_url = True
        self.configured = False  # whether the configuration was changed since the last version
        self.weights: dict[str, float] = {}
        self.statements: dict[str, dict] = {}
        self.variables: dict[str, str] = {}
        self.responses: dict[str, object] = {}
        self.results: dict[str, tuple[bytes, str]] = {}
        self.versions: list[dict] = []
        self.commits: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.waited: list[dict] = []

    @operation
    def get_alias(self, FunctionName, Name):
        assert (FunctionName, Name) == (self.name, "live")
        if not self.live:
            raise refusal("ResourceNotFoundException", "Cannot find alias arn", "GetAlias")
        return self._alias()

    @operation
    def update_alias(self, FunctionName, Name, FunctionVersion, RoutingConfig, RevisionId):
        assert (FunctionName, Name) == (self.name, "live")
        if RevisionId != f"revision-{self.revision}":
            raise refusal("PreconditionFailedException", "The RevisionId provided does not match the latest one")
        self.moved_to(FunctionVersion, **RoutingConfig["AdditionalVersionWeights"])
        return self._alias()

    def moved_to(self, version, **weights):
        """The alias moves, by us or by somebody else."""
        self.live, self.weights, self.revision = version, weights, self.revision + 1

    def _alias(self):
        # Lambda leaves the key out where there are no weights
        routing = {"RoutingConfig": {"AdditionalVersionWeights": self.weights}} if self.weights else {}
        return {"FunctionVersion": self.live, "RevisionId": f"revision-{self.revision}", **routing}

    @operation
    def get_function_configuration(self, FunctionName, Qualifier="$LATEST"):
        assert FunctionName == self.name
        if not self.package_type:
            raise refusal("ResourceNotFoundException", f"Function not found: {FunctionName}")
        version = self.live if Qualifier == "live" else Qualifier
        return {**self._configuration(version), "PackageType": self.package_type}

    def _configuration(self, qualifier):
        always = {"Version": qualifier, "State": self.states.get(qualifier, "Active")}
        own = {"Environment": {"Variables": self.variables}} if self.variables else {}
        if qualifier != "$LATEST":
            return {**always, "Description": f"commit {self.commits[qualifier]}", **own}
        reason = {"LastUpdateStatusReason": self.update_reason} if self.update_reason else {}
        status = {"RevisionId": self._revision, "LastUpdateStatus": self.update_status, **reason}
        return {**always, **status, **self.code, **own}

    @property
    def code(self):
        """What Lambda says of the image of the function."""
        digest = self.images.get("$LATEST", "").rpartition(":")[2]
        return {"CodeSha256": digest, "CodeSize": 43_500_000, "LastModified": "2026-11-28T02:33:18.312+0000"}

    @property
    def _revision(self):
        return f"function-{self.function_revision}"

    def _require_revision(self, revision):
        if revision != self._revision:
            raise refusal("PreconditionFailedException", "The RevisionId provided does not match the latest one")

    @operation
    def get_function_url_config(self, FunctionName, Qualifier):
        assert (FunctionName, Qualifier) == (self.name, "live")
        if not self.has_url:
            raise refusal("ResourceNotFoundException", "The resource you requested does not exist.")
        always = {
            "FunctionArn": ARN,
            "CreationTime": "2026-01-01T00:00:00.000Z",
            "LastModifiedTime": "2026-01-01T00:00:00.000Z",
        }
        return {"AuthType": self.auth, "FunctionUrl": URL, **always}

    @operation
    def add_permission(self, FunctionName, Qualifier, StatementId, Principal, Action, **conditions):
        assert (FunctionName, Qualifier) == (self.name, "live")
        if StatementId in self.statements:
            raise refusal("ResourceConflictException", f"The statement id ({StatementId}) provided already exists")
        self.statements[StatementId] = {"Principal": Principal, "Action": Action, **conditions}
        return {"Statement": json.dumps(_statement(StatementId, self.statements[StatementId]))}

    @operation
    def remove_permission(self, FunctionName, Qualifier, StatementId):
        assert (FunctionName, Qualifier) == (self.name, "live")
        if StatementId not in self.statements:
            raise refusal("ResourceNotFoundException", f"Statement {StatementId} is not found in resource policy")
        del self.statements[StatementId]
        return {}

    @operation
    def get_policy(self, FunctionName, Qualifier):
        assert (FunctionName, Qualifier) == (self.name, "live")
        if not self.statements:
            raise refusal("ResourceNotFoundException", "The resource you requested does not exist")
        statements = [_statement(name, dict(grant)) for name, grant in self.statements.items()]
        return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}

    @operation
    def publish_version(self, FunctionName, Description, RevisionId):
        assert FunctionName == self.name
        self._require_revision(RevisionId)
        assert self.update_status == "Successful", "Lambda refuses a version of a function that is being updated"
        newest = max((version for version in self.images if version.isdigit()), key=int, default="0")
        if self.configured or self.images.get(newest) != self.images["$LATEST"]:
            newest, self.configured = str(int(newest) + 1), False
            self.images[newest] = self.images["$LATEST"]
            self.commits[newest] = Description.removeprefix("commit ")
        return {"Version": newest}

    @operation
    def update_function_code(self, FunctionName, ImageUri, RevisionId):
        assert FunctionName == self.name
        self._require_revision(RevisionId)
        self.given(ImageUri)
        return {}

    def given(self, image):
        """The function gets an image, by us, by Terraform or by somebody else."""
        self.images["$LATEST"], self.update_status = image, "InProgress"
        self.function_revision += 1

    @operation
    def get_function(self, FunctionName, Qualifier="$LATEST"):
        assert FunctionName == self.name
        if Qualifier not in self.images:
            raise refusal("ResourceNotFoundException", f"Function not found: fn:{Qualifier}", "GetFunction")
        code = {"ImageUri": self.images[Qualifier], "ResolvedImageUri": self.images[Qualifier]}
        return {"Code": code, "Configuration": self._configuration(Qualifier)}

    @operation
    def invoke_with_response_stream(self, FunctionName, Qualifier, Payload):
        assert FunctionName == self.name
        json.loads(Payload)
        if Qualifier not in self.responses:
            raise AssertionError(f"the fake function has no answer of {Qualifier}")
        return {"EventStream": self.responses[Qualifier]}

    @operation
    def invoke(self, FunctionName, Qualifier, Payload):
        assert FunctionName == self.name
        json.loads(Payload)
        if Qualifier not in self.results:
            raise AssertionError(f"the fake function has no result of {Qualifier}")
        payload, error = self.results[Qualifier]
        return {"StatusCode": 200, "Payload": io.BytesIO(payload), **({"FunctionError": error} if error else {})}

    @operation
    def list_versions_by_function(self, FunctionName):
        assert FunctionName == self.name
        return {"Versions": self.versions}

    def waits(self, waiter, config, FunctionName, Qualifier="$LATEST"):
        assert FunctionName == self.name
        assert (waiter, Qualifier == "$LATEST") in {("published_version_active", False), ("function_updated_v2", True)}
        self.waited.append({"version": Qualifier, **config})
        if waiter in self.refuses:
            raise self.refuses[waiter]
        if waiter == "function_updated_v2":
            self.update_status = self.update_ends
            self.function_revision += 1
            if self.update_ends == "Failed":
                raise WaiterError("FunctionUpdatedV2", "Waiter encountered a terminal failure state", {})

    @operation
    def list_aliases(self, FunctionName):
        assert FunctionName == self.name
        routing = {"RoutingConfig": {"AdditionalVersionWeights": self.weights}} if self.weights else {}
        return {"Aliases": [{"Name": "live", "FunctionVersion": self.live, **routing}] if self.live else []}

    @operation
    def delete_function(self, FunctionName, Qualifier):
        assert FunctionName == self.name
        assert Qualifier not in {self.live, *self.weights}
        self.lose(Qualifier)
        return {"StatusCode": 204}

    def lose(self, version):
        """A version goes."""
        (removed,) = (item for item in self.versions if item["Version"] == version)
        self.versions.remove(removed)
        del self.images[version]


class FakeLambdas:
    """Several functions: each call goes to the fake with that name."""

    def __init__(self, *functions):
        self.named = {function.name: function for function in functions}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda **given: getattr(self.named[given["FunctionName"]], name)(**given)

    def get_paginator(self, name):
        return _Paginator(getattr(self, name))

    def get_waiter(self, name):
        return _Waiters(self.named, name)


class _Waiters:
    def __init__(self, named, name):
        self._named, self._name = named, name

    def wait(self, **given):
        self._named[given["FunctionName"]].get_waiter(self._name).wait(**given)


def _statement(name, grant):
    """A permission as it stands in the policy: urls-auth.html shows both conditions in this form."""
    conditions = {
        "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
        "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
        "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    }
    result = {}
    for key, (kind, operand) in conditions.items():
        if key in grant:
            result.setdefault(kind, {})[operand] = str(grant[key]).lower() if kind == "Bool" else grant[key]
    statement = {"Sid": name, "Effect": "Allow", "Principal": grant["Principal"], "Action": grant["Action"]}
    return {**statement, **({"Condition": result} if result else {})}


class FakeKms(_Fake):
    """Keys: id or ARN, as it is given => the name of the key. A signature of one is its name and the digest."""

    service = "kms"

    def __init__(self, **keys):
        super().__init__()
        self.keys, self.specs, self.regions = keys, {}, []

    @operation
    def get_public_key(self, KeyId):
        spec, usage = self.specs.get(self._name(KeyId), ("ECC_NIST_P256", "SIGN_VERIFY"))
        if spec == "SYMMETRIC_DEFAULT":
            raise refusal("UnsupportedOperationException", f"{KeyId} is not an asymmetric key")
        return {"KeyId": KeyId, "KeySpec": spec, "KeyUsage": usage, "PublicKey": f"SPKI {self._name(KeyId)}".encode()}

    @operation
    def sign(self, KeyId, Message, MessageType, SigningAlgorithm):
        assert MessageType == "DIGEST"
        return {"KeyId": KeyId, "Signature": self._signature(KeyId, Message), "SigningAlgorithm": SigningAlgorithm}

    @operation
    def verify(self, KeyId, Message, MessageType, Signature, SigningAlgorithm):
        assert (MessageType, bool(SigningAlgorithm)) == ("DIGEST", True)
        if Signature != self._signature(KeyId, Message):
            raise refusal("KMSInvalidSignatureException", "")
        return {"KeyId": KeyId, "SignatureValid": True}

    def _signature(self, key, message):
        return f"{self._name(key)} signs ".encode() + message

    def _name(self, key):
        if key not in self.keys:
            raise refusal("NotFoundException", f"Alias {key} is not found.")
        return self.keys[key]


class FakeAws:
    """AWS, as `delivery.aws.Aws` shows it; anything else is an AttributeError."""

    def __init__(self, ecr=None, functions=None, s3=None, account=ACCOUNT, environment=None):
        self.cloudwatch = FakeCloudWatch()
        self.dynamodb = FakeDynamoDB()
        self.ecr = ecr or FakeEcr()
        self.iam = FakeIam()
        self.keys = FakeKms(**{"alias/images": "images"})
        self.logs = FakeLogs()
        self.functions = functions or FakeLambda()
        self.s3 = s3 or FakeS3()
        self.silences: list[float] = []
        self.configs: dict[str, dict] = {}
        self._authorization, self._authorizing = None, threading.Lock()
        self.profiles: dict[str, FakeAws] = {}
        self.opened: list[tuple[str, bool]] = []
        self.answers: list[object] = []
        self._account = account
        self.environment = environment or Environment(
            "sandbox", account, "us-east-1", "registry.test:5000", state_bucket="state"
        )

    def account(self):
        return self._account

    def with_profile(self, name):
        """Another session in the same environment; `profiles`: those that there are."""
        return self.profiles[name]

    def kms(self, region):
        self.keys.regions.append(region)
        return self.keys

    def get(self, url, *, signed, silence, accept="*/*"):
        """A request to the Function URL: the next of `answers`, or the stream of the live version without one."""
        assert silence > 0
        assert accept in ("*/*", "text/event-stream")
        self.opened.append((url, signed))
        answer = self.answers.pop(0) if self.answers else (200, hello(self.functions.live))
        if isinstance(answer, Exception):
            raise answer
        return answer[0], iter([answer[1]])

    def connections(self):
        return Connections()

    def authorization(self):
        with self._authorizing:
            if self._authorization is None:
                self._authorization = self.ecr.get_authorization_token()["authorizationData"][0]
        return self._authorization

    def explained(self, doing):
        return session.explained(doing, self.environment)

    def caller(self):
        return "alice"

    def caller_arn(self):
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/alice"

    def credentials(self):
        return {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": ""}

    shadowed_profile = ""

    def streaming(self, silence):
        self.silences.append(silence)
        return self.functions


def chunk(payload):
    """One item of a response stream."""
    return {"PayloadChunk": {"Payload": payload}}


def prelude(status=200, content_type="text/event-stream"):
    """The bytes a streamed response begins with."""
    return json.dumps({"statusCode": status, "headers": {"Content-Type": content_type}}).encode() + NULS


def hello(version="2"):
    """The first event of a stream."""
    return f"event: hello\ndata: {json.dumps({'version': version})}\n\n".encode()


def heartbeat(number):
    """A later event of a stream."""
    return f'event: heartbeat\ndata: {{"sequence": {number}}}\n\n'.encode()


END = b"retry: 1000\n\n"


def healthy(version="2"):
    """The items of the response of a version that streams."""
    parts = (prelude(), hello(version), heartbeat(1), heartbeat(2), END)
    return [*map(chunk, parts), {"InvokeComplete": {}}]


STREAMED = b"".join((prelude(), hello(), heartbeat(1), heartbeat(2), END))
"""A whole response, as the Runtime Interface Emulator gives it."""
