"""The tables of the report, the machine that measured, and the part of docs/performance.md that a run writes."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import samples
from bench.goals import Line
from bench.samples import Measured, Results

BEGIN, END = "<!-- written by `nox -s bench` -->", "<!-- end of what `nox -s bench` writes -->"


def ratios(lines: Sequence[Line]) -> str:
    """The Markdown table of the ratios with their goals."""
    rows = []
    for line in lines:
        goal = "" if line.goal is None else f"≤ {line.text(line.goal)}"
        measured = f"**{line.text(line.measured.median)}**" + ("" if line.met else " (missed)")
        rows.append((line.title, goal, measured, f"{line.text(line.measured.low)} to {line.text(line.measured.high)}"))
    return _table(("", "goal", "measured", "range"), rows)


def seconds(results: Results, titles: Mapping[str, str]) -> str:
    """The Markdown table of the seconds. `titles`: scenario to title."""
    rows = []
    for scenario, sides in results.items():
        for side, runs in sides.items():
            wall, cpu = samples.of([run.wall for run in runs]), samples.of([run.cpu for run in runs])
            title = titles[scenario] if side == next(iter(sides)) else ""
            rows.append((title, side, f"{wall.median:.2f}", _range(wall), f"{cpu.median:.2f}"))
    return _table(("", "", "wall s", "range", "CPU s"), rows)


def documented(text: str, part: str) -> str:
    """The text of docs/performance.md with another part between its markers. Raises ValueError without markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"docs/performance.md lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{part.strip()}\n\n{END}{after}"


def part(machine: Mapping[str, str], lines: Sequence[Line], table: str, repeat: int) -> str:
    """What a run writes into docs/performance.md."""
    facts = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    return (
        f"Medians of {repeat} rounds in one run. The range is the smallest and the largest ratio of a round.\n\n"
        f"{ratios(lines)}\n\n"
        f"Seconds, as this machine measured them; another one measures others:\n\n{table}\n\n{facts}"
    )


def machine() -> dict[str, str]:
    """The machine and the versions of its tools."""
    return {
        "CPU": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB",
        "system": f"{_system()}, kernel {platform.release()}",
        "Python": platform.python_version(),
    }


def tools(environ: Mapping[str, str]) -> dict[str, str]:
    """The versions of the tools that both sides use. `environ`: that of the tools."""
    commands = {
        "Terraform": ("terraform", "-version"),
        "Docker engine": ("docker", "version", "--format", "{{.Server.Version}}"),
        "buildx": ("docker", "buildx", "version"),
        "AWS CLI": ("aws", "--version"),
    }
    return {name: version(_output(argv, environ)) for name, argv in commands.items()}


def version(text: str) -> str:
    """The first version number of a text, such as 1.11.4; the text itself without one."""
    match = re.search(r"\d+\.\d+(\.\d+)?", text)
    return match[0] if match else text.strip()


def processor(text: str) -> str:
    """The model of the CPU in the text of /proc/cpuinfo; "" if it has none, as on ARM."""
    match = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    return (processor(file.read_text()) if file.exists() else "") or platform.processor() or platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _output(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    program = shutil.which(argv[0], path=environ["PATH"]) or argv[0]
    found = subprocess.run(
        [program, *argv[1:]], env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return found.stdout or found.stderr


def _range(values: Measured) -> str:
    return f"{values.low:.2f} to {values.high:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ["---", *("---:" if name else "---" for name in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))
