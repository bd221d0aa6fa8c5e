"""The summary of a task on GitHub: a page for people, digest and tag for later jobs."""

import io
import json
import re

import pytest
from invoke.config import Config
from invoke.context import Context
from rich.console import Console
from support.build import DIGEST
from support.clock import Clock
from support.workflow.commands import HOSTILE

from delivery import errors
from delivery.cli import session, summary
from delivery.cli.summary import Block, Page
from delivery.progress import Progress


@pytest.fixture
def progress(monkeypatch):
    """A deploy that took 3 s, 2 of them for the second stage."""
    clock = Clock().install(monkeypatch)
    shown = Progress(Console(file=io.StringIO(), width=100))
    for name, result, seconds in (("push", "a | b (9 steps, 3 cached; 31.3 MB)", 1.0), ("plan", "<x>", 2.0)):
        with shown.stage(name, interrupted="-") as stage:
            stage.done(result)
            clock.time += seconds
    return shown


def test_a_page_has_the_command_the_stages_and_their_times(progress):
    page = summary.page(Page(["deploy", "--env", "preprod"], progress.stages))
    assert page.startswith("### ✓ `invoke deploy --env preprod`\n")
    assert "| ✓ | push | a \\| b (9 steps, 3 cached; 31.3 MB) | 1.0 s |" in page
    assert "| ✓ | plan | &lt;x&gt; | 2.0 s |" in page
    assert "```mermaid\ngantt\n" in page
    assert "  push :done, 0, 1000\n  plan :done, 1000, 3000\n```" in page


def test_the_table_of_a_page_ends_with_the_time_between_the_stages_and_the_total(monkeypatch):
    clock = Clock().install(monkeypatch)
    shown = Progress(Console(file=io.StringIO(), width=100))
    with shown.stage("plan", interrupted="-"), shown.stage("push", interrupted="-"):
        clock.time += 2.0
    clock.time += 1.0
    with shown.stage("release", interrupted="-"):
        clock.time += 0.5
    page = summary.page(Page(["deploy"], shown.stages))
    assert "|  | other | between the stages | 1.0 s |" in page
    assert "|  | total | stages beside each other count once | 3.5 s |" in page


def test_a_page_has_titled_blocks_and_outputs():
    blocks = [Block("Plan", ("+ create module.x",)), Block("Can be removed", ("- version 3",))]
    page = summary.page(Page(["deploy"], blocks=blocks, outputs={"digest": [DIGEST]}))
    assert "Plan:\n\n```diff\n+ create module.x\n```" in page
    assert "Can be removed:\n\n```diff\n- version 3\n```" in page
    assert f"| digest | `{DIGEST}` |" in page


def test_after_a_failure_a_page_has_the_message_and_the_command_to_type():
    page = summary.page(Page(["deploy", "--env", "prod"], failure="It broke.\n  try: invoke doctor"))
    assert page.startswith("### ✗ `invoke deploy --env prod`\n\n```text\nIt broke.\n  try: invoke doctor\n```\n")
    assert "`./dev invoke deploy --env prod`: it continues where it stopped." in page


def test_a_stage_that_failed_is_critical(progress):
    with pytest.raises(ValueError, match="no"), progress.stage("apply", interrupted="-"):
        raise ValueError("no")
    page = summary.page(Page(["deploy"], progress.stages, failure="no"))
    assert "| ✗ | apply | failed | 0.0 s |" in page
    assert "  apply :crit, 3000, 3001\n" in page


def test_the_largest_page_is_well_below_the_mebibyte_that_github_accepts():
    block = Block("Plan", tuple(f"+ create {number} {'x' * 5000}" for number in range(5000)))
    page = summary.page(Page(["deploy"], blocks=[block], failure="\n".join(["y" * 5000] * 5000)))
    assert len(page.encode()) < 1024**2 / 4
    assert "... 4800 lines more, in the log" in page


def test_a_fence_in_a_message_does_not_end_the_block():
    assert "'''\n# big\n```" in summary.page(Page(["deploy"], failure="```\n# big"))


