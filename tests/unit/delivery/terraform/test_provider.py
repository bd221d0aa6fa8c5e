"""A provider that runs already is given to Terraform; `init` notices when an installed one was changed."""

import json
from dataclasses import replace

import pytest
from support.shell import FakeKept, FakeShell
from support.terraform import PROVIDER
from support.world import ENVIRONMENT, settings

from delivery.terraform import execute, mirror, provider
from delivery.terraform.plan import Stack

ADDRESS = "registry.terraform.io/hashicorp/aws"
ATTACH = {ADDRESS: {"Protocol": "grpc", "ProtocolVersion": 5, "Addr": {"Network": "unix", "String": "/tmp/p1"}}}
STARTED = "Provider started. To attach Terraform CLI, set the TF_REATTACH_PROVIDERS environment variable:\n\n\t"


def announcing(attach=ATTACH):
    """What a provider prints in debug mode."""
    return f"{STARTED}TF_REATTACH_PROVIDERS='{json.dumps(attach)}'\n"


def installed(stack, content="a program"):
    program = stack.data / "providers" / ADDRESS / "5.100.0" / "linux_amd64" / "terraform-provider-aws_v5.100.0_x5"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(content)
    return program


@pytest.fixture
def stack(tmp_path):
    made = Stack("service", tmp_path / "service", tmp_path / "data", ENVIRONMENT)
    made.folder.mkdir()
    (made.folder / mirror.LOCK).write_text(PROVIDER)
    return made


def plan(stack, fake):
    execute.plan(stack, {}, stack.folder, fake, print)
    (command,) = fake.typed("terraform plan")
    return command.variables


def test_each_command_gets_a_provider_of_its_own_that_runs_as_long_as_the_command(stack):
    program, beside = installed(stack), []
    fake = FakeShell({f"{program} -debug": announcing(), "terraform state push": ""})
    fake.answers["terraform plan"] = lambda _: beside.extend(fake.beside_now) or ""
    assert json.loads(plan(stack, fake)["TF_REATTACH_PROVIDERS"]) == ATTACH
    (started,) = beside
    assert (started.argv, started.credentials) == ((str(program), "-debug"), True)
    assert started.variables == stack.command("plan").variables
    assert fake.typed("terraform plan")[0].holds == (FakeKept.held,), "a Terraform that outlives us needs it"
    assert fake.beside_now == []
    execute.push_state(stack, "{}", fake, print)
    assert len(fake.typed(str(program))) == 2


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("flag provided but not defined: -debug", id="one that knows no debug mode"),
        pytest.param(announcing({"registry.opentofu.org/hashicorp/aws": {}}), id="one of another address"),
    ],
)
def test_terraform_starts_a_provider_itself_that_cannot_be_given(stack, said):
    program = installed(stack)
    assert "TF_REATTACH_PROVIDERS" not in plan(stack, FakeShell({str(program): said, "terraform plan": ""}))


DEFAULT = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
OTHER = 'provider "aws" {\n  alias  = "us"\n  region = "us-east-1"\n}\n'


@pytest.mark.parametrize("root", ["", DEFAULT, f'{DEFAULT}provider "random" {{}}\n', f"# provider of\n{DEFAULT}"])
def test_a_provider_with_one_configuration_is_given(stack, root):
    program = installed(stack)
    (stack.folder / "main.tf").write_text(root)
    fake = FakeShell({f"{program} -debug": announcing(), "terraform plan": ""})
    assert "TF_REATTACH_PROVIDERS" in plan(stack, fake)


@pytest.mark.parametrize("root", [OTHER, DEFAULT + OTHER, f"  {DEFAULT.strip()}\nprovider aws {{ region = 1 }}\n"])
def test_a_provider_with_two_configurations_is_left_to_terraform(stack, root):
    """Terraform starts a process for each: with one process, a resource would be in another region."""
    installed(stack)
    (stack.folder / "main.tf").write_text(root)
    assert "TF_REATTACH_PROVIDERS" not in plan(stack, FakeShell({"terraform plan": ""}))


@pytest.mark.parametrize(
    ("file", "text"),
    [("modules/table/main.tf", DEFAULT), ("modules/table/p.tf.json", "{}"), ("service/p.tf.json", "{}")],
)
def test_a_provider_that_a_module_or_a_json_file_may_configure_is_left_to_terraform(stack, file, text):
    installed(stack)
    written = stack.folder.parent / file
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(text)
    modules = [{"Key": "", "Source": "", "Dir": "."}, {"Key": "table", "Source": "..", "Dir": "../modules/table"}]
    (stack.data / "modules").mkdir()
    (stack.data / "modules" / "modules.json").write_text(json.dumps({"Modules": modules}))
    assert "TF_REATTACH_PROVIDERS" not in plan(stack, FakeShell({"terraform plan": ""}))


def test_a_setting_leaves_the_start_to_terraform(stack):
    installed(stack)
    by_itself = replace(stack, starts_providers=False)
    assert "TF_REATTACH_PROVIDERS" not in plan(by_itself, FakeShell({"terraform plan": ""}))


def test_a_provider_of_a_version_that_is_not_locked_is_not_started(stack):
    installed(stack)
    (stack.folder / mirror.LOCK).write_text(PROVIDER.replace("5.100.0", "5.99.0"))
    assert "TF_REATTACH_PROVIDERS" not in plan(stack, FakeShell({"terraform plan": ""}))


def test_init_runs_again_after_a_change_of_an_installed_provider(tmp_path, monkeypatch):
    """It compares the checksum, which Terraform does not do for a provider that runs."""
    monkeypatch.setattr(mirror, "find", lambda *_: None)
    folder = tmp_path / "infrastructure" / "service"
    folder.mkdir(parents=True)
    (folder / mirror.LOCK).write_text(PROVIDER)
    fake = FakeShell({"terraform init": ["", ""], "terraform version": "1.11.4"})

    def init():
        return execute.init(settings(tmp_path), "service", fake, print)

    installed(init())
    stack = init()  # the first one installed it; the fake has not, so it was installed after that
    assert init() == stack
    assert len(fake.typed("terraform init")) == 2
    installed(stack, "another program")
    fake.answers["terraform init"] = ""
    init()
    assert len(fake.typed("terraform init")) == 3


def test_what_is_installed_is_told_apart_by_size_and_time(stack):
    assert provider.fingerprint(stack) == ""
    program = installed(stack)
    before = provider.fingerprint(stack)
    assert str(program) in before
    program.write_text("something longer")
    assert provider.fingerprint(stack) != before
