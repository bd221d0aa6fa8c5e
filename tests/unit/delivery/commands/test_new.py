"""A new function: what is written for each kind, and what is refused with nothing written."""

import importlib.util
import re
import signal
import sys
import threading
from pathlib import Path

import pytest
from support import sample

from delivery.cli import report
from delivery.commands import new
from delivery.errors import ConfigurationError

PROJECT = Path(__file__).parents[4]
BAKE = 'group "default" {\n  targets = ["sse-streaming"]\n}\n\ntarget "sse-streaming" {\n}\n'
MAIN = 'locals {\n  functions = {\n    "sse-streaming" = module.sse_streaming\n  }\n\n  other = {\n  }\n}\n'


@pytest.fixture(autouse=True)
def _no_functions(monkeypatch):
    sample.hide_functions(monkeypatch)


@pytest.fixture
def project(tmp_path):
    (tmp_path / new.SERVICE).mkdir(parents=True)
    (tmp_path / new.SERVICE / "main.tf").write_text(MAIN)
    (tmp_path / new.SERVICE / "sse_streaming.tf").write_text('module "sse_streaming" {\n}\n')
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    return tmp_path


TESTS = ("tests/unit/lambdas/test_orders_api.py", "tests/acceptance/test_orders_api.py")


def content(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", new.HEALTH)
def test_a_new_function_has_code_a_test_a_target_and_a_module_block(project, kind):
    new.write(new.files(project, "orders-api", kind))
    made = content(project)
    assert {"src/lambdas/orders_api/app.py", "src/lambdas/orders_api/Dockerfile"} < made.keys()
    assert {"src/lambdas/orders_api/.dockerignore", *TESTS} < made.keys()
    assert 'targets = ["sse-streaming", "orders-api"]' in made["docker-bake.hcl"]
    assert f'labels     = {{ "lambda.health" = jsonencode({new.HEALTH[kind]}) }}' in made["docker-bake.hcl"]
    block = made["infrastructure/service/orders_api.tf"]
    assert re.search(r'^module "orders_api" \{\n  source = "../modules/image_function"\n', block)
    assert ("url  " in block) == (kind != "event")
    assert made["infrastructure/service/main.tf"] == MAIN.replace(
        '"sse-streaming" = module.sse_streaming\n',
        '"sse-streaming" = module.sse_streaming\n    "orders-api"    = module.orders_api\n',
    )
    assert not [name for name, text in made.items() if "template" in text]


@pytest.mark.parametrize("kind", new.HEALTH)
def test_the_test_of_a_new_function_passes(project, kind, monkeypatch):
    name = f"sample-of-{kind}"
    new.write(new.files(project, name, kind))
    monkeypatch.syspath_prepend(str(project / "src" / "lambdas"))
    monkeypatch.syspath_prepend(str(project / "tests" / "unit" / "lambdas"))
    test = importlib.import_module(f"test_{name.replace('-', '_')}")
    cases = [case for name, case in vars(test).items() if name.startswith("test_")]
    assert len(cases) >= 2
    for case in cases:
        case()
    for loaded in [each for each in sys.modules if each.removeprefix("test_").startswith("sample_of_")]:
        del sys.modules[loaded]


@pytest.fixture
def runtime(monkeypatch):
    """The runtime of a new function that streams."""
    path = PROJECT / "src/delivery/commands/templates/stream/runtime.py"
    spec = importlib.util.spec_from_file_location("runtime_of_a_template", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
    before = signal.getsignal(signal.SIGTERM)
    yield module
    signal.signal(signal.SIGTERM, before)


def test_a_new_stream_serves_as_many_invocations_at_a_time_as_lambda_allows(runtime, monkeypatch):
    together = threading.Barrier(3, timeout=10)

    def serve(_address, _events):
        together.wait()  # raises BrokenBarrierError unless three threads come here
        runtime._stopping.set()

    monkeypatch.setattr(runtime, "serve", serve)
    monkeypatch.setenv("AWS_LAMBDA_MAX_CONCURRENCY", "3")
    runtime.run(lambda _: iter(()))
    assert runtime._stopping.is_set()


def test_sigterm_ends_the_answer_of_a_new_stream_and_then_its_process(runtime, monkeypatch):
    def events(_request):
        yield b"event: hello\n\n"
        signal.raise_signal(signal.SIGTERM)
        yield b"event: never\n\n"

    def serve(_address, events):
        answers.append(list(runtime.body(events, {})))

    answers = []
    monkeypatch.setattr(runtime, "serve", serve)
    runtime.run(events)
    assert [answer[1:] for answer in answers] == [[b"event: hello\n\n"]]


def test_a_second_function_goes_beside_the_first_and_the_lists_keep_their_form(project):
    (project / "docker-bake.hcl").write_text(
        BAKE.replace('["sse-streaming"]', '[\n    "sse-streaming",\n    "worker",\n  ]')
    )
    new.write(new.files(project, "orders", "http"))
    new.write(new.files(project, "a-rather-long-name", "event"))
    bake, main = (project / "docker-bake.hcl").read_text(), (project / new.SERVICE / "main.tf").read_text()
    assert '[\n    "sse-streaming",\n    "worker",\n    "orders",\n    "a-rather-long-name",\n  ]' in bake
    assert '    "orders"             = module.orders\n    "a-rather-long-name" = module.a_rather_long_name\n' in main


def test_without_any_function_the_first_one_is_added(project):
    (project / "docker-bake.hcl").write_text('group "default" {\n  targets = []\n}\n')
    (project / new.SERVICE / "main.tf").write_text("locals {\n  functions = {}\n}\n")
    new.write(new.files(project, "orders", "http"))
    assert 'targets = ["orders"]' in (project / "docker-bake.hcl").read_text()
    main = 'locals {\n  functions = {\n    "orders" = module.orders\n  }\n}\n'
    assert (project / new.SERVICE / "main.tf").read_text() == main


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("", "http", "No name was named"),
        ("Orders", "http", "Malformed --name: 'Orders'"),
        ("orders_api", "http", "Malformed --name: 'orders_api'"),
        ("../orders", "http", r"Malformed --name: '\.\./orders'"),
        ("2fast", "http", "Malformed --name: '2fast'"),
        ("orders", "", "No kind was named"),
        ("orders", "grpc", "Unknown kind: grpc"),
        ("json", "http", "--name cannot be json"),
        ("delivery", "http", "the CI role <environment>-delivery"),
        ("class", "http", "--name cannot be class"),
        ("invoke", "http", "--name cannot be invoke"),
        ("sse-streaming", "http", "sse-streaming exists already"),
        ("default", "http", "default exists already"),
        ("a" * 60, "http", "--name is too long"),
    ],
)
def test_a_wrong_or_existing_name_is_refused_and_nothing_is_written(project, name, kind, words):
    before = content(project)
    with pytest.raises(ConfigurationError, match=words):
        new.write(new.files(project, name, kind, ["prod", "preprod"]))
    assert content(project) == before