def test_page_and_outputs_are_appended_to_the_files_that_github_names(tmp_path):
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path / "page"), "GITHUB_OUTPUT": str(tmp_path / "outputs")}
    for _ in range(2):
        summary.write(environ, "page\n", {"digest": ["a", "b"], "tag": ["c"]})
    assert (tmp_path / "page").read_text() == "page\n" * 2
    assert (tmp_path / "outputs").read_text() == "digest=a b\ntag=c\n" * 2


@pytest.mark.parametrize("value", ["a\ntag=evil", "a\r\nEOF\ntag=evil", "a\x0btag=evil", "tag<<EOF\nevil\nEOF"])
def test_no_value_adds_another_output(tmp_path, value):
    summary.write({"GITHUB_OUTPUT": str(tmp_path / "outputs")}, "", {"digest": [value]})
    (line,) = (tmp_path / "outputs").read_text().splitlines()
    assert line.startswith("digest=")


MARKUP = (
    "<img src=x onerror=alert(1)>",
    "</td></table><h1>big</h1>",
    "[text](https://evil.example)",
    "![picture](https://evil.example/p.png)",
    "see https://evil.example and www.evil.example or @someone",
    "a\n\n# heading\n\n```\ncode\n```",
    "`code` `` <b> ``",
    "| a | b |\n| --- | --- |",
    *HOSTILE,
)


@pytest.mark.parametrize("text", MARKUP)
def test_text_from_outside_is_no_markup_in_a_page(progress, text):
    with progress.stage("verify", interrupted="-") as stage:
        stage.done(text)
    given = {"blocks": [Block("Plan", (text,))], "outputs": {"tag": [text]}, "failure": text}
    outside = outside_code(summary.page(Page(["deploy", text], progress.stages, **given)))
    assert not re.search(r"<\w|</|\]\(|!\[|https?://|www\.|@some|^# ", outside, re.MULTILINE), outside


@pytest.mark.parametrize("text", MARKUP)
def test_text_from_outside_is_no_markup_in_the_page_of_all_jobs(text):
    page = summary.jobs(json.dumps({text: {"result": text, "outputs": {"tag": text}}}))
    outside = outside_code(page)
    assert not re.search(r"<\w|</|\]\(|!\[|https?://|www\.|@some|^# ", outside, re.MULTILINE), outside
    assert len(page.splitlines()) == 5


def outside_code(page):
    """The page without its blocks of code and its code in lines; each must end where it should."""
    text = re.sub(r"^```\w+\n.*?\n```$", "", page, flags=re.MULTILINE | re.DOTALL)
    assert "```" not in text
    assert text.count("`") % 2 == 0
    return re.sub(r"`[^`\n]*`", "", text)


def test_on_a_laptop_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    summary.write({}, "page", {"digest": ["a"]})
    assert not list(tmp_path.iterdir())


def test_the_page_of_all_jobs_shows_results_and_names_the_failed_job():
    needs = '{"check": {"result": "success", "outputs": {}}, "build": {"result": "failure", "outputs": {"tag": "t"}}}'
    page = summary.jobs(needs)
    assert "| ✓ | check | success |  |" in page
    assert "| ✗ | build | failure | `t` |" in page
    assert "build: the summary of that job" in page


@pytest.mark.parametrize("needs", ["", "[]", '{"a": 1}', '{"a": {}}'])
def test_a_value_of_needs_without_jobs_is_a_wrong_setting(needs):
    with pytest.raises(errors.ConfigurationError, match="The jobs are not known"):
        summary.jobs(needs)


def test_a_task_that_fails_before_its_first_stage_still_has_a_page(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page"))
    context = Context(Config(overrides={"environments": {"preprod": {}}}))
    with pytest.raises(errors.ConfigurationError), session.session(context, root=tmp_path) as opened:
        opened.open("qa")
    page = (tmp_path / "page").read_text()
    assert "Unknown environment: qa" in page
    assert "try: --env preprod" in page


def test_a_page_that_cannot_be_written_is_a_warning(tmp_path, capsys):
    summary.write({"GITHUB_STEP_SUMMARY": str(tmp_path / "gone" / "page.md")}, "page", {})
    assert "GITHUB_STEP_SUMMARY cannot be written" in capsys.readouterr().err
