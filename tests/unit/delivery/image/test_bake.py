"""bake, as data; and what a build that fails says."""

import json
import re
from pathlib import Path

import pytest
from support import build, sample
from support.build import BASE_MISSING, DIGEST, RUN_FAILED, SYNTAX, base_failed, labels, printed, push_failed
from support.shell import FakeShell
from support.world import COMMIT, ENVIRONMENT, IMAGE, PUSHED, REPOSITORY, answers, settings

from delivery import health
from delivery.errors import BuildError, CloudError, ConfigurationError, DeliveryError, MissingToolError
from delivery.git import Commit
from delivery.image import bake
from delivery.image.bake import Bake, Baked
from delivery.image.network import Network
from delivery.process.shell import Result
from delivery.reference import Image, PushedImage

SOURCE = Commit(COMMIT, dirty=False)
VARIABLES = {"ENVIRONMENT": "sandbox", "COMMIT": COMMIT}
NO_INDEX = "docker exporter does not support exporting manifest lists, use the oci exporter instead"
WAITING = """#0 building with "team" instance using remote driver

#1 [internal] waiting for connection
#1 ERROR: context deadline exceeded
"""
HEAD = ("docker", "buildx", "bake", "--file")
FILES = ("--file", "docker-bake.hcl", "--progress", "plain")


def one_bake(tmp_path, output="push", network=None, **variables):
    return Bake(("sse-streaming",), ENVIRONMENT, {**VARIABLES, **variables}, tmp_path, output, network or Network())


def built(tmp_path, output="layout", **shell):
    printed = []
    result = bake.build(one_bake(tmp_path, output), tmp_path, FakeShell(answers(**shell)), printed.append)
    return result, printed


def cached(tmp_path, *results):
    """A push with the gha cache; buildx ends with one of `results` after the other."""
    shell = FakeShell(answers(**{"docker buildx bake --file": list(results)}))
    return bake.build(one_bake(tmp_path, CACHE="gha"), tmp_path, shell, print), shell


def after_warnings(text):
    """What buildx leaves when it succeeds and prints this first."""
    return lambda command: Result(0, build.bake(command), text)


def failure(tmp_path, text, output="layout"):
    with pytest.raises(DeliveryError) as caught:
        built(tmp_path, output, **{"docker buildx bake": Result(1, "", text)})
    return caught.value


@pytest.mark.parametrize(
    ("entitlements", "network", "allowed"),
    [
        (True, Network(), ()),
        (False, Network("host", "/ca.pem"), ()),
        (True, Network("host"), ("--allow", "network.host")),
        (True, Network(certificates="/ca.pem"), ("--allow", "fs.read=/ca.pem")),
        (True, Network("host", "/ca.pem"), ("--allow", "network.host", "--allow", "fs.read=/ca.pem")),
        (True, Network(pip="[global]"), ("--allow", "fs.read={folder}/pip.conf")),
    ],
)
def test_bake_asks_for_what_it_uses_where_buildx_wants_to_be_asked(tmp_path, entitlements, network, allowed):
    command = one_bake(tmp_path, network=network).command(tmp_path, entitlements=entitlements)
    compose, metadata = str(tmp_path / "network.compose.yaml"), str(tmp_path / "build.json")
    allowed = [each.format(folder=tmp_path) for each in allowed]
    assert command.argv == (*HEAD, compose, *FILES, *allowed, "--metadata-file", metadata, "sse-streaming")
    assert command.cwd == tmp_path


def test_the_network_of_run_steps_is_in_a_file_that_every_buildx_reads(tmp_path):
    bake.build(one_bake(tmp_path, network=Network("host")), tmp_path, FakeShell(answers()), print)
    output = json.loads((tmp_path / "network.compose.yaml").read_text())
    assert output == {"services": {"sse-streaming": {"build": {"context": ".", "network": "host"}}}}
    assert not (tmp_path / "pip.conf").exists()


