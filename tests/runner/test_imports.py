"""A task imports what it uses: `invoke --list` and `--help` start at once, and show everything that a task can do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLOW = {
    "boto3",
    "botocore",
    "docker",
    "packaging",
    "psutil",
    "pydantic",
    "requests",
    "rich",
    "sandbox",
    "urllib3",
    "apprise",
}


def imported(*typed, **variables):
    """The packages that `invoke` imports, and what it prints."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **variables}
    argv = [sys.executable, "-X", "importtime", "-m", "invoke", *typed]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert "delivery.cli.task" in names
    return {name.partition(".")[0] for name in names} | set(names), done.stdout


@pytest.mark.parametrize("typed", [("--list",), ("--help", "deploy")])
def test_a_list_of_tasks_and_the_help_of_a_task_import_no_library_of_the_tasks(typed):
    names, _ = imported(*typed)
    assert not names & SLOW
    assert not [name for name in names if name.startswith("delivery.commands.")]


def test_the_list_has_each_task_with_its_sentence_and_the_help_each_option():
    _, listed = imported("--list")
    for name in re.findall(r"^def ([a-z]\w+)\(c: Context", (ROOT / "tasks.py").read_text(), re.MULTILINE):
        assert re.search(rf"^  {name.replace('_', '-')} +[A-Z]", listed, re.MULTILINE), name
    _, shown = imported("--help", "deploy")
    assert {"--canary", "--destroy", "--env", "--lock-wait", "--yes"} <= set(shown.replace("=", " ").split())
    assert "Build, push, plan, apply, verify" in shown


@pytest.mark.parametrize("forbids", [False, True])
def test_a_task_keeps_the_compiled_modules_for_the_next_one_unless_a_person_forbids_it(tmp_path, forbids):
    imported("--list", PYTHONPYCACHEPREFIX=str(tmp_path), **({"PYTHONDONTWRITEBYTECODE": "1"} if forbids else {}))
    kept = {path.name.partition(".")[0] for path in tmp_path.rglob("delivery/cli/*.pyc")}
    assert ("task" in kept) == (not forbids)


def test_the_summary_of_all_jobs_imports_no_aws(monkeypatch):
    monkeypatch.setenv("NEEDS", '{"check": {"result": "success"}}')
    names, _ = imported("job-summary")
    assert not names & {"boto3", "pydantic", "sandbox"}
