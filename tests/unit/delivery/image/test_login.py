"""The cache that is selected, and the private DOCKER_CONFIG that holds the registry's password."""

import json
from pathlib import Path

import pytest
from support.shell import FakeShell
from support.world import COMMIT, ENVIRONMENT, settings

from delivery.errors import CloudError, ConfigurationError
from delivery.git import Commit
from delivery.image import bake, login
from delivery.process.shell import Result

SOURCE = Commit(COMMIT, dirty=True)
GHA = {"ACTIONS_RUNTIME_TOKEN": "hush", "ACTIONS_RESULTS_URL": "https://results"}
LOGIN = ("docker", "login", "--username", "AWS", "--password-stdin", "registry.test:5000")


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "config.json").write_text(
        json.dumps({"cliPluginsExtraDirs": ["/usr/libexec/plugins"], "credsStore": "keychain", "currentContext": "vm"})
    )
    return folder


def shell(home, login="Login Succeeded\n", **variables):
    return FakeShell({"docker login": login}, {"DOCKER_CONFIG": str(home), **variables})


def test_the_bake_file_gets_all_its_variables(tmp_path):
    assert bake.variables(settings(tmp_path, cache="local"), SOURCE, {}) == {
        "REGISTRY": "registry.test:5000",
        "ENVIRONMENT": "sandbox",
        "COMMIT": f"{COMMIT}-dirty",
        "PLATFORM": "linux/amd64",
        "CACHE": "local",
        "CACHE_DIR": str(tmp_path / ".deploy" / "cache"),
        "BUILD_CONTEXTS": "",
    }


@pytest.mark.parametrize("missing", sorted(GHA))
@pytest.mark.parametrize("value", [None, ""])
def test_a_gha_cache_without_its_credentials_fails_and_names_them(tmp_path, missing, value):
    inherited = {**GHA, missing: value}
    with pytest.raises(ConfigurationError) as caught:
        bake.variables(settings(tmp_path, cache="gha"), SOURCE, inherited)
    assert caught.value.why == f"Not set: {missing}"
    assert "INVOKE_BUILD_CACHE=registry" in caught.value.hint
    assert "hush" not in str(caught.value)


def test_a_gha_cache_with_its_credentials_is_used_and_they_stay_out_of_the_command(tmp_path):
    result = bake.variables(settings(tmp_path, cache="gha"), SOURCE, GHA)
    assert result["CACHE"] == "gha"
    command = bake.Bake(("a",), ENVIRONMENT, result, tmp_path, "push").command(tmp_path, entitlements=True)
    assert "hush" not in repr(command)


def test_the_password_goes_over_stdin_only(tmp_path, home):
    fake = shell(home)
    with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", fake):
        pass
    (typed,) = fake.typed("docker login")
    assert (typed.argv, typed.stdin) == (LOGIN, "hush")
    assert typed.variables["DOCKER_CONFIG"] == str(tmp_path / "work" / "docker")
    assert not any("hush" in repr(command) for command in fake.ran)
    assert not (tmp_path / "work" / "docker" / "config.json").exists()


def test_the_private_config_keeps_the_user_s_contexts_plugins_builders_and_certificates(tmp_path, home):
    (home / "contexts" / "meta").mkdir(parents=True)
    (home / "ca.pem").write_text("certificate")
    with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home)) as inside:
        private = tmp_path / "work" / "docker"
        written = json.loads((private / "config.json").read_text())
        assert inside.variables["DOCKER_CONFIG"] == str(private)
        assert inside.variables["BUILDX_CONFIG"] == str(home / "buildx")
        assert "DOCKER_HOST" not in inside.variables, "buildx would forget which builder was selected"
        assert (written["currentContext"], written["cliPluginsExtraDirs"]) == ("vm", ["/usr/libexec/plugins"])
        assert (private / "contexts" / "meta").is_dir()
        assert (private / "ca.pem").read_text() == "certificate"
        assert (private.stat().st_mode & 0o077, (private / "config.json").stat().st_mode & 0o077) == (0, 0)
    assert (home / "contexts" / "meta").is_dir()
    assert (home / "ca.pem").exists(), "only the link is removed"