def test_passwords_of_proxies_and_of_an_index_are_in_files_of_this_run_and_in_no_command(tmp_path):
    network = Network(
        proxies={"HTTP_PROXY": "http://me:hu$h@proxy"}, pip="[global]\nindex-url = https://me:hush@index\n"
    )
    fake = FakeShell(answers())
    bake.build(one_bake(tmp_path, network=network), tmp_path, fake, print)
    compose, pip = tmp_path / "network.compose.yaml", tmp_path / "pip.conf"
    args = json.loads(compose.read_text())["services"]["sse-streaming"]["build"]["args"]
    assert args == {"HTTP_PROXY": "http://me:hu$$h@proxy"}, "Compose reads $ as the start of a variable"
    assert pip.read_text() == network.pip
    assert fake.ran[-1].variables["PIP_CONFIG"] == str(pip)
    assert {compose.stat().st_mode & 0o777, pip.stat().st_mode & 0o777} == {0o600}
    assert not re.search(r"hush|hu\$h", repr(fake.ran) + repr(network))


def test_an_image_that_stands_in_for_a_pinned_one_is_a_named_context_of_each_target(tmp_path):
    contexts = "python:3.13-slim@sha256:ab=docker-image://python:3.13-slim x=docker-image://y"
    bake.build(one_bake(tmp_path, BUILD_CONTEXTS=contexts), tmp_path, FakeShell(answers()), print)
    output = json.loads((tmp_path / "network.compose.yaml").read_text())
    assert output["services"]["sse-streaming"]["build"]["additional_contexts"] == {
        "python:3.13-slim@sha256:ab": "docker-image://python:3.13-slim",
        "x": "docker-image://y",
    }


@pytest.mark.parametrize("text", ["python", "=docker-image://x", "python="])
def test_a_stand_in_without_a_name_or_an_image_is_refused(tmp_path, text):
    with pytest.raises(ConfigurationError, match="BUILD_CONTEXTS"):
        bake.build(one_bake(tmp_path, BUILD_CONTEXTS=text), tmp_path, FakeShell(answers()), print)


def test_a_named_builder_builds_and_without_a_name_the_choice_of_docker_stays(tmp_path):
    named = bake.variables(settings(tmp_path, builder="team"), SOURCE, {"BUILDX_BUILDER": "mine"})
    assert named["BUILDX_BUILDER"] == "team"
    assert "BUILDX_BUILDER" not in bake.variables(settings(tmp_path), SOURCE, {"BUILDX_BUILDER": "mine"})


def test_an_environment_names_stand_ins_and_an_exported_variable_does_not(tmp_path):
    declared = settings(tmp_path, variables={"BUILD_CONTEXTS": "a=b"})
    assert bake.variables(declared, SOURCE, {"BUILD_CONTEXTS": "exported=x"})["BUILD_CONTEXTS"] == "a=b"
    assert bake.variables(settings(tmp_path), SOURCE, {"BUILD_CONTEXTS": "exported=x"})["BUILD_CONTEXTS"] == ""


@pytest.mark.parametrize("output", ["push", "archive", "layout", "digest"])
def test_a_push_and_an_archive_name_the_media_types_on_which_the_digest_depends(output):
    text = (Path(__file__).parents[4] / "docker-bake.hcl").read_text()
    assert re.search(rf'OUTPUT == "{output}" \? "type=[^"]*oci-mediatypes=true', text)


@pytest.mark.parametrize(("help_text", "asked"), [("  --allow strings\n  --file\n", True), ("  --file\n", False)])
def test_whether_buildx_wants_to_be_asked_is_read_from_its_help(tmp_path, help_text, asked):
    fake = FakeShell(answers(**{"docker buildx bake --help": help_text}))
    bake.build(one_bake(tmp_path, network=Network("host")), tmp_path, fake, print)
    assert ("--allow" in fake.ran[-1].argv) == asked


@pytest.mark.parametrize("output", ["load", "digest", "layout", "archive", "push"])
def test_where_an_image_goes_is_a_variable_of_the_bake_file(tmp_path, output):
    variables = one_bake(tmp_path, output).command(tmp_path, entitlements=True).variables
    assert (variables["OUTPUT"], variables["OUTPUTS"]) == (output, str(tmp_path))


def test_a_build_says_its_steps_and_gives_each_target_s_digest(tmp_path):
    baked, output = built(tmp_path)
    assert baked == Baked({"sse-streaming": DIGEST}, "4 steps, 2 cached", ())
    assert "[stdlib 2/2] RUN python -m compileall -q /usr/local/lib/python3.13" in output


def test_a_failed_step_is_reported_with_its_last_lines(tmp_path):
    error = failure(tmp_path, RUN_FAILED)
    assert error.exit_code == 5
    assert error.what.startswith("The image does not build: [dependencies 2/3] RUN pip install")
    assert error.why.splitlines()[:2] == ["pip says 11", "pip says 12"]
    assert "Dockerfile" in error.hint


