"""Two environments in accounts of their own, and what can be done to them: the real commands, up to a cut."""

import itertools
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis.stateful import RuleBasedStateMachine
from support import world
from support.chaos.accounts import Account
from support.chaos.observed import Killed
from support.clock import Clock
from support.registry import FakeRegistry

from delivery import clock
from delivery.commands import deploy, promote, prune, rollback
from delivery.errors import DeliveryError
from delivery.process import parallel

DONE, REFUSED, UNHEALTHY, CUT = 0, 4, 7, 130  # exit codes
NEVER = (None, None)


def _one_after_the_other(_, first, second):
    """Both lanes in one order, so that a history is always the same; a push waits for what the plan has found."""
    result = second()
    return first(), result


class Environments(RuleBasedStateMachine):
    """preprod and prod, which gets its images from preprod alone; time passes only when it is read."""

    def __init__(self):
        super().__init__()
        self.root, self.patched = Path(tempfile.mkdtemp()), pytest.MonkeyPatch()
        Clock(tick=0.3).install(self.patched)
        self.patched.setattr(parallel, "both", _one_after_the_other)
        moments = itertools.count()
        self.patched.setattr(clock, "now", lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(moments)))
        self.accounts = {name: Account(self.root, name) for name in ("preprod", "prod")}
        registry = FakeRegistry(*(account.ecr for account in self.accounts.values())).install(self.patched)
        world.start(self.patched)
        registry.blobs = {account.repository: account.blobs for account in self.accounts.values()}
        self.promoted: list[str] = []

    def teardown(self):
        self.patched.undo()
        shutil.rmtree(self.root)

    def deployed(self):
        """The environments where something is deployed."""
        return [name for name, account in self.accounts.items() if account.oracle.live]

    def _deliver(self, where, pick, steps=(), end=NEVER):
        account = self.accounts[where]
        commit = self.promoted[pick % len(self.promoted)] if where == "prod" else f"{pick:040}"
        run = account.run_context(commit)
        account.infrastructure += pick % 3 == 2  # now and then, the commit changes the infrastructure too
        saved = deploy.plan(run)
        account.cut(*end)
        return self._ended(deploy.deliver, run, saved, steps)

    def _roll_back(self, where, to="", end=NEVER):
        run = self.accounts[where].run_context()
        self.accounts[where].cut(*end)
        return self._ended(lambda: rollback.rollback(run, rollback.prepare(run, to)))

    def _prune(self, where, end=NEVER):
        run = self.accounts[where].run_context()
        self.accounts[where].cut(*end)
        return self._ended(lambda: prune.remove(run, prune.plan(run)))

    def _promote(self):
        origin, target = (account.run_context() for account in self.accounts.values())

        def copy():
            promotions = promote.prepare(origin, target, None)
            promote.promote(origin, target, promotions)
            self.promoted += [promotion.commit for promotion in promotions]

        return self._ended(copy)

    def _ended(self, command, *arguments):
        """How a run ends, as the task would exit; whatever was wrong is over with it."""
        try:
            command(*arguments)
        except DeliveryError as error:
            return error.exit_code
        except (KeyboardInterrupt, Killed):
            return CUT
        finally:
            for account in self.accounts.values():
                account.calm()
        return DONE