def test_the_password_goes_to_no_store_while_other_registries_keep_theirs(tmp_path, home):
    with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home)) as inside:
        written = json.loads((tmp_path / "work" / "docker" / "config.json").read_text())
        assert written["credsStore"] == "keychain"
        assert written["credHelpers"] == {"registry.test:5000": ""}, "docker takes the file for that registry"
        assert login.helper_used(inside)


def test_logins_for_other_registries_are_kept_and_none_for_the_registry_of_the_environment(tmp_path, home):
    helpers = {"registry.test:5000": "ecr-login", "gcr.io": "gcloud"}
    auths = {
        "https://registry.test:5000/v2/": {},
        "registry.test:5000": {},
        "https://index.docker.io/v1/": {"auth": "x"},
    }
    (home / "config.json").write_text(json.dumps({"credHelpers": helpers, "auths": auths}))
    exported = json.dumps({"auths": auths})
    with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home, DOCKER_AUTH_CONFIG=exported)) as inside:
        written = json.loads((tmp_path / "work" / "docker" / "config.json").read_text())
    assert written["credHelpers"] == {"registry.test:5000": "", "gcr.io": "gcloud"}
    assert written["auths"] == {"https://index.docker.io/v1/": {"auth": "x"}}
    assert json.loads(inside.variables["DOCKER_AUTH_CONFIG"]) == {"auths": written["auths"]}


def test_what_the_user_has_exported_stays(tmp_path, home):
    exported = {"DOCKER_HOST": "ssh://me@host", "BUILDX_CONFIG": "/builders", "BUILDX_BUILDER": "mine"}
    with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home, **exported)) as inside:
        assert {name: inside.variables[name] for name in exported} == exported


def test_a_user_without_a_config_is_no_obstacle(tmp_path):
    with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(tmp_path / "nobody")) as inside:
        written = json.loads((tmp_path / "work" / "docker" / "config.json").read_text())
        assert written == {"credHelpers": {"registry.test:5000": ""}}
        assert not login.helper_used(inside)


@pytest.mark.parametrize(
    ("config", "proxied"), [({"proxies": {"default": {"httpProxy": "http://p"}}}, True), ({}, False)]
)
def test_proxies_of_docker_s_own_settings_are_noticed(home, config, proxied):
    (home / "config.json").write_text(json.dumps(config))
    assert login.proxied(shell(home)) is proxied


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_private_config_is_gone_afterwards_however_it_ends(tmp_path, home, error):
    def work():
        with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home)):
            assert (tmp_path / "work" / "docker" / "config.json").exists()
            raise error

    with pytest.raises(error):
        work()
    assert not (tmp_path / "work" / "docker" / "config.json").exists()
    assert (home / "config.json").exists(), "the user's own is left alone"


def test_a_refused_login_is_reported_and_leaves_nothing(tmp_path, home):
    output = "Error response from daemon: Get https://registry.test:5000/v2/: unauthorized\n"
    with (
        pytest.raises(CloudError) as caught,
        login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home, Result(1, "", output))),
    ):
        pytest.fail("the body ran without a login")
    assert caught.value.what == "The registry registry.test:5000 refused the login."
    assert caught.value.why == output.strip()
    assert not (tmp_path / "work" / "docker" / "config.json").exists()


def test_a_broken_config_of_the_user_is_named(tmp_path, home):
    (home / "config.json").write_text("{")
    with (
        pytest.raises(ConfigurationError, match=r"config\.json"),
        login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home)),
    ):
        pass


def test_a_docker_configuration_that_may_not_be_read_counts_as_none(tmp_path, home, monkeypatch):
    read_text = Path.read_text

    def refused(file, *args, **kwargs):
        if file == home / "config.json":
            raise PermissionError(13, "Permission denied", str(file))
        return read_text(file, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", refused)
    with login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home)) as logged_in:
        assert logged_in.variables["BUILDX_CONFIG"] == str(home / "buildx")


@pytest.mark.parametrize("text", ["[]", '"text"'])
def test_a_config_that_is_no_json_object_is_named(tmp_path, home, text):
    (home / "config.json").write_text(text)
    with (
        pytest.raises(ConfigurationError, match="is no JSON object"),
        login.logged_in(tmp_path / "work", ENVIRONMENT, "hush", shell(home)),
    ):
        pytest.fail("docker must not start")