@pytest.mark.parametrize(
    ("text", "kind", "what", "hint"),
    [
        (
            BASE_MISSING,
            CloudError,
            "The registry of the base image, mirror.invalid, cannot be reached.",
            "proxy",
        ),
        (SYNTAX, BuildError, "The image does not build.", ""),
        (f"ERROR: {NO_INDEX}", BuildError, "The build makes an index.", "provenance"),
        (
            "ERROR: Docker exporter is not supported for the docker driver.",
            ConfigurationError,
            "This engine and builder cannot write an image to a file.",
            "containerd image store",
        ),
        ("ERROR: Cannot connect to the Docker daemon at unix:///x.sock.", BuildError, "The image does not build.", ""),
        (WAITING, MissingToolError, "The builder does not answer.", "docker buildx ls"),
        ("#1 [internal] booting buildkit\n#1 ERROR: no image", MissingToolError, "The builder does not answer.", "ls"),
        ('ERROR: no builder "tema" found', ConfigurationError, "There is no such builder.", "build.builder"),
        (
            push_failed("unexpected status from POST request to http://x/v2/y/blobs/uploads/: 404 Not Found"),
            CloudError,
            "The repository does not exist.",
            "invoke bootstrap --env sandbox",
        ),
        (
            push_failed("name unknown: The repository with name 'y' does not exist in the registry with id '1'"),
            CloudError,
            "The repository does not exist.",
            "invoke bootstrap --env sandbox",
        ),
        (push_failed("unexpected status: 403 Forbidden"), CloudError, "The registry refused the push.", "doctor"),
        (push_failed("failed to do request: EOF"), CloudError, "The registry cannot be reached.", "network"),
        ("ERROR: write /run/build.tar: no space left on device", MissingToolError, "The disk is full.", "free some"),
    ],
)
def test_each_failure_has_its_message(tmp_path, text, kind, what, hint):
    error = failure(tmp_path, text)
    assert (type(error), error.what) == (kind, what)
    assert error.why
    assert hint in error.hint


def test_a_dockerfile_that_cannot_be_parsed_is_quoted_and_to_be_corrected(tmp_path):
    assert "unknown instruction: COPI" in failure(tmp_path, SYNTAX).why
    assert "Dockerfile" in failure(tmp_path, SYNTAX).hint


def test_a_digest_with_404_in_it_is_no_missing_repository(tmp_path):
    text = push_failed('failed to do request: Head "https://x/v2/y/blobs/sha256:ab404": connection refused')
    assert failure(tmp_path, text).what == "The registry cannot be reached."


def test_a_push_that_ends_without_a_word_is_no_failed_build(tmp_path):
    error = failure(tmp_path, "", "push")
    assert (error.what, error.why) == ("The image could not be pushed.", "docker ended with 1")


@pytest.mark.parametrize("noise", ["error: failed to push some refs", "pull access denied for x"])
def test_what_a_failing_step_prints_is_not_taken_for_the_reason(tmp_path, noise):
    text = RUN_FAILED.replace("pip says 30", noise)
    assert failure(tmp_path, text).what.startswith("The image does not build: [dependencies 2/3]")


@pytest.mark.parametrize("text", ["Cannot connect to the Docker daemon at unix:///x.sock.", "no space left on device"])
def test_a_failure_outside_the_dockerfile_is_not_to_be_corrected_there(tmp_path, text):
    assert "Dockerfile" not in failure(tmp_path, f"ERROR: {text}").hint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (base_failed("r.test/python:3.13", "r.test/python:3.13: not found"), "The base image is missing."),
        (push_failed("403 Forbidden"), "The registry refused the push."),
    ],
)
def test_failures_are_distinguished_when_several_targets_are_built(tmp_path, text, what):
    named = text.replace("[internal]", "[one internal]").replace("#7 exporting", "#7 [one] exporting")
    assert failure(tmp_path, named).what == what


def test_a_missing_cache_is_not_the_reason_of_a_later_failure(tmp_path):
    text = "#4 importing cache manifest from x:buildcache\n#4 ERROR: x:buildcache: not found\nERROR: no space left"
    assert "no space left" in failure(tmp_path, text).why


