"""The emulator's address, settings and environment."""

import socket
from pathlib import Path

import pytest

from sandbox.emulator import configuration
from sandbox.emulator.configuration import Settings
from sandbox.engine.client import Engine
from sandbox.layout import Layout

ENGINE = Engine({"DOCKER_HOST": "unix:///run/some.sock", "CA_BUNDLE": ""}, "of tests", private=True, gateway="10.9.8.1")


def test_it_listens_only_on_loopback_and_on_the_gateway_of_the_containers() -> None:
    assert Settings.of(ENGINE, 4566).binds == ("127.0.0.1:4566", "10.9.8.1:4566")


def test_without_a_gateway_it_listens_only_on_loopback() -> None:
    engine = Engine(ENGINE.variables, "of a desktop", private=False, gateway="")
    assert Settings.of(engine, 4566).binds == ("127.0.0.1:4566",)


def test_settings_are_remembered_unless_their_file_is_broken(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    assert configuration.remembered(layout) is None
    settings = Settings.of(ENGINE, 4570)
    configuration.remember(layout, settings)
    assert configuration.remembered(layout) == settings
    (layout.state / "cloud.json").write_text('{"port": 1')
    assert configuration.remembered(layout) is None


def test_another_engine_needs_another_emulator() -> None:
    other = Engine({"DOCKER_HOST": "unix:///run/other.sock"}, "another", private=True, gateway="10.9.8.1")
    assert Settings.of(ENGINE, 4566) != Settings.of(other, 4566)


def test_aws_settings_of_the_users_shell_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("PERSIST_STATE", "1")
    environment = configuration.environment(Layout.of(tmp_path), ENGINE, Settings.of(ENGINE, 4566))
    assert not {"AWS_PROFILE", "PERSIST_STATE"} & environment.keys()
    assert environment["DOCKER_HOST"] == "unix:///run/some.sock"


def test_all_it_writes_is_in_the_checkouts_folder(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    environment = configuration.environment(layout, ENGINE, Settings.of(ENGINE, 4566))
    assert all(Path(environment[name]).is_relative_to(layout.home) for name in ("TMPDIR", "STATE_DIR", "S3_DATA_DIR"))


def test_a_port_that_is_taken_is_not_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert next(configuration.free_ports("", port)) != port
    assert next(configuration.free_ports("", port)) == port
