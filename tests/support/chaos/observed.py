"""Fakes of Lambda and ECR with a memory, which tell an oracle what happens, and can end a run at any effect."""

from support.aws import FakeEcr, FakeLambda, healthy, operation, refusal
from support.retention import Pushed, expired

# What changes something, or takes long: a run that ends, ends before one of these.
EFFECTS = {"invoke_with_response_stream", "put_image", "update_alias", "delete_function", "batch_delete_image"}
EFFECTS |= {"update_function_code", "publish_version"}


class Killed(BaseException):
    """The process is gone: nothing cleans up after it."""


class Cut:
    """Stands where a fake keeps what it refuses: lets some effects happen, and then ends the run."""

    def __init__(self, effects=None, error=None):
        self.left, self.error = effects, error

    def __contains__(self, name):
        if self.left is None or (self.left >= 0 and name not in EFFECTS):
            return False
        self.left -= 1
        if self.left >= 0:
            return False
        if isinstance(self.error, KeyboardInterrupt):
            self.left = None  # once: what it does on its way out is still done
        return True

    def __getitem__(self, name):
        return self.error


class Functions(FakeLambda):
    """One function with its versions; `sick`: whether none of them streams now; `holds`: whether ECR has an image."""

    def __init__(self, oracle, holds):
        super().__init__(live="")
        self.oracle, self.holds, self.sick = oracle, holds, False
        self.meanwhile = lambda: None
        self.numbered = 0  # versions so far, with those that were deleted: Lambda uses no number twice
        self.versions = [{"Version": "$LATEST"}]

    @operation
    def update_function_code(self, FunctionName, ImageUri, RevisionId):
        self.meanwhile()
        if not self.holds(ImageUri):
            raise refusal("InvalidParameterValueException", f"Source image {ImageUri} does not exist")
        return FakeLambda.update_function_code.__wrapped__(self, FunctionName, ImageUri, RevisionId)

    @operation
    def publish_version(self, FunctionName, Description, RevisionId):
        assert FunctionName == "fn"
        self._require_revision(RevisionId)
        newest, uri = self.oracle.newest, self.images["$LATEST"]
        if not self.configured and newest and self.images[newest] == uri:
            return {"Version": newest}
        self.numbered, self.configured = self.numbered + 1, False
        version, commit = str(self.numbered), Description.removeprefix("commit ")
        self.versions.append({"Version": version, "Description": Description, "LastModified": ""})
        self.commits[version], self.images[version] = commit, uri
        self.responses[version] = _Stream(self, version)
        self.oracle.published(version, uri.partition("@")[2], commit)
        return {"Version": version}

    def connect(self, version):
        """The alias is made."""
        assert version in self.images, "Lambda's aliases name versions that exist"
        self.live = version
        self.oracle.connected(version)

    def moved_to(self, version, **weights):
        assert {version, *weights} <= set(self.images), "Lambda's aliases name versions that exist"
        super().moved_to(version, **weights)
        self.oracle.shifted(version, weights)

    def lose(self, version):
        self.oracle.deleted(version)
        super().lose(version)


class _Stream:
    """What a version answers, as often as it is asked."""

    def __init__(self, functions, version):
        self.functions, self.version = functions, version

    def __iter__(self):
        if self.functions.sick:
            return iter([{"InvokeComplete": {"ErrorCode": "Runtime.ExitError"}}])
        self.functions.oracle.streamed.add(self.version)
        return iter(healthy(self.version))


class Ecr(FakeEcr):
    """A repository with a lifecycle policy, on a calendar that is turned by hand."""

    def __init__(self, name, oracle):
        super().__init__({name: {}})
        self.name, self.oracle, self.today, self.came = name, oracle, 0, {}

    @operation
    def put_image(self, repositoryName, imageManifest, imageManifestMediaType, imageTag, imageDigest):
        given = {"imageManifestMediaType": imageManifestMediaType, "imageTag": imageTag, "imageDigest": imageDigest}
        answer = FakeEcr.put_image.__wrapped__(self, repositoryName, imageManifest, **given)
        if imageTag.startswith("release-"):
            self.oracle.released.add(imageTag.removeprefix("release-"))
        return answer

    def expire(self, days):
        """So many days pass, and the policy is applied."""
        held = self.repositories[self.name]
        for digest in held:
            self.came.setdefault(digest, self.today)
        self.today += days
        images = [Pushed(digest, self._tagged(digest), self.today - self.came[digest]) for digest in held]
        for image in expired(images[::-1]):  # the newest first, also among those of one day
            self.lose(self.name, image.number)

    def lose(self, repository_name, digest):
        self.oracle.lost(digest)
        super().lose(repository_name, digest)
        self.came.pop(digest, None)

    def _tagged(self, digest):
        return frozenset(tag for (_, tag), at in self.tags.items() if at == digest)
