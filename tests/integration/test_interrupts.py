"""Ctrl-C, a closed terminal, a polite kill: exit code 130, no process, no lock, and the next deploy needs no help."""

import signal
from pathlib import Path

import pytest
from support.waiting import until

SOURCE = "src/lambdas/sse_streaming/app.py"
DOCKERFILE = "src/lambdas/sse_streaming/Dockerfile"
TOOLS = ("terraform", "docker", "docker-buildx")


@pytest.fixture
def changed(deployed):
    """A deployed clone with a change that gives every stage something to do, and whose version answers in 2 seconds.

    So a stage that has ended is noticed before the next one ends.
    """
    checkout, _ = deployed
    changes = {SOURCE: ("\n", "\n# changed\n"), "docker-bake.hcl": ('interval = "0.1"', 'interval = "1"')}
    before = {checkout.root / name: (checkout.root / name).read_text() for name in changes}
    for path, (old, new) in zip(before, changes.values(), strict=True):
        assert old in before[path]
        path.write_text(before[path].replace(old, new, 1))
    yield checkout
    for path, text in before.items():
        path.write_text(text)


def commands():
    """Every process's argv."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield entry.read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue


def left_behind(checkout):
    """Tools that still run for this clone."""
    root = str(checkout.root)
    return [
        argv
        for argv in commands()
        if argv and (Path(argv[0]).name in TOOLS or "terraform-provider" in argv[0]) and root in " ".join(argv)
    ]


def interrupted(child, marker, number):
    """Read until `marker` is printed, send that signal, and return the exit code and everything printed."""
    text = ""
    while marker not in text:
        line = child.stdout.readline()
        assert line, f"ended before {marker!r}:\n{text}"
        text += line
    child.send_signal(number)
    rest, _ = child.communicate(timeout=150)
    return child.returncode, text + rest


# The moments in between, and Ctrl-C: tests/chaos/test_cancels.py
LEFT = (
    ("✓ push", signal.SIGHUP, "the image is in the registry; no function runs it"),
    ("✓ apply", signal.SIGTERM, "apply is complete; the alias was not moved"),
)


@pytest.mark.parametrize(("marker", "number", "left"), LEFT)
def test_an_interrupt_leaves_no_process_no_lock_and_the_alias_where_it_was_and_says_so(changed, marker, number, left):
    live = changed.live()
    code, text = interrupted(changed.start("deploy", "--env", "sandbox"), marker, number)
    assert code == 130, text
    (line,) = [line for line in text.splitlines() if line.startswith("Interrupted")]
    assert left in line
    assert line.endswith("run `invoke deploy --env sandbox` again.")
    assert "Traceback" not in text
    assert left_behind(changed) == []
    assert not changed.locked()
    assert changed.live() == live
    assert list((changed.root / ".deploy").rglob("*.tfplan")) == []
    assert list((changed.root / ".deploy").rglob("config.json")) == []


def test_an_interrupt_ends_the_build_step_that_is_running(changed):
    path = changed.root / DOCKERFILE
    before = path.read_text()
    path.write_text(before.replace("USER ", "RUN sleep 271\nUSER ", 1))
    try:
        child = changed.start("push-image", "--env", "sandbox")
        until(lambda: ["sleep", "271"] in commands(), 60, "the build step")
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGINT)  # the second is swallowed: docker is asked once
        text, _ = child.communicate(timeout=60)
        assert child.returncode == 130, text
        until(lambda: ["sleep", "271"] not in commands(), 20, "the end of the build step")
    finally:
        path.write_text(before)
    assert left_behind(changed) == []


def test_after_the_interrupts_a_deploy_converges_with_nothing_special_to_do(changed):
    again = changed.invoke("deploy", "--env", "sandbox")
    assert again.code == 0, again.text
    assert changed.live() == changed.versions()[-1]
