"""A session shows the results of commands, hands outputs to later jobs, and opens environments."""

import signal

import pytest
from invoke.config import Config
from invoke.context import Context
from support.build import DIGEST
from support.shell import FakeShell

import delivery
from delivery import errors, settings
from delivery.cli import session
from delivery.cli.summary import Block
from delivery.progress import Progress, Screen

CONFIG = {"environments": {"preprod": {}, "prod": {}}, "terraform": {"lock_wait": "1m", "other": "x"}}


@pytest.fixture
def made(tmp_path):
    return session.Session(tmp_path, CONFIG, tmp_path / "scratch", FakeShell(), Progress(Screen()))


@pytest.fixture
def requests(monkeypatch):
    """The requests that the session makes for an environment."""
    requests = []
    monkeypatch.setattr(delivery.context, "open_context", lambda request, *_: requests.append(request))
    return requests


def test_shown_lines_are_printed_and_become_a_block_of_the_page(made, capsys):
    made.show("Plan", iter(["+ create a.b", "1 to create"]))
    assert capsys.readouterr().out.split() == ["+", "create", "a.b", "1", "to", "create"]
    assert made.blocks == [Block("Plan", ("+ create a.b", "1 to create"))]


def test_outputs_have_each_digest_and_tag_once(made):
    made.output([DIGEST, DIGEST], ["c", "d", "c"])
    assert made.outputs == {"digest": (DIGEST,), "tag": ("c", "d")}


def test_an_address_is_an_output_only_if_there_is_one(made):
    made.output([DIGEST], ["c"], "https://a.test/")
    assert made.outputs["url"] == ("https://a.test/",)
    made.output([DIGEST], ["c"], "")
    assert "url" not in made.outputs


def test_an_environment_is_opened_with_the_configuration_of_the_command(made, requests):
    made.open("preprod")
    (request,) = requests
    assert (request.root, request.environment, request.config) == (made.root, "preprod", CONFIG)


def test_lock_wait_overrides_the_setting_of_one_command_only(made, requests):
    made.open("preprod", "5m")
    assert requests[0].config["terraform"] == {"lock_wait": "5m", "other": "x"}
    assert made.config["terraform"]["lock_wait"] == "1m"


def test_a_wrong_setting_names_the_file_or_the_option_that_gave_it(made, requests, tmp_path):
    made.open("preprod", "soon")
    assert requests[0].sources[0] == ("--lock-wait", {"terraform": {"lock_wait": "soon"}})
    file = tmp_path / "own.yaml"
    file.write_text("environments: {preprod: {regoin: x}}")
    config = Config(runtime_path=str(file))
    config.load_runtime()
    with session.session(Context(config), root=tmp_path) as opened:
        given = opened.config, opened.sources
    with pytest.raises(errors.ConfigurationError, match=f"regoin in {file}"):
        settings.load(tmp_path, "preprod", *given)


def test_lock_wait_needs_no_terraform_settings(made, requests):
    made.config = {"environments": {}}
    made.open("preprod", "5m")
    assert requests[0].config["terraform"] == {"lock_wait": "5m"}


def test_a_name_that_no_environment_has_is_refused(made):
    assert made.environments(["prod"]) == ("prod",)
    with pytest.raises(errors.ConfigurationError, match="prdo"):
        made.environments(["prdo"])


def test_an_interrupt_names_the_stage_and_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["invoke", "deploy", "--env", "preprod"])
    context = Context(Config(overrides=CONFIG))
    with (
        pytest.raises(errors.Interrupted) as caught,
        session.session(context, root=tmp_path) as opened,
        opened.progress.stage("apply", interrupted="the state may differ"),
    ):
        raise KeyboardInterrupt
    text = session.message(caught.value)
    assert "in apply" in text
    assert "`invoke deploy --env preprod`" in text


def test_a_quiet_session_leaves_stdout_to_the_answer(tmp_path, capsys):
    with session.session(Context(Config(overrides=CONFIG)), quiet=True, root=tmp_path) as opened:
        opened.show("Plan", ["a line"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a line" in captured.err


def test_the_message_of_an_unknown_error_is_its_representation():
    assert session.message(ZeroDivisionError("x")) == "ZeroDivisionError('x')"


@pytest.fixture
def context():
    environments = {"preprod": {"account": "111111111111", "region": "eu-west-1"}, "prod": {"account": "bad"}}
    return Context(Config(overrides={"environments": environments}))


@pytest.mark.parametrize(
    ("env", "what"),
    [("qa", "Unknown environment: qa"), (None, "No environment was named."), ("prod", "Malformed setting")],
)
def test_a_session_reads_the_environments_from_the_configuration_of_invoke(tmp_path, context, env, what):
    with pytest.raises(errors.ConfigurationError, match=what), session.session(context, root=tmp_path) as opened:
        opened.open(env)


def test_a_closed_session_restores_the_signal_handlers(tmp_path, context):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(errors.ConfigurationError), session.session(context, root=tmp_path) as opened:
        opened.open("qa")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
