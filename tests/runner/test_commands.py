"""A process under GitHub Actions whose outputs are pipes, as the runner's are: nothing that it prints is a command."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import waiting
from support.workflow.commands import HOSTILE, taken

ROOT = Path(__file__).parents[2]
NEEDS = '{"check": {"result": "success", "outputs": {"tag": "::error::x\\r##[error]y"}}}'
TASKS = f"""
import sys, threading, time
from pathlib import Path
from delivery.cli.task import task
from delivery.errors import BuildError

HOSTILE = {HOSTILE!r}

def speak(stream):
    for text in HOSTILE:
        print(text, file=stream, flush=True)

@task()
def works(c):
    speak(sys.stdout); speak(sys.stderr)

@task()
def fails(c):
    speak(sys.stderr)
    raise BuildError(*HOSTILE[:3])

@task()
def breaks(c):
    raise ValueError("\\n".join(HOSTILE))

@task()
def waits(c):
    speak(sys.stdout)
    Path("ready").touch()
    time.sleep(60)

@task()
def answers(c, json=False):
    speak(sys.stderr)
    print("{{}}")

@task()
def abandons(c):
    def late():
        while True:
            speak(sys.stdout); speak(sys.stderr)
            time.sleep(0.001)  # Python itself aborts if its end meets a thread that holds the lock of an output
    threading.Thread(target=late, daemon=True).start()

@task()
def waits_on(c):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path


def start(project, *arguments, stdout=subprocess.PIPE):
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "GITHUB_ACTIONS": "true"}
    argv = [sys.executable, "-m", "invoke", *arguments]
    none, pipe = subprocess.DEVNULL, subprocess.PIPE
    return subprocess.Popen(argv, cwd=project, env=environ, stdin=none, stdout=stdout, stderr=pipe)


def ended(process):
    """The exit code and both outputs, each as it is: text mode would turn carriage returns into line ends."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize(("name", "code"), [("works", 0), ("fails", 5), ("breaks", 1)])
def test_the_runner_hears_one_output_and_takes_no_command_from_it(project, name, code):
    actual, out, err = ended(start(project, name))
    assert (actual, err) == (code, "")
    assert taken(out) == ["stop", "resume"]
    assert re.search(r"\n::[0-9a-f]{32}::\n\Z", out), out[-500:]


@pytest.mark.parametrize("name", ["abandons", "waits-on"])
def test_a_thread_that_a_task_left_behind_is_not_heard(project, name):
    """What it has begun to write comes even after the last line, so the stop stays, also while it writes nothing."""
    code, out, err = ended(start(project, name))
    assert (code, err) == (0, "")
    assert taken(out) == ["stop"]


def test_each_of_two_tasks_in_one_command_stops_and_resumes(project):
    code, out, err = ended(start(project, "works", "fails"))
    assert (code, err) == (5, "")
    assert taken(out) == ["stop", "resume"] * 2


def test_an_interrupted_task_resumes_too(project):
    process = start(project, "waits")
    waiting.until((project / "ready").exists, 30, "the task")
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, err) == (130, "")
    assert taken(out) == ["stop", "resume"]


def test_an_answer_in_json_stays_alone_on_stdout(project):
    code, out, err = ended(start(project, "answers", "--json"))
    assert (code, out) == (0, "{}\n")
    assert taken(err) == ["stop", "resume"]


def test_an_answer_in_a_file_stays_alone_in_the_file(project):
    with (project / "answer").open("w") as file:
        process = start(project, "answers", stdout=file)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, (project / "answer").read_text()) == (0, "{}\n")
    assert taken(err.decode()) == ["stop", "resume"]


def pythons():
    """The Pythons of this machine that GitHub's runners and developers have; a name may have no program behind it."""
    for python in (sys.executable, *map(shutil.which, ("python3", "python3.11", "python3.12", "python3.13"))):
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            yield python


@pytest.mark.parametrize("python", dict.fromkeys(pythons()))
def test_the_summary_of_all_jobs_needs_nothing_but_python(python):
    """`-S` and `-I`: no site-packages, no variables of Python; so an import of another package fails."""
    run = "runpy.run_module('delivery.cli.jobs', run_name='__main__')"
    argv = [python, "-S", "-I", "-c", f"import sys, runpy; sys.path.insert(0, 'src'); {run}"]
    variables = {"PATH": os.environ["PATH"], "NEEDS": NEEDS, "GITHUB_ACTIONS": "true"}
    done = subprocess.run(argv, cwd=ROOT, env=variables, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| ✓ | check | success |" in done.stdout.decode()
    assert taken(done.stdout.decode()) == ["stop", "resume"]
