"""Every page for people is true: its commands, its paths, its settings, its Terraform, its links. See support.pages."""

import ast
import re
import shlex
from collections.abc import Mapping

import pytest
import yaml
from invoke.collection import Collection
from invoke.loader import FilesystemLoader
from invoke.parser import Parser, ParserContext
from invoke.program import Program
from support import pages, sample
from support.pages import PAGES, ROOT

from delivery import durations, health, settings
from delivery.commands import logs, new, unlock
from delivery.image import ignored
from delivery.release import canary

TASKS, _ = FilesystemLoader(start=str(ROOT)).load("tasks")
COLLECTION = Collection.from_module(TASKS)
CORE = ParserContext(args=Program().core_args() + Program().task_args())
# The pages use these names; a team may have others.
EXAMPLES = {name: {"account": "0" * 12, "region": "us-east-1"} for name in ("sandbox", "preprod", "prod")}
PLACEHOLDER = re.compile(r"[A-Z][A-Z_-]*|[A-Z]+:VERSION|<[a-z]+>|\.\.\.|IMAGE:VERSION")
WITHOUT_ENV = {"doctor", "status"}  # they have an answer without an environment, too
REQUIRED = {"promote": {"from", "to"}, "new": {"name", "kind"}, "hold": {"env", "reason"}}
# They are made while a task runs, or by a team.
GENERATED = {"infrastructure/service/errored.tfstate", "tests/real/answers/aws/TIME", "tests/acceptance"}
BLOCKS = [block for page in PAGES for block in pages.blocks(page)]


def merged(below, above):
    both = isinstance(below, Mapping) and isinstance(above, Mapping)
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}} if both else above


SETTINGS = merged({"environments": EXAMPLES}, yaml.safe_load((ROOT / "invoke.yaml").read_text()))


def of_kind(kind):
    return [pytest.param(block, id=block.place) for block in BLOCKS if block.kind == kind]


def page_names(page):
    """The functions and environments that a page makes: by `invoke new`, and in its parts of invoke.yaml."""
    functions, environments = set(), set()
    for block in pages.blocks(page):
        functions |= set(re.findall(r"invoke new --name (\S+)", block.text)) | set(
            re.findall(r'^target "(\S+)"', block.text, re.M)
        )
        if block.kind == "yaml":
            environments |= set(yaml.safe_load(block.text).get("environments") or {})
    return functions, environments


def require_known(words, page, *, complete):
    """A command that `./dev invoke` would take. `complete`: with the options that it needs, too."""
    for context in Parser(contexts=COLLECTION.to_contexts(), initial=CORE).parse_argv(words)[1:]:
        given = {name: arg.value for name, arg in context.args.items() if arg.got_value}
        needed = REQUIRED.get(context.name) or ({"env"} if "env" in context.args else set()) - (
            {"env"} if context.name in WITHOUT_ENV else set()
        )
        assert not complete or needed <= given.keys(), f"{context.name} needs {needed}"
        for name, value in given.items():
            for each in value if isinstance(value, list) else [value]:
                require_value(name, str(each), page)


def require_value(option, value, page):
    if PLACEHOLDER.fullmatch(value):
        return
    functions, environments = page_names(page)
    if option in ("env", "from", "to") and ":" not in value:
        assert value in {*SETTINGS["environments"], *environments}, f"--{option} {value}"
    checks = {
        "kind": lambda: new.HEALTH[value],
        "canary": lambda: canary.steps(value, ""),
        "since": lambda: logs.parse(value, "", False),
        "lock-wait": lambda: durations.seconds(value),
        "stack": lambda: unlock.STACKS.index(value),
        "only": lambda: [{"sse-streaming", *functions}.remove(name) for name in value.split(",")],
    }
    checks.get(option, str)()


def sessions():
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}


