"""Fakes of Lambda and of the whole of AWS, as strict as those in fakes.py."""

import json

from delivery.aws import session
from delivery.settings import Environment
from support.fake_build import DIGEST
from support.fake_stores import FakeCloudWatch, FakeS3
from support.fakes import ACCOUNT, FakeEcr, _Fake, operation, refusal

NULS = b"\0" * 8


class FakeLambda(_Fake):
    """One function `fn` with an alias `live`; `responses`: qualifier -> the items of its response stream."""

    service = "lambda"

    def __init__(self, live="1", auth="NONE"):
        super().__init__()
        self.live, self.auth, self.newest = live, auth, "2"
        self.revision = 1
        self.weights: dict[str, float] = {}
        self.statements: dict[str, dict] = {}
        self.responses: dict[str, object] = {}
        self.versions: list[dict] = []
        self.commits: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.waited: list[dict] = []

    @operation
    def get_alias(self, FunctionName, Name):
        assert (FunctionName, Name) == ("fn", "live")
        return self._alias()

    @operation
    def update_alias(self, FunctionName, Name, FunctionVersion, RoutingConfig, RevisionId):
        assert (FunctionName, Name) == ("fn", "live")
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
    def get_function_configuration(self, FunctionName, Qualifier):
        assert FunctionName == "fn"
        state = self.states.get(Qualifier, "Active")
        return {"Version": Qualifier, "Description": f"commit {self.commits[Qualifier]}", "State": state}

    @operation
    def get_function_url_config(self, FunctionName, Qualifier):
        assert (FunctionName, Qualifier) == ("fn", "live")
        return {"AuthType": self.auth, "FunctionUrl": "https://x.lambda-url.test/"}

    @operation
    def add_permission(self, FunctionName, Qualifier, StatementId, Principal, Action, **conditions):
        assert (FunctionName, Qualifier) == ("fn", "live")
        if StatementId in self.statements:
            raise refusal("ResourceConflictException", f"The statement id ({StatementId}) provided already exists")
        self.statements[StatementId] = {"Principal": Principal, "Action": Action, **conditions}

    @operation
    def remove_permission(self, FunctionName, Qualifier, StatementId):
        assert (FunctionName, Qualifier) == ("fn", "live")
        if StatementId not in self.statements:
            raise refusal("ResourceNotFoundException", f"Statement {StatementId} is not found in resource policy")
        del self.statements[StatementId]

    @operation
    def get_policy(self, FunctionName, Qualifier):
        assert (FunctionName, Qualifier) == ("fn", "live")
        if not self.statements:
            raise refusal("ResourceNotFoundException", "The resource you requested does not exist")
        statements = [_statement(name, dict(grant)) for name, grant in self.statements.items()]
        return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}

    @operation
    def publish_version(self, FunctionName):
        assert FunctionName == "fn"
        return {"Version": self.newest}

    @operation
    def get_function(self, FunctionName, Qualifier):
        assert FunctionName == "fn"
        return {"Code": {"ImageUri": self.images[Qualifier]}}

    @operation
    def invoke_with_response_stream(self, FunctionName, Qualifier, Payload):
        assert FunctionName == "fn"
        json.loads(Payload)
        if Qualifier not in self.responses:
            raise AssertionError(f"the fake function was not told what {Qualifier} answers")
        return {"EventStream": self.responses[Qualifier]}

    @operation
    def list_versions_by_function(self, FunctionName):
        assert FunctionName == "fn"
        return {"Versions": self.versions}

    def get_waiter(self, name):
        assert name == "published_version_active"
        return self

    def wait(self, FunctionName, Qualifier, WaiterConfig):
        assert FunctionName == "fn"
        self.waited.append({"version": Qualifier, **WaiterConfig})
        if "wait" in self.refuses:
            raise self.refuses["wait"]


def _statement(name, grant):
    """A permission as it stands in the policy: urls-auth.html shows both conditions in this form."""
    conditions = {
        "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
        "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
        "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    }
    found = {}
    for key, (kind, operand) in conditions.items():
        if key in grant:
            found.setdefault(kind, {})[operand] = str(grant[key]).lower() if kind == "Bool" else grant[key]
    statement = {"Sid": name, "Effect": "Allow", "Principal": grant["Principal"], "Action": grant["Action"]}
    return {**statement, **({"Condition": found} if found else {})}


class FakeAws:
    """AWS, as `delivery.aws.Aws` shows it; anything else is an AttributeError."""

    def __init__(self, ecr=None, functions=None, s3=None, account=ACCOUNT, environment=None):
        self.cloudwatch = FakeCloudWatch()
        self.ecr = ecr or FakeEcr()
        self.functions = functions or FakeLambda()
        self.s3 = s3 or FakeS3()
        self.silences: list[float] = []
        self._account = account
        self.environment = environment or Environment(
            "sandbox", account, "us-east-1", "registry.test:5000", state_bucket="state"
        )

    def account(self):
        return self._account

    def explained(self, doing):
        return session.explained(doing, self.environment)

    def caller(self):
        return "alice"

    def streaming(self, silence):
        self.silences.append(silence)
        return self.functions


def chunk(payload):
    """One item of a response stream."""
    return {"PayloadChunk": {"Payload": payload}}


def prelude(status=200, content_type="text/event-stream"):
    """The bytes a streamed response begins with."""
    return json.dumps({"statusCode": status, "headers": {"Content-Type": content_type}}).encode() + NULS


def hello(version="2", commit="c" * 40, digest=DIGEST):
    """The first event of a stream."""
    data = json.dumps({"version": version, "commit": commit, "digest": digest})
    return f"event: hello\ndata: {data}\n\n".encode()


def heartbeat(number):
    """A later event of a stream."""
    return f'event: heartbeat\ndata: {{"sequence": {number}}}\n\n'.encode()


END = b"retry: 1000\n\n"


def healthy(**named):
    """The items of the response of a version that streams."""
    parts = (prelude(), hello(**named), heartbeat(1), heartbeat(2), heartbeat(3), END)
    return [*map(chunk, parts), {"InvokeComplete": {}}]
