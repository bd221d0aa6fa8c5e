"""A release leaves exactly one release record, also after a run that was cut off."""

import threading
from concurrent.futures import Future
from dataclasses import replace

import pytest
from support.aws import chunk, healthy, prelude, refusal
from support.build import DIGEST, config, manifest
from support.canary import kinds
from support.clock import Clock, LaneClock
from support.fleet import Fleet
from support.world import NAME, URI, VERSION, world

from delivery.aws import function
from delivery.aws.function import Alias
from delivery.commands import rollback
from delivery.errors import BuildError, CloudError, RefusedError, UnhealthyError
from delivery.process import parallel
from delivery.release import live
from delivery.release.canary import AliasMove, Step
from delivery.terraform import state

FIRST = ("live", "1", "", "ann")
ASKED = "Asked: GET /api/v2/stream?events=3&interval=0.1"


@pytest.fixture
def made(tmp_path):
    result = world(tmp_path)
    result.aws.ecr.repositories[NAME][DIGEST] = manifest()
    result.aws.ecr.tags[NAME, "live-20260101T000000.000000Z-v1-by-ann"] = DIGEST
    return result


def released(made, serving="1"):
    made.aws.functions.live = serving
    return live.make_live(made.run, (AliasMove(VERSION, Alias(serving, "revision-1")),))


def test_a_release_is_recorded_on_its_image(made):
    released(made)
    assert kinds(made) == [FIRST, ("live", "2", "1", "alice")]
    assert set(made.aws.ecr.tags.values()) == {DIGEST}


def test_a_function_without_a_url_becomes_live_and_no_url_is_opened(made):
    (release,) = live.make_live(made.run, (AliasMove(replace(VERSION, url=""), Alias("1", "revision-1")),))
    assert (release.url, release.public) == ("", False)
    assert made.aws.functions.called("get_function_url_config") == []
    assert "version 1 -> 2, no URL" in made.out.getvalue()


def test_the_first_release_replaces_no_version(made):
    made.aws.ecr.tags.clear()
    released(made, serving="2")
    assert kinds(made) == [("live", "2", "", "alice")]
    assert made.aws.functions.called("update_alias") == []


def test_a_second_deploy_of_the_live_version_adds_no_record(made):
    released(made)
    before = kinds(made)
    released(made, serving="2")
    assert kinds(made) == before


def test_the_next_run_records_a_move_that_was_cut_off_before_its_record(made):
    released(made, serving="2")
    assert kinds(made) == [FIRST, ("live", "2", "1", "alice")]