@pytest.mark.parametrize("block", of_kind("sh"))
def test_every_command_names_tasks_options_sessions_and_files_that_exist(block):
    for words in block.commands():
        program, *rest = [word for word in words if not re.fullmatch(r"[A-Z_]+=.*", word)]
        assert (
            program in {"./dev", "invoke", "aws", "cosign", "docker", "export", "gh", "git", "source", "terraform"}
            or not rest
        )
        if program == "./dev":
            program, *rest = rest
            assert program in {"invoke", "nox", "pytest", "python"}, f"./dev {program}"
        if program == "invoke":
            require_known(rest, block.page, complete=True)
        if program == "nox" and rest[:1] == ["-s"]:
            own = rest[1 : rest.index("--")] if "--" in rest else rest[1:]
            assert set(own) <= sessions(), own
        for word in words:
            require_path(word, block.page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_sentence_names_a_task_and_options_that_exist(page):
    for code in pages.inline_code(page):
        quoted = re.search(r": |:$", code)  # a message that begins with what was typed
        match = re.match(r"(?:\./dev )?invoke ([a-z].*)", re.sub(r"[\[\]]", "", code))
        if match and not quoted:
            require_known(shlex.split(match[1]), page, complete=False)
        for name in re.findall(r"nox -s ([a-z]+)", code):
            assert name in sessions(), code


def written(page):
    """What `invoke new` writes on a page, and the folders of the functions that its blocks describe."""
    for name in page_names(page)[0]:
        module = name.replace("-", "_")
        yield from (
            f"src/lambdas/{module}",
            f"tests/unit/lambdas/test_{module}.py",
            f"infrastructure/service/{module}.tf",
        )


def require_path(word, page):
    """A path of the project exists, or `invoke new` writes it on this page. `<environment>` and `*` are any name."""
    path = word.removeprefix("./").rstrip("/")
    if ("sse_streaming" in path or path == "tests/lambdas") and not sample.PRESENT:
        return
    if not re.match(r"(src|tests|docs|infrastructure|\.github|\.ci)/", path) or path in GENERATED:
        return
    if any(made.startswith(path) or path.startswith(made) for made in written(page)):
        return
    assert list(ROOT.glob(re.sub(r"<\w+>|NAME", "*", path))), f"{path} does not exist"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page):
    for code in pages.inline_code(page):
        if " " not in code and "…" not in code and "{" not in code:
            require_path(code.partition(":")[0], page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page):
    for link in pages.links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in pages.anchors(target), link


@pytest.mark.parametrize("block", of_kind("yaml"))
def test_every_part_of_invoke_yaml_is_one_that_the_tasks_accept(block):
    part = yaml.safe_load(block.text)
    whole = merged(SETTINGS, part)
    for name in part.get("environments") or SETTINGS["environments"]:
        settings.load(ROOT, name, whole)


def declared(folder):
    text = "".join(path.read_text() for path in sorted((ROOT / "infrastructure" / folder).glob("*.tf")))
    return set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))


ARGUMENTS = declared("modules/image_function") | {"source"}


@pytest.mark.parametrize("block", of_kind("hcl"))
def test_every_block_of_terraform_has_only_arguments_that_exist(block):
    for opening in re.finditer(r'^module "\w+" (\{)', block.text, re.MULTILINE):
        body = pages.within(block.text, opening.start(1))
        given = set(re.findall(r"^  (\w+) +=", body, re.MULTILINE))
        assert given <= ARGUMENTS, given - ARGUMENTS
        assert {"source", "common", "name"} <= given
        assert 'source = "../modules/image_function"' in body
    loose = set(re.findall(r"^(\w+) += ", block.text, re.MULTILINE))
    known = ARGUMENTS | declared("foundation") | declared("service") | {"labels"}
    assert loose <= known, loose - known


@pytest.mark.parametrize("block", of_kind("hcl"))
def test_every_health_contract_of_a_page_is_one_that_the_tasks_accept(block):
    for label in re.finditer(r'"lambda\.health" = jsonencode(\()', block.text):
        health.parse(pages.json_of_hcl(pages.within(block.text, label.start(1))))


@pytest.mark.parametrize("block", of_kind("toml"))
def test_every_exception_of_a_page_is_one_that_the_tasks_accept(block, tmp_path):
    (tmp_path / ignored.FILE).write_text(block.text)
    assert ignored.read(tmp_path)


def test_the_page_of_functions_has_every_argument_of_the_module():
    text = (ROOT / "docs/functions.md").read_text()
    table = text[text.index("| argument ") :].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.M)))) == ARGUMENTS - {"source"}


def test_a_command_that_is_to_be_run_is_checked_too():
    assert [block.place for block in BLOCKS if "run" in block.words]
    assert {block.kind for block in BLOCKS} <= {"sh", "text", "yaml", "toml", "hcl", "diff"}