@pytest.mark.parametrize(
    "path", ["src/lambdas/orders/x", "infrastructure/service/orders.tf", "tests/acceptance/test_orders.py"]
)
def test_what_stands_in_the_way_is_named(project, path):
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).write_text("mine")
    with pytest.raises(ConfigurationError, match="orders exists already") as caught:
        new.files(project, "orders", "http")
    assert path.removesuffix("/x") in caught.value.why
    assert (project / path).read_text() == "mine"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("docker-bake.hcl", 'group "all" {\n}\n', "no group `default`"),
        (f"{new.SERVICE}/main.tf", "locals {\n}\n", "no list of functions"),
        (f"{new.SERVICE}/main.tf", "locals {\n  functions = {\n    x = merge(a)\n  }\n}\n", "no list of functions"),
    ],
)
def test_a_file_that_cannot_be_completed_is_refused_and_nothing_is_written(project, file, text, words):
    (project / file).write_text(text)
    before = content(project)
    with pytest.raises(ConfigurationError, match=words):
        new.write(new.files(project, "orders", "http"))
    assert content(project) == before


def test_the_project_itself_can_get_a_new_function():
    made = new.files(PROJECT, "a-new-function", "http")
    assert '"a-new-function"' in made[PROJECT / "docker-bake.hcl"]
    assert "module.a_new_function" in made[PROJECT / new.SERVICE / "main.tf"]


def test_what_was_written_is_listed_with_the_commands_to_type_next():
    lines = report.written_lines("orders", ["src/lambdas/orders/app.py"], "here")
    assert lines[0] == "wrote src/lambdas/orders/app.py"
    assert "  ./dev invoke deploy --env here" in lines
    assert "  ./dev invoke deploy --env ENVIRONMENT" in report.written_lines("orders", [], "")
