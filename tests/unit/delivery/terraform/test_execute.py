"""Terraform's commands as data, and what its plan says in words."""

import contextlib
import json
from dataclasses import replace

import pytest
from support.shell import FakeShell
from support.terraform import (
    LOCKED,
    LOCKED_TEXT,
    NO_BUCKET,
    NO_PROVIDER,
    NOT_IN_MIRROR,
    PROVIDER,
    change,
    diagnostic,
    planned,
    progress,
)
from support.world import ENVIRONMENT, settings

from delivery.errors import LockedError, TerraformError
from delivery.process.shell import Result
from delivery.terraform import execute, mirror
from delivery.terraform.plan import Plan, Stack

CREATE = change("a.b", "create", after={})
BACKEND = ("bucket=state", "region=us-east-1", "key=service.tfstate")
FLAGS = ("-json", "-input=false", "-reconfigure", "-lockfile=readonly")
INIT = ("init", *FLAGS, *(f"-backend-config={setting}" for setting in BACKEND))


@pytest.fixture
def stack(tmp_path):
    for folder in ("data", "service"):
        (tmp_path / folder).mkdir()
    (tmp_path / "service" / "sandbox.tfvars").touch()
    return Stack("service", tmp_path / "service", tmp_path / "data", ENVIRONMENT)


def plan(stack, fake):
    return execute.plan(stack, {}, stack.data, fake, print)


def read(stack, fake):
    return execute.read_back(plan(stack, fake), fake)


def mirror_in(root):
    """A folder with the provider that the lock file names."""
    folder = root / "mirror"
    (folder / "registry.terraform.io" / "hashicorp" / "aws" / "5.100.0" / "linux_amd64").mkdir(parents=True)
    lock = root / "infrastructure" / "service" / mirror.LOCK
    lock.parent.mkdir(parents=True)
    lock.write_text(PROVIDER)
    return folder


def initialising(tmp_path, *answers, mirrors=True, version="1.11.4"):
    """A shell for `init`, with a mirror or without."""
    variables = {"TF_PLUGIN_CACHE_DIR": str(mirror_in(tmp_path))} if mirrors else {}
    return FakeShell({"terraform init": list(answers), "terraform version": version}, variables)


def initialised(fake):
    return [command.argv[2:] for command in fake.typed("terraform init")]


def test_init_uses_the_environment_s_backend_and_keeps_its_data_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(mirror, "find", lambda *_: None)
    fake = initialising(tmp_path, progress("Initializing the backend...", "init_output"), mirrors=False)
    output = []
    stack = execute.init(settings(tmp_path), "service", fake, output.append)
    (command,) = fake.typed("terraform init")
    assert command.argv == ("terraform", f"-chdir={tmp_path}/infrastructure/service", *INIT)
    assert command.variables["TF_DATA_DIR"] == str(tmp_path / ".deploy" / "sandbox" / "service")
    assert command.grace >= 120, "an interrupted terraform needs time to write its state and release its lock"
    assert (stack.name, stack.environment, output) == ("service", ENVIRONMENT, ["Initializing the backend..."])


def test_a_local_mirror_is_used_where_there_is_one(tmp_path):
    fake = initialising(tmp_path, "")
    execute.init(settings(tmp_path), "service", fake, print)
    assert initialised(fake) == [(*INIT, f"-plugin-dir={tmp_path / 'mirror'}")]


def test_what_a_mirror_lacks_comes_from_the_registry(tmp_path):
    fake = initialising(tmp_path, Result(1, NOT_IN_MIRROR, ""), "")
    execute.init(settings(tmp_path), "service", fake, print)
    assert initialised(fake)[1:] == [INIT]


def test_a_provider_that_is_in_no_mirror_and_out_of_reach_is_reported(tmp_path):
    fake = initialising(tmp_path, Result(1, NOT_IN_MIRROR, ""), Result(1, NO_PROVIDER, ""))
    with pytest.raises(TerraformError, match="provider cannot be fetched, and no local mirror has it"):
        execute.init(settings(tmp_path), "service", fake, print)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (NO_BUCKET, "The state bucket does not exist."),
        (diagnostic("Bad", "x"), "Terraform could not initialise service."),
    ],
)
def test_an_init_that_fails_gives_no_stack_and_is_not_tried_again(tmp_path, line, what):
    fake = initialising(tmp_path, Result(1, line, ""))
    with pytest.raises(TerraformError) as caught:
        execute.init(settings(tmp_path), "service", fake, print)
    assert (caught.value.what, len(initialised(fake))) == (what, 1)


def test_a_plan_is_saved_with_its_values_in_a_file(stack):
    fake = FakeShell(planned(change("a.b", "update", before={"x": 1}, after={"x": 2})))
    saved_plan = execute.plan(stack, {"images": {"a": "r@sha256:d"}, "region": "c"}, stack.data, fake, print)
    assert execute.read_back(saved_plan, fake).updates == ("a.b (x)",)
    plan, show = fake.ran
    saved, values = stack.data / "service.tfplan", stack.data / "service.tfvars.json"
    assert plan.argv[2:] == (
        "plan",
        "-json",
        "-input=false",
        "-detailed-exitcode",
        f"-out={saved}",
        "-var-file=sandbox.tfvars",
        f"-var-file={values}",
    )
    assert show.argv[2:] == ("show", "-json", str(saved))
    assert json.loads(values.read_text()) == {"images": {"a": "r@sha256:d"}, "region": "c"}


