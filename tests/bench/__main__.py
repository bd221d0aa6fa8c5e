"""`nox -s bench -- [--repeat 5] [--only NAME ...] [--list]`: measure, print the table, write the results.

Exits with 0 also when a goal is missed, because it measures; with 1 when a command failed that was measured or
prepared a measurement. A run of every scenario writes its table and its picture into docs/performance.md.
"""

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from support.deploys.checkout import PROJECT, Checkout

from bench import chart, function, goals, many, measure, relay, report, scenarios
from bench.measure import CommandFailedError
from bench.place import FOLDER, Place
from bench.samples import Results, Sample, of
from bench.scenarios import NotMeasuredError, Scenario

DOCUMENT = PROJECT / "docs" / "performance.md"


SCENARIOS = (
    Scenario("start", "`invoke --list`", scenarios.start),
    Scenario("first", "first deploy", scenarios.first_deploy),
    Scenario("code", "code change", scenarios.code_change),
    Scenario("no-op", "no-op", scenarios.no_op),
    Scenario("infrastructure", "infrastructure change", scenarios.infrastructure_change),
    Scenario("dependencies", "dependency change", scenarios.dependency_change),
    Scenario("rollback", "rollback", scenarios.rollback),
    Scenario("cache", "empty builder", scenarios.build_cache),
    Scenario("two", "preprod + prod of one commit", scenarios.two_environments),
    Scenario("many-no-op", "several functions: no-op", many.no_op),
    Scenario("many-change", "several functions: one changed", many.change),
    Scenario("many-rollback", "several functions: rollback", many.rollback),
    Scenario("function-start", "start of the function", function.start),
    Scenario("function-events", f"{function.EVENTS:,} events", function.events),
    Scenario("memory", "code change, with its peak memory", scenarios.memory),
)


def main(arguments: Sequence[str]) -> int:
    """Run the chosen scenarios; return the exit code."""
    options = _options(arguments)
    chosen = [scenario for scenario in SCENARIOS if scenario.name in (options.only or [scenario.name])]
    results: dict[str, dict[str, list[Sample]]] = {}
    failed = []
    with _place() as place:
        facts = {**report.machine(), **report.tools(place.tools_environ())}
        for scenario in chosen:
            try:
                results[scenario.name] = _measured(scenario, place, options.repeat)
            except NotMeasuredError as error:
                print(f"{scenario.name}: not measured: {error}", flush=True)
            except (CommandFailedError, subprocess.CalledProcessError) as error:
                failed.append(scenario.name)
                print(f"{scenario.name}: {error}", flush=True)
            _write(results, facts)
    part = _part(results, facts, options.repeat)
    print(f"\n{part}\n\nwritten: the files in {FOLDER}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    elif chosen == list(SCENARIOS):
        DOCUMENT.write_text(report.documented(DOCUMENT.read_text(), part))
        shutil.copyfile(FOLDER / "chart.svg", DOCUMENT.with_suffix(".svg"))  # the picture on that page
        print(f"written: {DOCUMENT}")
    return int(bool(failed))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--repeat", type=_positive, default=5, help="rounds of each scenario (default: 5)")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, help="a scenario; repeat it for each")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    """A clone with a sandbox; both are gone afterwards. The logs of the last run stay in the folder of the bench."""
    logs = FOLDER / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        (Path(folder) / "clone").mkdir()
        clone = Checkout.make(Path(folder) / "clone")
        try:
            place = Place(clone, clone.settings, Path(folder), logs)
            with relay.delaying(place.endpoint, many.DELAY) as place.relay:
                yield place
        finally:
            clone.stop()


def _measured(scenario: Scenario, place: Place, repeat: int) -> dict[str, list[Sample]]:
    began = time.monotonic()
    print(f"{scenario.name}: setting up", flush=True)
    place.reset()
    sides = scenario.sides(place)
    samples: dict[str, list[Sample]] = {side.name: [] for side in sides}
    for number, side in scenarios.in_turn(sides, repeat):
        side.prepare(number)
        log = place.logs / f"{scenario.name}.log"
        sample = side.sample() if side.sample else measure.run(side.commands(), log, memory=side.memory)
        side.check()
        samples[side.name].append(sample)
        print(f"{scenario.name}: round {number + 1}, {side.name}: {sample.wall:.2f} s", flush=True)
    print(f"{scenario.name}: took {time.monotonic() - began:.0f} s", flush=True)
    return samples


def _part(results: Results, facts: Mapping[str, str], repeat: int) -> str:
    table = report.seconds(results, {scenario.name: scenario.title for scenario in SCENARIOS})
    return report.part(facts, goals.lines(results), table, repeat)


def _sides(results: Results) -> list[chart.Side]:
    titles = {scenario.name: scenario.title for scenario in SCENARIOS}
    return [
        chart.Side(
            titles[scenario] if number == 0 else "",
            name,
            of([run.wall for run in runs]).median,
            name not in (*scenarios.THEIRS, *function.THEIRS),
        )
        for scenario, sides in results.items()
        for number, (name, runs) in enumerate(sides.items())
    ]


def _write(results: Results, facts: Mapping[str, str]) -> None:
    """Write what was measured until now: a later failure loses nothing."""
    lines = goals.lines(results)
    document = {
        "machine": dict(facts),
        "ratios": [
            {"title": line.title, "unit": line.unit, "goal": line.goal, **asdict(line.measured)} for line in lines
        ],
        "samples": {
            scenario: {side: [asdict(run) for run in runs] for side, runs in sides.items()}
            for scenario, sides in results.items()
        },
    }
    (FOLDER / "results.json").write_text(json.dumps(document, indent=2) + "\n")
    (FOLDER / "chart.svg").write_text(chart.svg(lines, _sides(results)))


if __name__ == "__main__":
    for ending in (signal.SIGINT, signal.SIGTERM):  # nox sends the second; both stop the sandbox
        signal.signal(ending, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