@pytest.mark.parametrize(("before", "kind"), [("1", "live"), ("7", "rollback")])
def test_a_missing_record_is_written_before_the_alias_moves_again(made, before, kind):
    """Otherwise two interrupted runs in a row would lose the first move."""
    made.aws.ecr.tags = {(NAME, f"live-20260101T000000.000000Z-v{before}-by-ann"): DIGEST}
    made.aws.functions.refuses["update_alias"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        released(made, serving="5")
    assert kinds(made) == sorted([("live", before, "", "ann"), (kind, "5", before, "unknown")])


def test_no_missing_record_is_written_when_somebody_else_moved_the_alias(made):
    made.aws.functions.revision = 2
    with pytest.raises(RefusedError, match="moved by somebody else"):
        released(made, serving="5")
    assert kinds(made) == [FIRST]


def test_a_refused_move_leaves_no_record(made):
    made.aws.functions.refuses["update_alias"] = refusal("ServiceException")
    with pytest.raises(CloudError):
        released(made)
    assert kinds(made) == [FIRST]


def rolled_back(fleet):
    return rollback.rollback(fleet.run, rollback.prepare(fleet.run))


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    LaneClock(tick=0.1).install(monkeypatch)
    return Fleet(tmp_path, 3)


def test_the_function_whose_url_fails_returns_and_the_error_names_what_became_of_each(fleet):
    fleet.meet("get_policy")  # so that all three have begun
    fleet.aws.broken = {"fn-2"}
    with pytest.raises(
        UnhealthyError, match=r"The URL of fn-2 does not serve version 1: it answered 502, not 200\."
    ) as caught:
        rolled_back(fleet)
    assert fleet.live() == ["1", "2", "1"]
    assert caught.value.why.splitlines() == [
        ASKED,
        "broken",
        "The alias live of fn-2 names version 2 again.",
        "image-1 version 1 is live.",
        "image-3 version 1 is live.",
    ]
    recorded = {name for name, tag in fleet.ecr.tags if tag.startswith("rollback-")}
    assert recorded == {fleet.repository(1), fleet.repository(3)}


def test_of_several_failures_each_is_in_the_one_error(fleet):
    fleet.meet("get_policy")
    fleet.aws.broken = {"fn-1", "fn-3"}
    opened, lane = fleet.aws.get, Future()

    def get(url, **given):
        if "fn-1." in url and not lane.done():
            lane.set_result(threading.current_thread())
        if "fn-3." in url:  # fails later
            lane.result(10).join(10)
        return opened(url, **given)

    fleet.aws.get = get
    with pytest.raises(UnhealthyError, match=r"The URL of fn-1 does not serve version 1: it answered 502") as caught:
        rolled_back(fleet)
    assert fleet.live() == ["2", "1", "2"]
    assert caught.value.why.splitlines()[-2:] == [
        "image-2 version 1 is live.",
        "image-3 version 1 failed, too: The URL of fn-3 does not serve version 1: it answered 502, not 200. "
        f"{ASKED} broken The alias live of fn-3 names version 2 again.",
    ]


def test_no_further_function_is_released_after_a_failure(fleet, monkeypatch):
    monkeypatch.setattr(parallel, "LANES", 1)
    fleet.aws.broken = {"fn-2"}
    with pytest.raises(UnhealthyError) as caught:
        rolled_back(fleet)
    assert fleet.live() == ["1", "2", "2"]
    assert caught.value.why.splitlines()[-2:] == [
        "image-1 version 1 is live.",
        "image-3 version 1 was not released: version 2 still serves.",
    ]


def test_no_alias_moves_if_one_of_the_versions_does_not_stream(fleet):
    fleet.functions[3].responses["1"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    with pytest.raises(UnhealthyError, match="fn-3"):
        rolled_back(fleet)
    assert fleet.live() == ["2", "2", "2"]


def test_no_alias_moves_if_one_of_the_images_gets_no_release_tag(fleet):
    fleet.ecr.repositories[fleet.repository(2)].clear()  # gone since it was chosen
    moves = tuple(
        AliasMove(function.read_version(fleet.aws, deployed, "1"), Alias("2", "revision-1"))
        for deployed in state.functions(fleet.run)
    )
    fleet.ecr.tags = {key: digest for key, digest in fleet.ecr.tags.items() if key[0] != fleet.repository(2)}
    with pytest.raises(BuildError, match="does not exist"):
        live.make_live(fleet.run, moves)
    assert fleet.live() == ["2", "2", "2"]


def test_a_canary_of_several_functions_returns_all_of_them_when_one_fails(fleet):
    def rest():
        yield healthy("1")
        yield [chunk(prelude(500)), {"InvokeComplete": {}}]

    answers = rest()
    fleet.functions[2].responses = Responses(answers)
    with pytest.raises(UnhealthyError, match="fn-2") as caught:
        rollback.rollback(fleet.run, rollback.prepare(fleet.run), (Step(0.1, 1),))
    assert fleet.live() == ["2", "2", "2"]
    assert [fake.weights for fake in fleet.functions.values()] == [{}, {}, {}]
    returned = [f"The alias live of fn-{number} names version 2 alone." for number in fleet.numbers]
    assert caught.value.why.splitlines()[-3:] == returned


def test_an_interrupt_of_a_canary_returns_all_functions_that_share_their_requests(fleet, monkeypatch):
    interrupts, wait = [KeyboardInterrupt()], parallel.wait

    def interrupted(lanes, **given):
        """A signal reaches the main thread where it waits for the lanes."""
        if interrupts and all(fake.weights for fake in fleet.functions.values()):
            raise interrupts.pop()
        return wait(lanes, **given)

    monkeypatch.setattr(parallel, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rollback.rollback(fleet.run, rollback.prepare(fleet.run), (Step(0.1, 1),))
    assert fleet.live() == ["2", "2", "2"]
    assert [fake.weights for fake in fleet.functions.values()] == [{}, {}, {}]
    assert fleet.world.out.getvalue().count("names version 2 alone.") == 3


class Responses(dict):
    """Each request gets the next response, whatever its version."""

    def __init__(self, responses):
        self._responses = responses
        super().__init__({"1": None})

    def __getitem__(self, version):
        return next(self._responses)


@pytest.mark.parametrize(
    ("contract", "answer", "opened"),
    [
        ({"http": "/health", "query": {"a": "b"}}, (200, b"ok"), ["health?a=b"]),
        ({"http": "/", "status": 403}, (403, b"Forbidden"), [""]),
        ({"http": "/", "expect": {"ok": True}}, (200, b'{"ok": true, "at": 1}'), [""]),
        ({"invoke": {}}, None, []),
        ({"none": "it deletes"}, None, []),
    ],
)
def test_the_url_is_opened_as_the_contract_says(made, contract, answer, opened):
    made.aws.configs[URI] = config(contract)
    made.aws.answers = [answer]
    (release,) = released(made)
    assert [url for url, _ in made.aws.opened] == [f"{VERSION.url}{target}" for target in opened]
    assert release.public


def test_a_url_that_answers_otherwise_than_the_contract_gives_the_requests_back(made, monkeypatch):
    Clock(tick=10).install(monkeypatch)
    made.aws.configs[URI] = config({"http": "/", "expect": {"ok": True}})
    made.aws.answers = [(200, b'{"ok": false}')] * 100
    with pytest.raises(UnhealthyError, match="its answer has not what is expected") as caught:
        released(made)
    assert 'Came: 200 {"ok": false}' in caught.value.why
    assert made.aws.functions.live == "1"


def test_a_function_without_a_url_is_released_without_one(made):
    made.aws.configs[URI] = config({"invoke": {}})
    without = replace(VERSION, url="")
    (release,) = live.make_live(made.run, (AliasMove(without, Alias("1", "revision-1")),))
    assert (release.url, release.public, made.aws.opened) == ("", False, [])
    assert {"get_function_url_config", "get_policy"} & {name for name, _ in made.aws.functions.calls} == set()
    assert "alias live: version 1 -> 2, no URL" in made.out.getvalue()


def test_a_version_without_a_url_is_verified_too(made):
    made.aws.configs[URI] = config({"invoke": {"n": 1}, "expect": {"n": 1}})
    made.aws.functions.results["2"] = (b'{"n": 1}', "")
    live.verify_version(made.run, replace(VERSION, url=""))
    assert 'version 2: the event {"n": 1} answered after' in made.out.getvalue()