@pytest.mark.parametrize(
    ("name", "words"),
    [("Orders_API", "cannot take: Orders_API"), ("2fast", "cannot take: 2fast"), ("a" * 57, "too long: aaa")],
)
def test_a_name_that_no_function_can_have_is_refused_before_anything_is_built(tmp_path, name, words):
    fake = FakeShell({"docker buildx bake": printed("api", name)})
    with pytest.raises(ConfigurationError, match=words) as caught:
        bake.targets(settings(tmp_path), fake)
    assert caught.value.hint.startswith("rename it in docker-bake.hcl")


def test_two_environments_of_an_account_do_not_share_the_name_of_a_function(tmp_path):
    fake = FakeShell({"docker buildx bake": printed("api", "eu-api")})
    assert bake.targets(settings(tmp_path, neighbours=("prod",)), fake) == ("api", "eu-api")
    with pytest.raises(ConfigurationError, match="would share a name: sandbox-eu-api"):
        bake.targets(settings(tmp_path, neighbours=("prod", "sandbox-eu")), fake)


@pytest.mark.parametrize(
    ("name", "neighbours", "words"),
    [
        ("reader", (), "the name of a CI role: sandbox-reader"),
        ("signer", (), "the name of a CI role: sandbox-signer"),
        ("eu-delivery", ("sandbox-eu",), "would share a name: sandbox-eu-delivery"),
    ],
)
def test_no_function_has_the_name_of_a_ci_role_of_its_account(tmp_path, name, neighbours, words):
    fake = FakeShell({"docker buildx bake": json.dumps({"target": {"api": {}, name: {}}})})
    with pytest.raises(ConfigurationError, match=words):
        bake.targets(settings(tmp_path, neighbours=neighbours), fake)


def test_the_targets_are_what_the_bake_file_builds_by_default(tmp_path):
    fake = FakeShell({"docker buildx bake --file docker-bake.hcl --print": printed("b", "a")})
    assert bake.targets(settings(tmp_path), fake) == ("a", "b")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({}, "The label lambda.health is missing."),
        ({"labels": None}, "is missing."),
        ({"labels": {"other": "x"}}, "is missing."),
        ({"labels": {"lambda.health": None}}, "is missing."),
        ({"labels": {"lambda.health": "{"}}, "is malformed: {"),
        ({"labels": {"lambda.health": '{"htp": "/"}'}}, 'is malformed: {"htp": "/"}'),
        ({"labels": {"lambda.health": '{"http": "/", "stream": "/"}'}}, "is malformed: "),
    ],
)
def test_a_target_without_a_health_contract_is_refused_with_the_line_to_add(tmp_path, target, why):
    fake = FakeShell({"docker buildx bake": printed("a", orders=target)})
    with pytest.raises(ConfigurationError) as caught:
        bake.targets(settings(tmp_path), fake)
    assert caught.value.exit_code == 2
    assert caught.value.what.startswith("docker-bake.hcl, target orders: ")
    assert why in caught.value.what
    assert caught.value.hint == f"in the target orders: {health.line('http')}"


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        ({"context": "src/lambdas/nothing"}, "the context does not exist: src/lambdas/nothing"),
        ({"context": "code", "dockerfile": "Dockerfile.new"}, "the Dockerfile does not exist: code/Dockerfile.new"),
        ({"context": "bare"}, "the Dockerfile does not exist: bare/Dockerfile"),
        ({"context": "src/nothing", "dockerfile-inline": "FROM scratch"}, "the context does not exist: src/nothing"),
    ],
)
def test_a_context_or_a_dockerfile_that_does_not_exist_is_refused_before_anything_is_built(tmp_path, target, missing):
    for folder in ("code", "bare"):
        (tmp_path / folder).mkdir()
    (tmp_path / "code/Dockerfile").touch()
    fake = FakeShell({"docker buildx bake": printed(orders={**target, "labels": labels()})})
    with pytest.raises(ConfigurationError) as caught:
        bake.targets(settings(tmp_path), fake)
    assert (caught.value.what, caught.value.exit_code) == (f"docker-bake.hcl, target orders: {missing}", 2)


