"""The page of all jobs, without the environment of the project."""

import pytest

from delivery.cli import jobs

NEEDS = '{"check": {"result": "success", "outputs": {}}}'


def test_the_page_is_printed_and_written_to_the_file_that_github_names(tmp_path, capsys):
    assert jobs.main({"NEEDS": NEEDS, "GITHUB_STEP_SUMMARY": str(tmp_path / "page")}) == 0
    page = (tmp_path / "page").read_text()
    assert "| ✓ | check | success |" in page
    assert capsys.readouterr() == (f"{page}\n", "")


@pytest.mark.parametrize("environ", [{}, {"NEEDS": "[]"}])
def test_without_jobs_it_ends_with_a_message_and_the_exit_code_of_a_wrong_setting(capsys, environ):
    assert jobs.main(environ) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "try: NEEDS: " in captured.err
