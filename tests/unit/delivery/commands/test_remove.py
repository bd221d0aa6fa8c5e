"""A function is removed from the project as a whole, or not at all."""

import pytest
from support import sample

from delivery.cli import report
from delivery.commands import new, remove
from delivery.errors import ConfigurationError, RefusedError
from delivery.process.shell import Result

BAKE = """variable "CACHE" { default = "none" }

group "default" {
  targets = ["sse-streaming"]
}

target "sse-streaming" {
  context = "src/lambdas/sse_streaming"
  labels = {
    "lambda.health" = jsonencode({ http = "/" })
  }
}

target "_common" {
  platforms = ["linux/amd64"]
}
"""
MAIN = """locals {
  functions = {
    "sse-streaming" = module.sse_streaming
  }
}
"""
BLOCK = """# A function.
module "sse_streaming" {
  source = "../modules/image_function"
}

variable "heartbeat_seconds" {
  default = 15

  validation {
  }
}
"""
TFVARS = f"{new.SERVICE}/sandbox.tfvars"


class Git:
    """A shell whose git knows these changes that no commit has."""

    def __init__(self, changes=""):
        self.changes, self.asked = changes, []

    def run(self, command):
        self.asked.append(command.argv)
        return Result(0, self.changes, "")


@pytest.fixture(autouse=True)
def _no_functions(monkeypatch):
    sample.hide_functions(monkeypatch)


@pytest.fixture
def project(tmp_path):
    """The files that declare the project's functions, and folders for what else belongs to the sample."""
    (tmp_path / new.SERVICE).mkdir(parents=True)
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    (tmp_path / new.MAIN).write_text(MAIN)
    (tmp_path / new.SERVICE / "sse_streaming.tf").write_text(BLOCK)
    for folder in ("src/lambdas/sse_streaming", "tests/lambdas/sse_streaming"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file.py").touch()
    return tmp_path


def content(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", new.HEALTH)
def test_a_new_function_that_is_removed_leaves_the_project_as_it_was(project, kind):
    before = content(project)
    new.write(new.files(project, "orders-api", kind))
    git = Git()
    remove.apply(remove.plan(project, "orders-api", git))
    assert content(project) == before
    (asked,) = git.asked
    assert {"src/lambdas/orders_api", "docker-bake.hcl", f"{new.SERVICE}/orders_api.tf"} <= set(asked)


def test_the_sample_goes_with_its_tests_and_the_values_of_its_variables(project):
    (project / TFVARS).write_text("log_retention_days = 1\nheartbeat_seconds = 1\n")
    removal = remove.plan(project, "sse-streaming", Git())
    remove.apply(removal)
    left = content(project)
    assert not [name for name in left if "sse_streaming" in name]
    assert not (project / "tests/lambdas").exists(), "the lane of its tests has none any more"
    assert (project / TFVARS).read_text() == "log_retention_days = 1\n"
    assert "sse" not in left["docker-bake.hcl"]
    assert "  targets = []\n" in left["docker-bake.hcl"]
    assert "  functions = {}\n" in left[new.MAIN]
    new.write(new.files(project, "orders-api", "http"))
    assert '  targets = ["orders-api"]\n' in content(project)["docker-bake.hcl"]
    lines = report.removed_lines("sse-streaming", ["src/lambdas/sse_streaming"], ["docker-bake.hcl"])
    assert lines[:3] == ("removed src/lambdas/sse_streaming", "changed docker-bake.hcl", "next:")


def test_the_other_functions_stay_as_they_are(project):
    alone = content(project)
    remove.apply(remove.plan(project, "sse-streaming", Git()))
    for name in ("orders", "a-worker"):
        new.write(new.files(project, name, "event"))
    with_both = content(project)
    new.write(new.files(project, "reports", "http"))
    remove.apply(remove.plan(project, "reports", Git()))
    assert content(project) == with_both
    assert with_both[new.MAIN] != alone[new.MAIN]


@pytest.mark.parametrize("name", ["orders", "", "_common", "default"])
def test_an_unknown_function_is_refused_and_the_known_ones_are_named(project, name):
    with pytest.raises(ConfigurationError, match=r"Unknown function|No function was named") as caught:
        remove.plan(project, name, Git())
    assert "sse-streaming" in str(caught.value)


def test_what_no_commit_has_is_not_removed(project):
    before = content(project)
    with pytest.raises(RefusedError, match="sse-streaming has changes that no commit has") as caught:
        remove.plan(project, "sse-streaming", Git(" M src/lambdas/sse_streaming/app.py"))
    assert "app.py" in caught.value.why
    assert content(project) == before


def test_a_function_with_a_trigger_is_refused_and_the_trigger_is_named(project):
    (project / new.SERVICE / "triggers.tf").write_text("locals {\n  arn = module.sse_streaming.alias_arn\n}\n")
    with pytest.raises(RefusedError, match="Other infrastructure needs sse-streaming") as caught:
        remove.plan(project, "sse-streaming", Git())
    assert "triggers.tf" in caught.value.why


def test_a_module_block_beside_others_is_left_to_a_person(project):
    with (project / new.SERVICE / "sse_streaming.tf").open("a") as file:
        file.write('resource "aws_sqs_queue" "orders" {\n}\n')
    with pytest.raises(RefusedError, match="The module block of sse-streaming cannot be removed"):
        remove.plan(project, "sse-streaming", Git())


def test_a_target_without_a_line_in_the_list_of_functions_is_left_to_a_person(project):
    main = project / new.MAIN
    main.write_text(main.read_text().replace('"sse-streaming" = module.sse_streaming', ""))
    with pytest.raises(ConfigurationError, match="sse-streaming has no module block"):
        remove.plan(project, "sse-streaming", Git())


def test_a_folder_outside_of_the_functions_stays(project):
    bake = project / "docker-bake.hcl"
    bake.write_text(bake.read_text().replace('"src/lambdas/sse_streaming"', '"."'))
    assert project not in remove.plan(project, "sse-streaming", Git()).gone
