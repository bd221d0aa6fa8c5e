"""The CI role at work while its policy is short of something."""

import functools

import pytest
from support.deploys.guarded import ENVIRONMENT, token
from support.deploys.policies import UNENFORCED, without

from delivery.aws import ecr, function, function_code
from delivery.errors import DeliveryError
from delivery.image import bake
from delivery.reference import PushedImage
from delivery.terraform import execute, stages, state, variables


class Trial:
    """The CI role at work without some of its actions, and the table of what failed."""

    def __init__(self, guarded):
        self.guarded = guarded
        self.policy = guarded.policy()
        self.credentials = guarded.assume(token())
        self.run = guarded.run_context(self.credentials)
        self.table = []
        self.live_versions = {}
        self.allow()
        self.images = bake.images(self.run.settings, ("sse-streaming",))

    def allow(self, *dropped):
        self.guarded.allow(without(self.policy, frozenset(dropped) | frozenset(UNENFORCED)))

    def invoke(self, *words):
        return self.guarded.checkout.invoke(*words, "--env", ENVIRONMENT, **self.credentials)

    def without(self, dropped, task, do):
        """Drop actions, do something that needs them all, and note which failure named each."""
        self.allow(*dropped)
        with pytest.raises(DeliveryError) as caught:
            do()
        self.allow()
        text = str(caught.value)
        for action in sorted(dropped):
            assert action in text, text
            output = next(line.strip() for line in text.splitlines() if action in line)
            self.table.append((action, task, caught.value.exit_code, output))

    @functools.cached_property
    def stack(self):
        return stages.init(self.run, state.STACK)

    @property
    def image(self):
        return ecr.find(self.run.aws, self.images[0], "latest")

    @property
    def target(self):
        """The version that a deploy published last."""
        return function.newest_version(self.run.aws, self.function)

    @property
    def function(self):
        return state.require_functions(self.run)[0]

    @property
    def unpublished(self):
        return function_code.read_unpublished(self.run.aws, self.function)

    def plan(self, digest=None, **changes):
        image = PushedImage("sse-streaming", self.images[0].repository, digest or self.image.digest)
        environment = variables.common(self.run.settings.environment)
        values = {**environment, "images": {"sse-streaming": image.uri}}
        values |= {"live_versions": self.live_versions, **changes}
        planned = execute.plan(self.stack, values, self.run.scratch, self.run.shell, str)
        return execute.read_back(planned, self.run.shell)

    def apply(self, digest=None, **changes):
        execute.apply(self.plan(digest, **changes), self.run.shell, str)
