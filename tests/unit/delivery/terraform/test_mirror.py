"""Where providers are looked for on a machine that cannot reach the provider registry."""

from pathlib import Path

import pytest
from support import terraform

from delivery.terraform import mirror

LOCKED = (("registry.terraform.io/hashicorp/aws", "5.100.0"),)
PROVIDER = "registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"


def put(folder):
    (folder / PROVIDER).mkdir(parents=True)
    return folder


def find(tmp_path, **variables):
    return mirror.find({"HOME": str(tmp_path / "home"), **variables}, LOCKED, tmp_path)


def test_a_machine_without_one_has_none(tmp_path):
    (tmp_path / "opt" / "other").mkdir(parents=True)
    assert find(tmp_path) is None


@pytest.mark.parametrize(
    "place",
    [
        "home/.terraform.d/plugins",
        "home/.local/share/terraform/plugins",
        "usr/local/share/terraform/plugins",
        "usr/share/terraform/plugins",
        "usr/lib/terraform/plugins",
        "opt",
        "opt/providers",
        "opt/terraform/mirror",
        "srv/mirror",
        "var/lib/providers",
    ],
)
def test_implied_folders_and_trees_below_the_system_roots_are_found(tmp_path, place):
    assert find(tmp_path) is None
    assert put(tmp_path / place) == find(tmp_path)


def test_a_packed_provider_is_found_too(tmp_path):
    folder = tmp_path / "opt" / "mirror"
    (folder / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    (folder / "registry.terraform.io/hashicorp/aws/terraform-provider-aws_5.100.0_linux_amd64.zip").touch()
    assert find(tmp_path) == folder


@pytest.mark.parametrize(("variable", "below"), [("TF_PLUGIN_CACHE_DIR", ""), ("XDG_DATA_HOME", "terraform/plugins")])
def test_the_user_folders_come_first(tmp_path, variable, below):
    put(tmp_path / "opt" / "providers")
    own = put(tmp_path / "own" / below)
    assert find(tmp_path, **{variable: str(tmp_path / "own")}) == own


def test_the_implied_folders_come_before_the_system_s(tmp_path):
    put(tmp_path / "opt" / "providers")
    own = put(tmp_path / "home" / ".terraform.d" / "plugins")
    assert find(tmp_path) == own


def test_a_folder_of_that_name_without_a_provider_is_passed_over(tmp_path):
    (tmp_path / "opt" / "empty" / "registry.terraform.io" / "hashicorp").mkdir(parents=True)
    full = put(tmp_path / "opt" / "full")
    assert find(tmp_path, TF_PLUGIN_CACHE_DIR=str(tmp_path / "opt" / "empty")) == full


def test_the_search_ends_two_folders_deep(tmp_path):
    put(tmp_path / "opt" / "one" / "two" / "three")
    assert find(tmp_path) is None


def test_a_folder_that_may_not_be_read_is_a_folder_without_a_mirror(tmp_path, monkeypatch):
    """Python 3.11 and 3.12 raise PermissionError below a folder that the user may not enter."""
    glob = Path.glob

    def refused(folder, pattern):
        if folder.is_relative_to(tmp_path / "home"):
            raise PermissionError(13, "Permission denied", str(folder))
        return glob(folder, pattern)

    monkeypatch.setattr(Path, "glob", refused)
    assert find(tmp_path) is None
    assert put(tmp_path / "opt" / "mirror") == find(tmp_path)


def test_without_a_home_no_home_is_searched(tmp_path):
    put(tmp_path / "root" / ".terraform.d" / "plugins")
    assert mirror.find({}, LOCKED, tmp_path) is None


@pytest.mark.parametrize("other", ["hashicorp/google/5.100.0/linux_amd64", "hashicorp/aws/5.99.0/linux_amd64"])
def test_a_folder_without_the_locked_provider_is_passed_over(tmp_path, other):
    (tmp_path / "cache" / "registry.terraform.io" / other).mkdir(parents=True)
    assert find(tmp_path, TF_PLUGIN_CACHE_DIR=str(tmp_path / "cache")) is None
    full = put(tmp_path / "opt" / "full")
    assert find(tmp_path, TF_PLUGIN_CACHE_DIR=str(tmp_path / "cache")) == full


def test_the_providers_come_from_the_lock_file(tmp_path):
    (tmp_path / "lock").write_text(f"# maintained by terraform init\n\n{terraform.PROVIDER}")
    assert mirror.locked(tmp_path / "lock") == LOCKED
    assert mirror.locked(tmp_path / "no lock") == ()
