"""Terraform is initialised again when an input changed or something failed, and otherwise not."""

import contextlib
from dataclasses import replace

import pytest
from support.shell import FakeShell
from support.terraform import PROVIDER
from support.world import settings

from delivery.errors import TerraformError
from delivery.process.shell import Result
from delivery.terraform import execute, mirror


@pytest.fixture
def project(tmp_path):
    """A project with one module, a shell in which Terraform works, and `init`, which returns whether Terraform ran."""
    folder = tmp_path / "infrastructure" / "modules" / "function"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text("resource {}\n")
    fake = FakeShell(dict.fromkeys(("terraform init", "terraform plan", "terraform version"), ""))

    def init(**changes):
        before = len(fake.typed("terraform init"))
        stack = execute.init(settings(tmp_path, **changes), "service", fake, print)
        return stack, len(fake.typed("terraform init")) > before

    return tmp_path, fake, init


def test_a_second_init_runs_nothing(project):
    _, _, init = project
    (first, first_ran), (second, second_ran) = init(), init()
    assert first == second
    assert (first_ran, second_ran) == (True, False)


@pytest.mark.parametrize("name", ["modules/function/main.tf", "service/.terraform.lock.hcl"])
def test_a_changed_module_or_lock_file_needs_an_init(project, name):
    root, _, init = project
    init()
    file = root / "infrastructure" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("changed")
    assert [init()[1], init()[1]] == [True, False]


@pytest.mark.parametrize("change", [{"state_bucket": "another"}, {"region": "eu-west-1"}])
def test_another_state_bucket_or_region_needs_an_init(project, change):
    root, _, init = project
    init()
    environment = replace(settings(root).environment, **change)
    assert [init(environment=environment)[1], init(environment=environment)[1]] == [True, False]


def test_another_terraform_needs_an_init(project):
    _, fake, init = project
    init()
    fake.answers["terraform version"] = "another"
    assert init()[1]


def test_another_mirror_needs_an_init(project):
    root, fake, init = project
    init()
    (root / "mirror" / "registry.terraform.io" / "hashicorp" / "aws" / "5.100.0" / "linux_amd64").mkdir(parents=True)
    (root / "infrastructure" / "service").mkdir()
    (root / "infrastructure" / "service" / mirror.LOCK).write_text(PROVIDER)
    assert [init()[1], init()[1]] == [True, False]
    fake.variables["TF_PLUGIN_CACHE_DIR"] = str(root / "mirror")
    assert init()[1]


@pytest.mark.parametrize("ended", [Result(1, "", "it broke"), Result(-9, "", "")])
def test_after_a_failure_init_runs_again(project, ended):
    """For example, the provider may be gone from its folder: only `init` repairs that."""
    _, fake, init = project
    stack, _ = init()
    fake.answers["terraform plan"] = ended
    with contextlib.suppress(TerraformError):
        execute.plan(stack, {}, stack.data, fake, print)
    assert init()[1]


def test_a_failed_init_is_repeated(project):
    _, fake, init = project
    fake.answers["terraform init"] = [Result(1, "", "it broke"), ""]
    with pytest.raises(TerraformError):
        init()
    assert init()[1]
