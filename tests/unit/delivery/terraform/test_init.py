"""When Terraform is initialised again, and when there is nothing to do."""

import contextlib
from dataclasses import replace

import pytest
from support.shell import FakeShell
from support.world import settings

from delivery.errors import TerraformError
from delivery.process.shell import Result
from delivery.terraform import execute


@pytest.fixture
def place(tmp_path):
    """A project with a module, and a shell where every Terraform works."""
    folder = tmp_path / "infrastructure" / "modules" / "function"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text("resource {}\n")
    fake = FakeShell(dict.fromkeys(("terraform init", "terraform plan", "terraform version"), ""))

    def init(**changes):
        before = len(fake.typed("terraform init"))
        stack = execute.init(settings(tmp_path, **changes), "service", fake, print)
        return stack, len(fake.typed("terraform init")) > before

    return tmp_path, fake, init


def test_a_second_time_there_is_nothing_to_do(place):
    _, _, init = place
    (first, item), (second, two) = init(), init()
    assert first == second
    assert (item, two) == (True, False)


@pytest.mark.parametrize("name", ["modules/function/main.tf", "service/.terraform.lock.hcl"])
def test_a_module_or_a_lock_file_that_changed_needs_it_again(place, name):
    root, _, init = place
    init()
    file = root / "infrastructure" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("changed")
    assert [init()[1], init()[1]] == [True, False]


@pytest.mark.parametrize("change", [{"state_bucket": "another"}, {"region": "eu-west-1"}])
def test_another_state_bucket_or_region_needs_it_again(place, change):
    root, _, init = place
    init()
    environment = replace(settings(root).environment, **change)
    assert [init(environment=environment)[1], init(environment=environment)[1]] == [True, False]


def test_another_terraform_needs_it_again(place):
    _, fake, init = place
    init()
    fake.answers["terraform version"] = "another"
    assert init()[1]


def test_another_mirror_needs_it_again(place):
    root, fake, init = place
    init()
    (root / "mirror" / "registry.terraform.io" / "hashicorp" / "aws" / "5.100.0").mkdir(parents=True)
    fake.variables["TF_PLUGIN_CACHE_DIR"] = str(root / "mirror")
    assert init()[1]


@pytest.mark.parametrize("ended", [Result(1, "", "it broke"), Result(-9, "", "")])
def test_after_a_failure_init_runs_again(place, ended):
    """Such as a provider that is gone from the folder that `init` found it in: only `init` mends that."""
    _, fake, init = place
    stack, _ = init()
    fake.answers["terraform plan"] = ended
    with contextlib.suppress(TerraformError):
        execute.plan(stack, {}, stack.data, fake, print)
    assert init()[1]


def test_an_init_that_failed_is_no_init(place):
    _, fake, init = place
    fake.answers["terraform init"] = [Result(1, "", "it broke"), ""]
    with pytest.raises(TerraformError):
        init()
    assert init()[1]
