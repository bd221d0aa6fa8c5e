"""A canary among fakes: version 2 is verified and to become live instead of 1."""

import pytest

from delivery.aws.function import Alias
from delivery.release import live, records
from delivery.release.canary import AliasMove, Step
from support.aws import healthy
from support.build import DIGEST, manifest
from support.clock import Clock
from support.world import NAME, VERSION, world

TEN = Step(0.1, 12)
HALF = Step(0.5, 5)


class Healthy:
    """A version that answers each request with a healthy stream, or with `worse` if that is set."""

    def __init__(self):
        self.requests, self.worse, self.meanwhile = 0, None, {}

    def __iter__(self):
        self.requests += 1
        self.meanwhile.get(self.requests, lambda: None)()
        return iter(self.worse if self.worse else healthy())


def canary_world(root, monkeypatch):
    """A world with fakes where version 2 answers every request with a healthy stream."""
    Clock(tick=0.3).install(monkeypatch)
    result = world(root)
    result.aws.functions.responses["2"] = Healthy()
    result.aws.ecr.repositories[NAME][DIGEST] = manifest()
    return result


def shifted(made, *steps):
    return live.make_live(made.run, (AliasMove(VERSION, Alias("1", "revision-1")),), steps)


def alias(made):
    return made.aws.functions.live, made.aws.functions.weights


def weights(made):
    updates = made.aws.functions.called("update_alias")
    return [(item["FunctionVersion"], item["RoutingConfig"]["AdditionalVersionWeights"]) for item in updates]


def failed(made, kind, *steps):
    """The error that ends the canary."""
    with pytest.raises(kind) as caught:
        shifted(made, *(steps or (TEN,)))
    return caught.value


def kinds(made):
    result = [records.parse(tag) for _, tag in made.aws.ecr.tags]
    return sorted((record.kind, record.version, record.after, record.who) for record in result if record)


def stop(error):
    """Raise it, where only an expression fits."""
    raise error
