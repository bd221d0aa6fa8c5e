"""Tasks that look and change nothing."""

import os
import sys
from collections.abc import Sequence

from invoke.context import Context

from delivery import console, function, sse, state, summary
from delivery import diff as difference
from delivery import doctor as check_up
from delivery import releases as history
from delivery import status as overview
from delivery.console import ENV, say, task
from delivery.shell import Shell
from tasks.common import JSON, ROOT, bench


@task(help={"env": f"{ENV['env']}; without it, only the tools are looked at"})
def doctor(c: Context, env: str | None = None) -> None:
    """Look at the tools, the credentials and what a deploy needs, and say how to mend what is missing."""
    if env is None:
        check_up.tell(check_up.look(check_up.of_tools(Shell(os.environ))), say)
        return
    with bench(c, env) as b:
        check_up.tell(check_up.look(check_up.of_environment(b)), say)


@task(help=ENV)
def diff(c: Context, env: str | None = None) -> None:
    """Say what a deploy would change: commits, layers of the image, infrastructure; pushes and applies nothing."""
    with bench(c, env) as b:
        difference.find(b)


@task(help=ENV | JSON)
def releases(c: Context, env: str | None = None, json: bool = False) -> None:
    """List the versions: when, commit, image, verified, live, who made them live, and what was rolled back."""
    with bench(c, env, quiet=json) as b:
        found = {target.image: history.history(b.aws, target) for target in state.current(b)}
    if json:
        say(history.document(found))
        return
    for entries in found.values():
        for line in history.table(entries):
            say(line)


@task(
    help={
        "env": "an environment to look at, once for each; without it, all but those that would have to be started",
        **JSON,
    },
    iterable=["env"],
)
def status(c: Context, env: Sequence[str] | None = None, json: bool = False) -> None:
    """Show environments side by side: what is live, since when, by whom, what drifted; whether it is the same bytes."""
    names = console.chosen(c, env or ())
    with console.opening(ROOT, c, *names, quiet=json) as (shell, opened):
        places = overview.look(names, shell, opened)
    if json:
        say(overview.document(places))
        return
    for line in overview.table(places):
        say(line)


@task(help={**ENV, "events": "how many events to print before it ends"})
def stream(c: Context, env: str | None = None, events: str = "10") -> None:
    """Print the live stream's events as they come."""
    with bench(c, env) as b:
        target = state.current(b)[0]
    query = {"events": events, "interval": "1"}
    for event in sse.events(function.stream(b.aws, target, target.alias, query, silence=60)):
        say(f"{event.name:<10} {event.data}")
        sys.stdout.flush()


@task()
def job_summary(c: Context) -> None:
    """Say how the jobs of a workflow ended: NEEDS is GitHub's `toJSON(needs)`."""
    del c
    page = summary.jobs(os.environ.get("NEEDS", ""))
    summary.publish(os.environ, page, {})
    say(page)
