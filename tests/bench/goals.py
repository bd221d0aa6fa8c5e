"""The ratios of the report, each with its goal."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.function import FASTAPI, SOCKET, STARLETTE
from bench.many import COUNTS, side_name
from bench.samples import Measured, Results, cpu, of, ratio, wall
from bench.scenarios import IMPORT, OURS, PLAN, RAW, REPLACED

_ONE, _MOST = COUNTS[0], COUNTS[-1]


@dataclass(frozen=True)
class Row:
    """One line of the report. `goal`: at most this; None without a goal. `unit`: `%`, `MB`, or "" for a ratio."""

    title: str
    goal: float | None
    measure: Callable[[Results], Measured]
    unit: str = ""


@dataclass(frozen=True)
class Line:
    """A row with what was measured."""

    title: str
    goal: float | None
    measured: Measured
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the median reaches the goal; also without a goal."""
        return self.goal is None or self.measured.median <= self.goal

    def text(self, value: float) -> str:
        """A value with its unit, as people read it."""
        if self.unit == "%":
            return f"{value:.1f} %"
        return f"{value:.0f} {self.unit}" if self.unit else f"{value:.2f}"


def lines(results: Results) -> list[Line]:
    """The rows whose scenarios were measured."""
    return [Line(row.title, row.goal, row.measure(results), row.unit) for row in ROWS if _was_measured(row, results)]


def _was_measured(row: Row, results: Results) -> bool:
    try:
        row.measure(results)
    except KeyError:
        return False
    return True


def _ratio(scenario: str, first: str, second: str) -> Callable[[Results], Measured]:
    return lambda results: ratio(wall(results, scenario, first), wall(results, scenario, second))


def _cpu(scenario: str, other: str) -> Callable[[Results], Measured]:
    return lambda results: ratio(cpu(results, scenario, OURS), cpu(results, scenario, other))


def _functions(scenario: str, *, delayed: bool) -> Callable[[Results], Measured]:
    """The most functions against one."""
    return _ratio(scenario, side_name(_MOST, delayed=delayed), side_name(_ONE, delayed=delayed))


def _each_further(results: Results) -> Measured:
    """Percent of the no-op of one function that each further function adds."""
    ratios = _functions("many-no-op", delayed=False)(results)
    percent = [(value - 1) / (_MOST - _ONE) * 100 for value in (ratios.median, ratios.low, ratios.high)]
    return Measured(*percent)


def _peak(side: str) -> Callable[[Results], Measured]:
    return lambda results: of([sample.peak for sample in results["memory"][side]])


def _growth(results: Results) -> Measured:
    large, small = ([sample.peak for sample in results["memory"][side]] for side in ("300 MB more", "image as it is"))
    return ratio(large, small)


ROWS = (
    Row("code change / raw tools", 0.35, _ratio("code", OURS, RAW)),
    Row("code change / replaced pipeline", 0.25, _ratio("code", OURS, REPLACED)),
    Row("no-op, clean tree / one raw `terraform plan`", 1.3, _ratio("no-op", "ours, clean tree", PLAN)),
    Row("no-op, dirty tree / one raw `terraform plan`", 1.3, _ratio("no-op", "ours, dirty tree", PLAN)),
    Row("infrastructure change / raw tools", 1.0, _ratio("infrastructure", OURS, RAW)),
    Row(
        "infrastructure change / raw tools without a build", None, _ratio("infrastructure", OURS, "raw tools, no build")
    ),
    Row("dependency change / raw tools", None, _ratio("dependencies", OURS, RAW)),
    Row("dependency change / replaced pipeline", None, _ratio("dependencies", OURS, REPLACED)),
    Row("first deploy / raw tools", None, _ratio("first", OURS, RAW)),
    Row("preprod + prod of one commit / building twice with raw tools", 0.35, _ratio("two", OURS, RAW)),
    Row("empty builder, registry cache only / no cache", 0.30, _ratio("cache", "registry cache", "no cache")),
    Row("rollback / redeploy of the old commit by raw tools", 0.10, _ratio("rollback", OURS, RAW)),
    Row("each further unchanged function in a no-op", 3.0, _each_further, "%"),
    Row("15 functions, one changed / 1 function", None, _functions("many-change", delayed=False)),
    Row("15 functions, one changed / 1 function, 150 ms an API call", 1.5, _functions("many-change", delayed=True)),
    Row("no-op of 15 functions / 1 function, 150 ms an API call", None, _functions("many-no-op", delayed=True)),
    Row("rollback of 15 functions / 1 function", None, _functions("many-rollback", delayed=False)),
    Row("rollback of 15 functions / 1 function, 150 ms an API call", 1.5, _functions("many-rollback", delayed=True)),
    Row('`invoke --list` / `python -c "import invoke"`', 2.0, _ratio("start", "invoke --list", IMPORT)),
    Row("start of the function / FastAPI with uvicorn, CPU", 0.25, _cpu("function-start", FASTAPI)),
    Row("start of the function / Starlette with uvicorn, CPU", 0.65, _cpu("function-start", STARLETTE)),
    Row("an event of the function / of a raw socket, CPU", 3.0, _cpu("function-events", SOCKET)),
    Row("peak memory of a deploy, our process", 120.0, _peak("image as it is"), "MB"),
    Row("the same, image with 300 MB more", 120.0, _peak("300 MB more"), "MB"),
    Row("peak memory, image with 300 MB more / image as it is", 1.1, _growth),
)
"""Goals are ratios of one run, so that they hold on any machine. The goals are those of the issues."""