def test_an_environment_without_a_file_of_values_has_the_defaults(stack):
    (stack.folder / "sandbox.tfvars").unlink()
    fake = FakeShell(planned())
    plan(stack, fake)
    assert [word for word in fake.ran[0].argv if word.startswith("-var-file=")] == [
        f"-var-file={stack.data / 'service.tfvars.json'}"
    ]


def test_a_plan_that_only_creates_is_read_from_the_progress_of_terraform(stack):
    fake = FakeShell(planned(CREATE, change("data.aws_region.this", "read", after={})))
    saved = execute.plan(stack, {}, stack.data, fake, print)
    assert execute.read_back(saved, fake) == saved
    assert (saved.creates, saved.updates, saved.deletes, saved.empty) == (("a.b",), (), (), False)
    assert fake.typed("terraform show") == []


@pytest.mark.parametrize("actions", [("update",), ("delete",), ("delete", "create"), ("forget",)])
def test_a_plan_that_changes_anything_else_must_be_read_back(stack, actions):
    saved = execute.plan(stack, {}, stack.data, FakeShell(planned(CREATE, change("c.d", *actions))), print)
    assert saved.unread


def test_each_kind_of_change_has_its_words(stack):
    changes = (
        change("aws_s3_bucket.state", "no-op", importing={"id": "state"}),
        change("aws_iam_role.this", "create", after={}),
        change("aws_lambda_function.this", "update", before={"a": 1, "b": 1, "c": 1}, after={"a": 2, "b": 1, "c": 3}),
        change("aws_cloudwatch_log_group.old", "delete", before={}),
        change("aws_lambda_alias.live", "no-op", before={}, after={}),
        change("data.aws_region.this", "read", after={}),
    )
    saved = read(stack, FakeShell(planned(*changes)))
    assert (*saved.changes, saved.counts) == (
        "= adopt aws_s3_bucket.state",
        "+ create aws_iam_role.this",
        "~ update aws_lambda_function.this (a, c)",
        "- delete aws_cloudwatch_log_group.old",
        "1 to create, 1 to update, 1 to delete",
    )
    assert not saved.empty


@pytest.mark.parametrize("actions", [("delete", "create"), ("create", "delete")])
def test_a_replacement_is_a_delete_too(stack, actions):
    saved = read(stack, FakeShell(planned(change("aws_ecr_repository.this", *actions, before={}, after={}))))
    assert (saved.creates, saved.deletes) == (("aws_ecr_repository.this",), ("aws_ecr_repository.this",))


def test_nothing_to_change_is_an_empty_plan_and_costs_no_second_run(stack):
    fake = FakeShell({"terraform plan": ""})
    saved = plan(stack, fake)
    assert (saved.empty, len(fake.ran)) == (True, 1)
    assert (saved.changes, saved.counts) == ((), "no changes: the infrastructure is as described")


def test_a_plan_that_fails_is_not_read(stack):
    fake = FakeShell({"terraform plan": Result(1, LOCKED, "")})
    with pytest.raises(TerraformError, match="locked by ada@laptop"):
        plan(stack, fake)


def test_a_plan_s_exit_code_for_changes_is_a_failure_of_anything_else(stack):
    with pytest.raises(TerraformError, match="terraform ended with 2"):
        execute.apply(saved_plan(stack), FakeShell({"terraform apply": Result(2, "", "")}), print)


def saved_plan(stack):
    (stack.data / "service.tfplan").write_text("a plan")
    return Plan(stack, stack.data / "service.tfplan", ("a.b",), (), ())


def test_what_was_planned_is_what_is_applied(stack):
    fake, output = FakeShell({"terraform apply": progress("a.b: Creating...")}), []
    execute.apply(saved_plan(stack), fake, output.append)
    assert fake.ran[0].argv[2:] == (
        "apply",
        "-json",
        "-input=false",
        str(stack.data / "service.tfplan"),
    )
    assert output == ["a.b: Creating..."]


def test_a_state_is_pushed_as_the_input_of_terraform_which_takes_the_lock(stack):
    fake = FakeShell({"terraform state push": ""})
    execute.push_state(stack, '{"serial": 2}', fake, print)
    (command,) = fake.typed("terraform state push")
    assert (command.argv[2:], command.stdin) == (("state", "push", "-no-color", "-"), '{"serial": 2}')
    assert "-lock=false" not in command.argv


def test_a_pushed_state_that_found_the_lock_taken_says_who_has_it(stack):
    fake = FakeShell({"terraform state push": Result(1, "", LOCKED_TEXT)})
    with pytest.raises(LockedError, match="locked by ada@laptop since 2026-01-02 03:04:05"):
        execute.push_state(stack, "{}", fake, print)


def test_a_plan_without_a_refresh_and_without_a_lock_says_so(stack):
    fake = FakeShell({"terraform plan": ""})
    plan(replace(stack, refreshes=False, locks=False), fake)
    assert {"-refresh=false", "-lock=false"} <= set(fake.ran[0].argv)
    assert not stack.unfinished.exists(), "it leaves no lock"


UNRELEASED = diagnostic("Error releasing the state lock", "DeleteObject: api error ExpiredToken")


@pytest.mark.parametrize(
    ("code", "printed", "left"), [(0, "", False), (1, "", False), (-9, "", True), (1, UNRELEASED, True)]
)
def test_only_a_terraform_that_may_have_left_its_lock_leaves_its_run_unfinished(stack, code, printed, left):
    with contextlib.suppress(TerraformError):
        plan(stack, FakeShell({"terraform plan": Result(code, printed, "")}))
    assert stack.unfinished.exists() == left


def test_terraform_alone_sees_the_credentials_and_outlives_a_task_that_is_killed(stack):
    command = stack.command("plan")
    assert (command.credentials, command.outlives) == (True, True)
