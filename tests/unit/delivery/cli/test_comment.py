"""The comment on a pull request: what changes in each environment, in Markdown that no name can break."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.build import DIGEST
from support.workflow.github_api import REPOSITORY, TOKEN
from support.world import COMMIT, ENVIRONMENT, PUSHED

from delivery.cli import comment
from delivery.commands.comment import Preview
from delivery.commands.diff import Change, Difference, Live
from delivery.errors import BuildError, CloudError
from delivery.pull_request import LONGEST, MARKER, PullRequest
from delivery.reference import PushedImage
from delivery.terraform.plan import Plan, Stack

OLD = "sha256:" + "a" * 64
LAYERS = {"sha256:1": 1_000_000, "sha256:2": 2_500_000}
LIVE = Live("7", COMMIT, PushedImage(PUSHED.name, PUSHED.repository, OLD))
PULL = PullRequest("https://api", REPOSITORY, 7, "f" * 40, "https://github.test/log", TOKEN)


def plan(creates=(), updates=(), deletes=()):
    stack = Stack("service", Path("service"), Path("data"), replace(ENVIRONMENT, name="preprod"))
    empty = not (creates or updates or deletes)
    return Plan(stack, Path("plan"), tuple(creates), tuple(updates), tuple(deletes), empty=empty)


def change(live=LIVE, commits=("1 a", "2 b"), image=PUSHED):
    return Change(image, live, LAYERS, {"sha256:1": 1_000_000} if live else {}, commits)


def text(*previews, pull=PULL):
    return comment.text(previews, pull)


def preview(*changes, saved=None, name="preprod"):
    return Preview(name, Difference(changes or (change(),), saved or plan()))


def test_the_comment_shows_images_and_infrastructure_of_each_environment():
    saved = plan(
        creates=("module.orders.a.this",), updates=("module.x.b.this (memory_size, timeout)",), deletes=("c.d",)
    )
    shown = text(preview(saved=saved), Preview("prod", None, CloudError("It is gone.", "SECRET", "invoke bootstrap")))
    assert shown == (
        f"{MARKER}\n"
        "### What a merge would change\n"
        "\n"
        "#### preprod: 1 new image; infrastructure: 1 to create, 1 to update, 1 to delete\n"
        "\n"
        "| function | live | image | Lambda fetches |\n"
        "| --- | --- | --- | --- |\n"
        f"| `sse-streaming` | version `7`, commit `{COMMIT[:12]}`, 2 commits behind "
        f"| `{OLD[:19]}` → `{DIGEST[:19]}` | 1 of 2 layers, 2.5 MB |\n"
        "\n"
        "```diff\n"
        "- delete c.d\n"
        "+ create module.orders.a.this\n"
        "~ update module.x.b.this (memory_size, timeout)\n"
        "```\n"
        "\n"
        "#### prod: not known\n"
        "\n"
        "```text\n"
        "It is gone.\n"
        "try: invoke bootstrap\n"
        "```\n"
        "\n"
        "The log of this job has the whole message.\n"
        "\n"
        f"Commit `{'f' * 12}`, merged; [log](https://github.test/log). "
        "The infrastructure is compared with the state of the last deploy, so drift is not shown.\n"
    )


def test_the_comment_of_a_job_has_the_page_of_its_run_and_goes_through_the_proxy(tmp_path, monkeypatch):
    event = {"number": 7, "pull_request": {"number": 7, "head": {"sha": "f" * 40, "repo": {"full_name": REPOSITORY}}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    job = {"EVENT_PATH": str(tmp_path / "event.json"), "REPOSITORY": REPOSITORY, "RUN_ID": "99", "TOKEN": TOKEN}
    for name, value in {**job, "SERVER_URL": "https://github.test"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    pull = comment.of_job()
    assert f"[log](https://github.test/{REPOSITORY}/actions/runs/99)" in text(preview(), pull=pull)
    assert pull.connections.proxies["https"] == "http://proxy.test:3128"


def test_an_environment_where_nothing_would_change_says_so():
    same = change(Live("7", COMMIT, PUSHED), ())
    shown = text(preview(same))
    assert "#### preprod: nothing would change\n" in shown
    assert f"| version `7`, commit `{COMMIT[:12]}` | the same | nothing |" in shown
    assert "```" not in shown


def test_a_function_that_gets_only_a_new_image_is_no_change_of_the_infrastructure():
    image, both = "module.x.f.this (image_uri)", "module.y.f.this (image_uri, memory_size)"
    assert "#### preprod: 1 new image; no other change\n" in text(preview(saved=plan(updates=(image,))))
    shown = text(preview(saved=plan(updates=(image, both))))
    assert "#### preprod: 1 new image; infrastructure: 0 to create, 1 to update, 0 to delete\n" in shown
    assert f"```diff\n~ update {both}\n```" in shown


def test_an_image_that_only_the_state_has_is_still_shown():
    """After a rollback, the alias serves another image than the state has."""
    same = change(Live("7", COMMIT, PUSHED), ())
    assert "~ update f.this (image_uri)\n" in text(preview(same, saved=plan(updates=("f.this (image_uri)",))))


@pytest.mark.parametrize(("count", "size"), [(2_500_000, "2.5 MB"), (100_000, "0.1 MB"), (1_234, "1.2 kB")])
def test_a_small_layer_has_its_size_too(count, size):
    small = replace(change(), layers={"sha256:1": 1_000_000, "sha256:3": count})
    assert f"| 1 of 2 layers, {size} |" in text(preview(small))


def test_before_the_first_deploy_every_layer_is_fetched():
    shown = text(preview(change(None, None)))
    assert f"| `sse-streaming` | nothing | `{DIGEST[:19]}` | all 2 layers, 3.5 MB |" in shown
    assert "1 new image; no other change" in shown


def test_a_dry_run_names_no_commit_and_no_log():
    shown = text(preview(), pull=None)
    assert "Commit" not in shown
    assert "[log]" not in shown


def test_an_error_is_its_first_line_because_the_rest_may_quote_a_build_or_a_value():
    error = BuildError("The image cannot be built.", "password=hunter2\nRUN pip install", "correct the Dockerfile")
    shown = text(Preview("preprod", None, error))
    assert "```text\nThe image cannot be built.\ntry: correct the Dockerfile\n```" in shown
    assert "hunter2" not in shown
    assert "preprod:   password=hunter2" in comment.error_lines([preview(), Preview("preprod", None, error)])


@pytest.mark.parametrize(
    "hostile",
    [
        "x`y",
        "``` \n# Heading",
        "<img src=x onerror=alert(1)>",
        "@octocat and #1 and https://evil.test",
        "[link](https://evil.test)",
        "<!-- invoke comment -->",
        "\u202eright to left",
        "a\r\n\r\n## b",
        "| a | b |",
        "x" * 5000,
    ],
)
def test_no_name_breaks_the_markdown(hostile):
    saved = plan(creates=(f'a.b["{hostile}"]',))
    shown = text(preview(saved=saved), Preview("prod", None, CloudError(hostile, "", hostile)))
    outside = re.sub(r"```(diff|text)\n.*?\n```", "", shown.removeprefix(MARKER), flags=re.DOTALL)
    outside = re.sub(r"`[^`\n]*`", "", outside)
    for part in ("<", "@", "#1", "evil", "Heading", "right", "## b", "a | b", "xxx", "`"):
        assert part not in outside, outside
    assert "\u202e" not in shown
    assert [line for line in shown.splitlines() if line.startswith("```")] == ["```diff", "```", "```text", "```"]
    assert max(map(len, shown.splitlines())) < 600


@pytest.mark.parametrize("environments", [1, 2, 30])
def test_a_long_comment_is_cut_and_says_what_was_cut(environments):
    many = tuple(f'module.m.a["{number:04}-é{"x" * 100}"]' for number in range(900))
    images = [change(image=PushedImage(f"function-{number}", "r", DIGEST)) for number in range(400)]
    previews = [preview(*images, saved=plan(many, deletes=("z.last",)), name=f"e{n}") for n in range(environments)]
    shown = text(*previews)
    assert len(shown.encode()) <= LONGEST
    assert len(shown.encode()) > LONGEST * 0.8
    for each in previews:
        assert (
            f"#### {each.environment}: 400 new images; infrastructure: 900 to create, 0 to update, 1 to delete" in shown
        )
        assert f"`./dev invoke diff --env {each.environment}` shows all." in shown
    hidden = re.findall(r"(\d+) changes of the infrastructure more do not fit into a comment", shown)
    assert len(hidden) == environments
    if environments == 1:
        assert int(hidden[0]) + len(re.findall("^[+-] ", shown, re.MULTILINE)) == 901


def test_a_deletion_is_the_last_change_that_is_cut():
    many = tuple(f"a.b{number}" + "x" * 300 for number in range(900))
    assert "- delete z.last" in text(preview(saved=plan(many, deletes=("z.last",))))
