"""Over random histories of two environments: what serves exists, a rollback finds its release, nothing wanted goes.

A failure prints the shortest history that fails, and the seed that finds it again:

    ./dev pytest tests/chaos/test_histories.py --seed 123456
"""

from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from support.chaos.environments import CUT, DONE, REFUSED, UNHEALTHY, Environments
from support.chaos.observed import Killed

from delivery.commands import deploy, rollback
from delivery.errors import RefusedError
from delivery.image import push
from delivery.release.canary import Step

STEPS = (Step(0.1, 5), Step(0.5, 5))
COMMITS = st.integers(0, 5)
# After how many effects a run ends: updated, published, verified, tagged, moved, recorded; with a canary, also shared
# and verified again.
ENDS = st.tuples(st.integers(0, 5), st.sampled_from([KeyboardInterrupt("interrupted"), Killed("killed")]))
LATE_ENDS = st.tuples(st.integers(4, 9), st.sampled_from([KeyboardInterrupt("interrupted"), Killed("killed")]))
# Where there is something to deploy: in prod, what was promoted. Where something was deployed.
DEPLOYABLE = st.runner().flatmap(lambda machine: st.sampled_from(["preprod", "prod"][: 1 + bool(machine.promoted)]))
DEPLOYED = st.runner().flatmap(lambda machine: st.sampled_from(machine.deployed()))
if_deployed = precondition(lambda machine: machine.deployed())


class Histories(Environments):
    """What people and accidents do."""

    @rule(where=DEPLOYABLE, pick=COMMITS)
    def deploy(self, where, pick):
        account = self.accounts[where]
        assert self._deliver(where, pick) == DONE
        assert (account.functions.live, account.functions.weights) == (account.oracle.newest, {})
        assert account.recorded

    @rule(where=DEPLOYABLE, pick=COMMITS, days=st.integers(0, 30))
    def deploy_while_others_prune_and_images_expire(self, where, pick, days):
        def meanwhile():
            oracle = self.accounts[where].oracle
            streamed = oracle.streamed  # the prune is another run; the deploy has verified what it has verified
            assert self._prune(where) == DONE
            oracle.streamed = streamed
            self.accounts[where].ecr.expire(days)

        self.accounts[where].functions.meanwhile = meanwhile
        self.deploy(where, pick)

    @rule(where=DEPLOYABLE, pick=COMMITS)
    def deploy_what_does_not_stream(self, where, pick):
        account = self.accounts[where]
        before, account.functions.sick = account.functions.live, True
        assert self._deliver(where, pick) == UNHEALTHY
        assert (account.functions.live, account.functions.weights) == (before, {})

    @rule(where=DEPLOYABLE, pick=COMMITS, well=st.booleans())
    def deploy_with_a_canary(self, where, pick, well):
        account = self.accounts[where]
        before = account.functions.live
        if not well:
            account.fail_requests()
        ended = self._deliver(where, pick, STEPS)
        alone = before in ("", account.oracle.newest)  # nothing to shift from
        assert ended == (DONE if well or alone else UNHEALTHY)
        assert account.functions.live == (account.oracle.newest if well or alone else before)
        assert account.functions.weights == {}

    @rule(where=DEPLOYABLE, pick=COMMITS, end=ENDS)
    def deploy_that_is_cut_off(self, where, pick, end):
        assert self._deliver(where, pick, (), end) in (DONE, CUT)

    @rule(where=DEPLOYABLE, pick=COMMITS, end=LATE_ENDS)
    def deploy_with_a_canary_that_is_cut_off(self, where, pick, end):
        assert self._deliver(where, pick, STEPS, end) in (DONE, CUT)

    @if_deployed
    @rule(where=DEPLOYED, well=st.booleans())
    def roll_back(self, where, well):
        account = self.accounts[where]
        before, shared, release = account.functions.live, account.functions.weights, account.oracle.release_before()
        account.functions.sick = not well
        ended = self._roll_back(where)
        if shared:  # it ends the canary, and that is all
            assert (ended, account.functions.live) == (DONE, before)
        else:
            assert ended == (REFUSED if not release else DONE if well else UNHEALTHY)
            assert account.functions.live == (release if ended == DONE else before)
        assert account.functions.weights == {}

    @if_deployed
    @rule(where=DEPLOYED, version=st.integers(1, 9).map(str))
    def roll_back_to(self, where, version):
        account = self.accounts[where]
        before = account.functions.live
        possible = version == before or version in account.oracle.released
        assert self._roll_back(where, version) == (DONE if possible else REFUSED)
        assert account.functions.live == (version if possible else before)

    @if_deployed
    @rule(where=DEPLOYED, to=st.just("") | st.integers(1, 9).map(str), end=ENDS)
    def roll_back_and_be_cut_off(self, where, to, end):
        assert self._roll_back(where, to, end) in (DONE, REFUSED, CUT)

    @if_deployed
    @rule(where=DEPLOYED)
    def prune(self, where):
        assert self._prune(where) == DONE

    @if_deployed
    @rule(where=DEPLOYED, end=ENDS)
    def prune_that_is_cut_off(self, where, end):
        assert self._prune(where, end) in (DONE, CUT)

    @rule(where=st.sampled_from(["preprod", "prod"]), days=st.integers(0, 30))
    def expire(self, where, days):
        self.accounts[where].ecr.expire(days)

    @rule(commit=COMMITS)
    def push(self, commit):
        run = self.accounts["preprod"].run_context(f"{commit:040}")
        push.push(run, deploy.guard(run))

    @precondition(lambda machine: machine.accounts["preprod"].oracle.live)
    @rule()
    def promote(self):
        preprod, prod = self.accounts.values()
        live = preprod.functions.live
        ended = self._promote()
        assert ended == (DONE if live in preprod.oracle.released else REFUSED)
        if ended == DONE:
            assert preprod.oracle.runs[live] in prod.held
            assert preprod.oracle.runs[live] == preprod.oracle.image_of(self.promoted[-1])

    @invariant()
    def all_is_well(self):
        for name, account in self.accounts.items():
            assert not account.oracle.wrong, f"{name}: {', '.join(account.oracle.wrong)}"
            assert {account.functions.live, *account.functions.weights} - {""} <= set(account.functions.images)
            for version, digest in account.oracle.reachable().items():
                assert version in account.functions.images, f"version {version} of {name} is gone"
                assert digest in account.held, f"the image of version {version} of {name} is gone"
        for name in self.deployed():
            self._a_rollback_would_find_its_release(name)

    def _a_rollback_would_find_its_release(self, where):
        account = self.accounts[where]
        expected = account.functions.live if account.functions.weights else account.oracle.release_before()
        try:
            (result,) = rollback.prepare(account.run_context())
        except RefusedError:
            assert not expected, f"a rollback of {where} finds nothing, not even version {expected}"
        else:
            assert result.version == expected, f"where a rollback of {where} would go"


def test_over_any_history_what_serves_exists_and_a_rollback_finds_its_release(request):
    chosen = request.config.getoption("--seed")
    print(f"again with: ./dev pytest tests/chaos/test_histories.py --seed {chosen}")
    run_state_machine_as_test(
        seed(chosen)(lambda: Histories()),
        settings=settings(max_examples=60, stateful_step_count=30, deadline=None, database=None),
    )
