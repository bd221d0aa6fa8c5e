"""Several functions in one environment, each with its own image: what they call, and whether their calls overlap."""

import json
import threading
from collections import Counter
from dataclasses import replace

from support.aws import FakeAws, FakeEcr, FakeLambda, FakeLambdas, FakeS3, healthy, hello
from support.build import CONFIG, DIGEST, manifest, printed
from support.world import COMMIT, ENVIRONMENT, answers, foundation_document, world

OLD = manifest(of="the version before")
OLD_DIGEST = "sha256:" + "d" * 64
_TARGETS = "docker buildx bake --file docker-bake.hcl --print"


class Fleet:
    """Functions `fn-1` to `fn-<count>`, of the images `image-1` to `image-<count>`.

    Versions 1 and 2 of each were verified and live, in that order; 2 serves, and is what the commit builds.
    """

    def __init__(self, root, count, environment=ENVIRONMENT):
        self.environment, self.numbers = environment, range(1, count + 1)
        targets = printed(*(f"image-{number}" for number in self.numbers))
        self.world = world(root, answers(**{_TARGETS: targets}), environment=environment)
        self.functions = {number: _function(number, self.uri) for number in self.numbers}
        self.ecr = FakeEcr({self.repository(number): {DIGEST: manifest(), OLD_DIGEST: OLD} for number in self.numbers})
        for number in self.numbers:
            self.ecr.tags |= {(self.repository(number), tag): digest for tag, digest in _TAGS.items()}
        self.aws = FleetAws(self.ecr, FakeLambdas(*self.functions.values()), FakeS3("state"), environment=environment)
        self.aws.configs |= {self.uri(number, of): CONFIG for number in self.numbers for of in (DIGEST, OLD_DIGEST)}
        self.aws.s3.objects |= {
            "service.tfstate": json.dumps(_state({number: self.uri(number) for number in self.numbers})),
            "foundation.tfstate": foundation_document(*(f"image-{number}" for number in self.numbers)),
        }
        self.run = replace(self.world.run, aws=self.aws)

    def repository(self, number):
        """The name of the repository of an image."""
        return f"{self.environment.name}-image-{number}-lambda"

    def uri(self, number, digest=DIGEST):
        return f"{self.environment.registry}/{self.repository(number)}@{digest}"

    def calls(self):
        """The calls for each function, and those for the environment; each must be alike for all functions."""
        of_each = [Counter(name for name, _ in fake.calls) for fake in self.functions.values()]
        for number, counter in zip(self.numbers, of_each, strict=True):
            calls = [name for name, given in self.ecr.calls if given.get("repositoryName") == self.repository(number)]
            counter.update(calls)
            counter["open"] += sum(f"//fn-{number}." in url for url, _ in self.aws.opened)
        assert all(counter == of_each[0] for counter in of_each), of_each
        shared = [name for name, given in self.ecr.calls if "repositoryName" not in given]
        return +of_each[0], Counter([*shared, *(name for name, _ in self.aws.s3.calls)])

    def meet(self, *operations):
        """Each call of these operations waits for the calls of all other functions."""
        for operation in operations:
            barrier = threading.Barrier(len(self.numbers), timeout=10)
            for fake in (*self.functions.values(), self.ecr):
                fake.meets[operation] = barrier

    def live(self):
        """The live version of each function."""
        return [fake.live for fake in self.functions.values()]


class FleetAws(FakeAws):
    """`broken`: the names of functions whose URL answers 502."""

    broken = frozenset()

    def get(self, url, *, signed, silence, accept="*/*"):
        del accept
        assert silence > 0
        self.opened.append((url, signed))
        name = url.removeprefix("https://").partition(".")[0]
        return (
            (502, iter([b"broken"])) if name in self.broken else (200, iter([hello(self.functions.named[name].live)]))
        )


_TAGS = {
    "release-1": OLD_DIGEST,
    "release-2": DIGEST,
    "live-20260101T000000.000000Z-v1-by-ann": OLD_DIGEST,
    "live-20260102T000000.000000Z-v2-after-v1-by-ann": DIGEST,
    COMMIT: DIGEST,
    "latest": DIGEST,
}


def _function(number, uri):
    fake = FakeLambda("2", name=f"fn-{number}")
    fake.images |= {"1": uri(number, OLD_DIGEST), "2": uri(number), "$LATEST": uri(number)}
    fake.commits |= {"1": "b" * 40, "2": COMMIT}
    fake.responses |= {version: healthy(version) for version in "12"}
    fake.versions = [
        {"Version": version, "Description": f"commit {fake.commits[version]}", "LastModified": ""} for version in "12"
    ]
    fake.statements = {
        "PublicUrl": {"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
        "PublicUrlInvoke": {"Principal": "*", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
    }
    return fake


def _state(uris):
    functions = {
        f"image-{number}": {
            "function_name": f"fn-{number}",
            "alias": "live",
            "url": f"https://fn-{number}.lambda-url.us-east-1.on.aws/",
        }
        for number in uris
    }
    resources = [
        {
            "module": f"module.image_{number}",
            "mode": "managed",
            "type": "aws_lambda_function",
            "name": "this",
            "instances": [{"attributes": {"function_name": f"fn-{number}", "image_uri": uris[number]}}],
        }
        for number in uris
    ]
    return {"version": 4, "outputs": {"functions": {"value": functions}}, "resources": resources}
