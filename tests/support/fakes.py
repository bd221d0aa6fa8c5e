"""Fakes that refuse what they were not told about: an unknown command, method or argument fails the test."""

import functools
import inspect

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from delivery.process.shell import Command, Result

ACCOUNT = "000000000000"


class FakeShell:
    """Answers the commands it was given, by the start of their argv (`-chdir=...` left out).

    An answer is a text for stdout, a Result, an exception to raise, a function of the command, or a list, one a call.
    """

    def __init__(self, answers=None, variables=None):
        self.answers = answers or {}
        self.variables = variables or {}
        self.ran: list[Command] = []
        self.stops: list[bool] = []

    def with_variables(self, variables):
        other = FakeShell(self.answers, {**self.variables, **variables})
        other.ran, other.stops = self.ran, self.stops
        return other

    def unstopped(self):
        return self

    def run(self, command, on_line=None):
        self.ran.append(command)
        result = self._answer(command)
        for line in result.stdout.splitlines() + result.stderr.splitlines():
            if on_line:
                on_line(line)
        return result

    def stop(self):
        self.stops.append(True)

    def typed(self, start):
        """The commands that ran and start so, in order."""
        return [command for command in self.ran if _typed(command).startswith(start)]

    def _answer(self, command):
        known = [start for start in self.answers if _typed(command).startswith(start)]
        if not known:
            raise AssertionError(f"the fake shell was not told about: {_typed(command)}")
        answer = self.answers[max(known, key=len)]
        if isinstance(answer, list):
            if not answer:
                raise AssertionError(f"the fake shell has no more answers for: {_typed(command)}")
            answer = answer.pop(0)
        if callable(answer):
            answer = answer(command)
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Result) else Result(0, answer, "")


def _typed(command):
    return " ".join(word for word in command.argv if not word.startswith("-chdir="))


def refusal(code, message="refused", operation="Operation"):
    """What boto3 raises when AWS refuses."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@functools.cache
def _operations(service):
    model = botocore.session.Session().get_service_model(service)
    return {botocore.xform_name(name): model.operation_model(name) for name in model.operation_names}


def operation(method):
    """A call of an AWS API: recorded, its arguments checked against AWS's own model and against what the fake knows."""

    @functools.wraps(method)
    def call(self, **given):
        name = method.__name__
        report = ParamValidator().validate(given, _operations(self.service)[name].input_shape)
        assert not report.has_errors(), f"AWS would refuse {name}: {report.generate_report()}"
        try:
            inspect.signature(method).bind(self, **given)
        except TypeError as error:
            raise AssertionError(f"the fake {self.service} was not told about {name}({given}): {error}") from error
        self.calls.append((name, given))
        if name in self.refuses:
            raise self.refuses[name]
        return method(self, **given)

    return call


class _Fake:
    """One AWS service; `refuses` maps the name of an operation to what it raises."""

    service = ""

    def __init__(self):
        self.calls: list[tuple[str, dict]] = []
        self.refuses: dict[str, Exception] = {}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AssertionError(f"the fake {self.service} was not told about {name}")

    def called(self, name):
        """The arguments of each call of one operation."""
        return [given for called, given in self.calls if called == name]

    def get_paginator(self, name):
        return _Paginator(getattr(self, name))


class _Paginator:
    """Every page but the last holds one item, so that reading only the first page fails a test."""

    def __init__(self, method):
        self._method = method

    def paginate(self, **given):
        ((key, items),) = self._method(**given).items()
        return [{key: [item]} for item in items] or [{key: []}]


class FakeEcr(_Fake):
    """Repositories: name -> digest -> manifest text; tags: (repository, tag) -> digest."""

    service = "ecr"

    def __init__(self, repositories=None, tags=None):
        super().__init__()
        self.repositories, self.tags, self.pushed = repositories or {}, tags or {}, {}

    @operation
    def get_authorization_token(self):
        # base64 of AWS:hush
        data = {"authorizationToken": "QVdTOmh1c2g=", "proxyEndpoint": "http://registry.test:5000"}
        return {"authorizationData": [data]}

    @operation
    def describe_repositories(self, repositoryNames):
        for name in repositoryNames:
            self._repository(name)
        return {"repositories": [{"repositoryName": name} for name in repositoryNames]}

    @operation
    def batch_get_image(self, repositoryName, imageIds, acceptedMediaTypes=()):
        del acceptedMediaTypes
        held = self._repository(repositoryName)
        (wanted,) = imageIds
        digest = wanted.get("imageDigest") or self.tags.get((repositoryName, wanted["imageTag"]))
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = {"imageManifest": held.get(digest), "imageManifestMediaType": kind}
        images = [{"imageId": {"imageDigest": digest}, **manifest}] if digest in held else []
        return {"images": images, "failures": [] if images else [{"failureCode": "ImageNotFound"}]}

    @operation
    def put_image(self, repositoryName, imageManifest, imageManifestMediaType, imageTag, imageDigest):
        assert imageManifestMediaType == "application/vnd.oci.image.manifest.v1+json"
        (digest,) = (key for key, text in self._repository(repositoryName).items() if text == imageManifest)
        assert imageDigest == digest
        if self.tags.get((repositoryName, imageTag)) == digest:
            raise refusal("ImageAlreadyExistsException")
        self.tags[repositoryName, imageTag] = digest

    @operation
    def describe_images(self, repositoryName, imageIds=()):
        held = self._repository(repositoryName)
        wanted = [one["imageDigest"] for one in imageIds] or list(held)
        if not set(wanted) <= set(held):
            raise refusal("ImageNotFoundException", "The image requested does not exist")
        details = []
        for digest in wanted:
            tags = [tag for (name, tag), at in self.tags.items() if (name, at) == (repositoryName, digest)]
            details.append({"imageDigest": digest, "imagePushedAt": self.pushed.get(digest)})
            details[-1] |= {"imageTags": tags} if tags else {}
        return {"imageDetails": details}

    def _repository(self, name):
        if name not in self.repositories:
            raise refusal("RepositoryNotFoundException", f"The repository with name '{name}' does not exist")
        return self.repositories[name]