@pytest.mark.parametrize(
    "target",
    [
        {"context": "code"},
        {"context": "code", "dockerfile": "../other/Dockerfile"},
        {"context": "bare", "dockerfile-inline": "FROM scratch"},
        {"context": "https://example.com/code.git#main"},
        {"context": "git@example.com:code"},
    ],
)
def test_a_context_that_exists_or_is_a_url_is_left_to_buildkit(tmp_path, target):
    for folder in ("code", "bare", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "code/Dockerfile").touch()
    (tmp_path / "other/Dockerfile").touch()
    fake = FakeShell({"docker buildx bake": printed(orders={**target, "labels": labels()})})
    assert bake.targets(settings(tmp_path), fake) == ("orders",)


def test_a_context_that_git_ignores_is_not_in_the_commit(tmp_path):
    (tmp_path / "ignored").mkdir()
    fake = FakeShell({"docker buildx bake": printed(orders={"context": "ignored", "labels": labels()})})
    with pytest.raises(ConfigurationError, match="the context does not exist: ignored") as caught:
        bake.targets(settings(tmp_path, exported=tmp_path / "commit"), fake)
    assert caught.value.why == "It is not in the commit: git ignores it, or it was not added."


@sample.needed
def test_the_contract_of_our_function_stands_in_the_bake_file_as_a_constant():
    (contract,) = re.findall(r'"lambda.health" = jsonencode\(\{(.*?)\}\)\n', BAKE_TEXT, re.DOTALL)
    assert "${" not in contract
    assert 'stream = "/api/v2/stream", first = "hello", events = 3' in contract


def test_a_bake_file_that_cannot_be_read_is_quoted(tmp_path):
    fake = FakeShell({"docker buildx bake": Result(1, "", "docker-bake.hcl:3,1-2: Invalid block definition\n")})
    with pytest.raises(ConfigurationError, match="Invalid block definition"):
        bake.targets(settings(tmp_path), fake)


def test_an_image_goes_to_the_repository_of_its_environment(tmp_path):
    assert bake.images(settings(tmp_path), ("sse-streaming",)) == (IMAGE,)
    assert Image("sse-streaming", REPOSITORY) == IMAGE


def test_a_pushed_image_is_named_by_its_digest():
    assert bake.pushed_images((IMAGE,), {"sse-streaming": DIGEST}) == (PUSHED,)
    assert PUSHED.uri == f"{REPOSITORY}@{DIGEST}"


@pytest.mark.parametrize("digest", ["", "latest", "sha256:abc", "sha512:" + "d" * 64])
def test_a_build_without_a_sha256_digest_is_refused(digest):
    with pytest.raises(BuildError, match="reports no digest"):
        bake.pushed_images((IMAGE,), {"sse-streaming": digest})
    with pytest.raises(ValueError, match="not a digest"):
        PushedImage("sse-streaming", REPOSITORY, digest)


@pytest.mark.parametrize(
    ("image", "why", "what", "hint"),
    [
        ("r.test:5000/x", "unexpected status from HEAD request: 401 Unauthorized", "401", "`docker login r.test:5000`"),
        ("r.test/x", "failed to fetch anonymous token: 403 Forbidden", "403", "`docker login r.test`"),
        ("docker.io/library/x", "429 Too Many Requests - toomanyrequests: pull rate limit", "429", "`docker login`"),
        (
            "r.test/x",
            "pull access denied: insufficient_scope: authorization failed",
            "refused",
            "`docker login r.test`",
        ),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x",
            "401 Unauthorized",
            "401",
            "aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin 1234",
        ),
    ],
)
def test_a_registry_that_refuses_the_base_image_is_named_with_the_login_to_type(tmp_path, image, why, what, hint):
    error = failure(tmp_path, base_failed(image, why))
    assert (type(error), error.exit_code) == (CloudError, 8)
    assert error.what.startswith(f"The registry {image.partition('/')[0]} refused the base image")
    assert what in error.what
    assert hint in error.hint


def test_a_credential_helper_that_fails_is_a_wrong_setting_of_docker(tmp_path):
    why = 'error getting credentials - err: exec: "docker-credential-x": executable file not found in $PATH, out: ``'
    error = failure(tmp_path, f"ERROR: {why}")
    assert (error.exit_code, error.what, error.why) == (2, "Docker's credential helper failed.", why)
    assert "credsStore" in error.hint


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path):
    text = "#9 exporting to GitHub Actions Cache\n#9 ERROR: Get http://127.0.0.1:9/: connection refused\n"
    baked, shell = cached(tmp_path, after_warnings(text))
    assert baked.digests == {"sse-streaming": DIGEST}
    assert baked.warnings == ("The build cache could not be written: Get http://127.0.0.1:9/: connection refused",)
    assert len(shell.typed("docker buildx bake --file")) == 1


