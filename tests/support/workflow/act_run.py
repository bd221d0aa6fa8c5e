"""The result of one run of the workflow, read from the output of act."""

import json
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Run:
    """One run of the workflow.

    `code` is the exit code of act. The dictionaries have the IDs of the jobs as keys: `results` holds success,
    failure or skipped; `logs` the text that the job printed, summaries included; `summaries` one Markdown text per
    task; `outputs` the outputs of the steps that have a value; `seconds` the duration.
    """

    code: int
    results: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    summaries: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All results and logs, for a failing assertion."""
        return "\n".join(f"== {job}: {self.results.get(job)}\n{text}" for job, text in self.logs.items())

    @property
    def started(self) -> dict[str, str]:
        """The results of the jobs that were not skipped."""
        return {job: result for job, result in self.results.items() if result != "skipped"}

    def exit_codes(self, job: str) -> set[int]:
        """The exit codes of the steps of a job that failed."""
        return {int(code) for code in re.findall(r"^exit status (\d+)$", self.logs[job], re.MULTILINE)}

    def table(self) -> str:
        """The jobs with their results and seconds, in the order in which they ended."""
        return "\n".join(f"{job:<26}{result:<10}{self.seconds[job]:6.1f} s" for job, result in self.results.items())


def parse(result: subprocess.CompletedProcess[str]) -> Run:
    """Read the output of act: one JSON object a line. A line that is no JSON belongs to no job."""
    run = Run(result.returncode)
    began: dict[str, datetime] = {}
    for line in f"{result.stdout}{result.stderr}".splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {"msg": line}
        job = entry.get("jobID", "")
        run.logs[job] += entry.get("msg", "").rstrip("\n") + "\n"
        # After an action, act repeats the summary of the action's last step. It also lists outputs without a value.
        if entry.get("command") == "summary" and entry["content"] not in run.summaries[job][-1:]:
            run.summaries[job].append(entry["content"])
        if entry.get("command") == "set-output" and entry["arg"]:
            run.outputs[job][entry["name"]] = entry["arg"]
        if "time" in entry:
            now = datetime.fromisoformat(entry["time"])
            run.seconds[job] = (now - began.setdefault(job, now)).total_seconds()
        if entry.get("jobResult"):
            run.results[job] = entry["jobResult"]
    return run
