"""Fakes of Lambda and ECR with a memory, which tell an oracle what happens, and can end a run at any effect."""

from support.aws import FakeEcr, FakeLambda, healthy, operation
from support.retention import Pushed, expired

# What changes something, or takes long: a run that ends, ends before one of these.
EFFECTS = {"invoke_with_response_stream", "put_image", "update_alias", "delete_function", "batch_delete_image"}


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
    """One function whose versions are published, each with its own image; `sick`: whether none of them streams now."""

    def __init__(self, oracle):
        super().__init__(live="")
        self.oracle, self.sick = oracle, False
        self.versions = [{"Version": "$LATEST"}]

    def publish(self, uri, commit):
        """A new version, which nobody can call."""
        version, digest = str(int(self.oracle.newest or 0) + 1), uri.partition("@")[2]
        variables = {"Variables": {"IMAGE_DIGEST": digest}}
        described = {"Description": f"commit {commit}", "LastModified": "", "Environment": variables}
        self.versions.append({"Version": version, **described})
        self.commits[version] = commit
        self.images |= {version: uri, "$LATEST": uri}
        self.responses[version] = _Stream(self, version, commit, digest)
        self.oracle.published(version, digest)
        return version

    def connect(self, version):
        """The alias is made."""
        assert version in self.images, "Lambda's aliases name versions that exist"
        self.live = version
        self.oracle.connected(version)

    @operation
    def publish_version(self, FunctionName):
        assert FunctionName == "fn"
        return {"Version": self.oracle.newest}  # nothing changes but by an apply, which publishes

    def moved_to(self, version, **weights):
        assert {version, *weights} <= set(self.images), "Lambda's aliases name versions that exist"
        super().moved_to(version, **weights)
        self.oracle.shifted(version, weights)

    def lose(self, version):
        self.oracle.deleted(version)
        super().lose(version)


class _Stream:
    """What a version answers, as often as it is asked."""

    def __init__(self, functions, version, commit, digest):
        self.functions, self.named = functions, {"version": version, "commit": commit, "digest": digest}

    def __iter__(self):
        if self.functions.sick:
            return iter([{"InvokeComplete": {"ErrorCode": "Runtime.ExitError"}}])
        self.functions.oracle.streamed.add(self.named["version"])
        return iter(healthy(**self.named))


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