@pytest.mark.parametrize(
    "why",
    [
        "failed to solve: failed to configure gha cache exporter: token contains an invalid number of segments",
        "mkdir /proc/cache: permission denied",
        "Cache export is not supported for the docker driver.",
    ],
)
def test_a_build_that_a_cache_prevents_is_repeated_without_the_cache(tmp_path, why):
    baked, shell = cached(tmp_path, Result(1, "", f"ERROR: {why}"), build.bake)
    assert baked.warnings == (f"The build cache could not be used: {why}",)
    assert [command.variables["CACHE"] for command in shell.typed("docker buildx bake --file")] == ["gha", "none"]


def test_a_layer_that_the_cache_lost_does_not_stop_the_build(tmp_path):
    lost = "#9 [2/2] RUN pip install\n#9 ERROR: failed to copy: httpReadSeeker: failed open: 503 Service Unavailable"
    baked, shell = cached(tmp_path, Result(1, "", lost), build.bake)
    assert len(shell.typed("docker buildx bake --file")) == 2
    assert "503 Service Unavailable" in baked.warnings[0]


def test_a_failed_command_of_the_dockerfile_is_not_repeated_without_the_cache(tmp_path):
    with pytest.raises(BuildError, match="The image does not build"):
        cached(tmp_path, Result(1, "", RUN_FAILED))


def test_a_failed_push_is_not_repeated_without_the_cache(tmp_path):
    with pytest.raises(CloudError, match="refused the push"):
        cached(tmp_path, Result(1, "", push_failed("403 Forbidden")))


def test_a_failure_without_the_cache_is_reported_as_it_is(tmp_path):
    with pytest.raises(MissingToolError, match="The disk is full"):
        cached(tmp_path, *[Result(1, "", "ERROR: write /x: no space left on device")] * 2)


BAKE_TEXT = (Path(__file__).parents[4] / "docker-bake.hcl").read_text()


def declared():
    return set(re.findall(r'^variable "(\w+)"', BAKE_TEXT, re.MULTILINE))


def test_no_variable_of_a_person_s_shell_reaches_the_bake_file(tmp_path):
    fake = FakeShell(answers())
    bake.targets(settings(tmp_path), fake)
    assert declared() <= set(fake.ran[0].without)


def test_a_build_sets_each_variable_of_the_bake_file(tmp_path):
    variables = bake.variables(settings(tmp_path), SOURCE, {})
    command = Bake(("sse-streaming",), ENVIRONMENT, variables, tmp_path, "push").command(tmp_path, entitlements=False)
    assert declared() <= set(command.variables)


def test_the_time_in_an_image_is_a_constant_of_the_bake_file(tmp_path):
    """A variable SOURCE_DATE_EPOCH that a person exported would become a build argument of a target without it:
    https://docs.docker.com/build/ci/github-actions/reproducible-builds/
    """
    assert re.findall(r"SOURCE_DATE_EPOCH.*", BAKE_TEXT) == ['SOURCE_DATE_EPOCH = "0" }']
    assert "SOURCE_DATE_EPOCH" not in bake.variables(settings(tmp_path), SOURCE, {"SOURCE_DATE_EPOCH": "7"})


def test_all_outputs_have_the_media_types_of_a_push_so_that_the_digest_is_the_same():
    outputs = dict(re.findall(r'OUTPUT == "(\w+)" \? "(type=[^"]*)"', BAKE_TEXT))
    assert set(outputs) == {"push", "digest", "layout", "archive"}, "`load` is what is left"
    assert all("oci-mediatypes=true" in output for output in outputs.values())
    assert [name for name, output in outputs.items() if "push=true" in output] == ["push"]


def test_a_layout_is_a_folder_and_an_archive_a_file_of_the_run(tmp_path):
    one = one_bake(tmp_path, "layout")
    assert one.command(tmp_path, entitlements=False).variables["OUTPUTS"] == str(tmp_path)
    assert 'dest=${OUTPUTS}/${image}"' in BAKE_TEXT
    assert 'dest=${OUTPUTS}/${image}.tar"' in BAKE_TEXT
    assert (one.layout("a"), one.archive("a")) == (tmp_path / "a", tmp_path / "a.tar")
