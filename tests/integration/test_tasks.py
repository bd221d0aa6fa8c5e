"""Each task alone: it chains what it needs, and does no more than it says."""

import http.server
import json
import re
import shutil
import subprocess
import threading

import pytest

SOURCE = "src/lambdas/sse_streaming/app.py"


@pytest.fixture
def clone(deployed):
    return deployed[0]


@pytest.fixture
def changed(clone):
    """The clone with a change that was not deployed yet."""
    path = clone.root / SOURCE
    before = path.read_text()
    path.write_text(f"{before}\n# not deployed yet\n")
    yield clone
    path.write_text(before)


def test_doctor_finds_everything_and_sandbox_status_says_what_is_up(clone):
    result = clone.invoke("doctor", "--env", "sandbox")
    assert result.code == 0, result.text
    marks = re.findall(r"^✓ ([a-z ]+?)  ", result.text, re.MULTILINE)
    tools = ["git", "terraform", "docker", "docker buildx"]
    assert marks[-9:] == [*tools, "account", "commit", "state", "registry", "url"]
    assert "sandbox-sse-streaming: everyone (both statements)" in result.text
    assert re.findall(r"^(\w+) +up", clone.invoke("sandbox-status").text, re.MULTILINE) == ["engine", "cloud"]


def test_logs_prints_the_lines_of_the_function_by_version(clone):
    version = clone.live()
    printed = clone.invoke("logs", "--env", "sandbox", "--since", "1h", "--version", version)
    assert printed.code == 0, printed.text
    lines = re.findall(r"^[0-9-]{10} [0-9:]{8} (\S+) (?:START|REPORT) RequestId", printed.text, re.MULTILINE)
    assert set(lines) == {f"sse-streaming:{version}"}, printed.text


def test_sbom_lists_the_packages_of_the_lock_with_their_hashes_and_those_of_the_base(clone):
    printed = clone.invoke("sbom", "--env", "sandbox", "--json")
    assert printed.code == 0, printed.text
    document, _ = json.JSONDecoder().raw_decode(printed.text, printed.text.index("{\n"))  # stages are printed, too
    (bom,) = document.values()
    listed = {each["purl"]: each for each in bom["components"] if "purl" in each}
    lock = (clone.root / "src/lambdas/sse_streaming/requirements.txt").read_text()
    for name, version in re.findall(r"^([\w-]+)==(\S+)", lock, re.MULTILINE):
        (reference,) = listed[f"pkg:pypi/{name}@{version}"]["externalReferences"]
        assert {each["content"] for each in reference["hashes"]} <= set(re.findall("sha256:([0-9a-f]{64})", lock))
    assert any(purl.startswith("pkg:deb/debian/libc6@") and "upstream=glibc" in purl for purl in listed)


def test_a_held_environment_refuses_a_deploy_until_it_is_lifted(clone):
    held = clone.invoke("hold", "--env", "sandbox", "--reason", "incident 42", "--until", "1h")
    assert held.code == 0, held.text
    refused = clone.invoke("deploy", "--env", "sandbox")
    lifted = clone.invoke("unhold", "--env", "sandbox")
    assert refused.code == 4, refused.text
    assert "sandbox is held." in refused.text
    assert "incident 42" in refused.text
    assert lifted.code == 0, lifted.text
    assert "incident 42" not in clone.invoke("releases", "--env", "sandbox").text


class _Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.path == "/hangs":
            self.server.released.wait(60)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def webhook():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Webhook)
    server.received, server.released = [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


def test_a_webhook_hears_of_a_hold_and_one_that_hangs_does_not_hold_back_its_end(clone, webhook, tmp_path):
    file, address = tmp_path / "notify.yaml", f"http://127.0.0.1:{webhook.server_port}"

    def invoke(path, *words):
        file.write_text(f"environments: {{sandbox: {{notify: '{address}/{path}'}}}}")
        return clone.invoke(*words, "--env", "sandbox", INVOKE_RUNTIME_CONFIG=str(file))

    held = invoke("hook", "hold", "--reason", "incident 42")
    lifted = invoke("hangs", "unhold")
    assert (held.code, lifted.code) == (0, 0), held.text + lifted.text
    assert "notify" not in held.text
    assert "! notify     Nobody was notified through URL 1" in lifted.text
    assert "sandbox is held by" in webhook.received[0]["title"]
    assert "sandbox is not held any more" in webhook.received[1]["title"]


def test_bootstrap_again_changes_nothing(clone):
    again = clone.invoke("bootstrap", "--env", "sandbox")
    assert again.code == 0, again.text
    assert "no changes" in again.text


def test_build_image_builds_and_pushes_nothing(changed):
    before = changed.tags()
    built = changed.invoke("build-image", "--env", "sandbox")
    assert built.code == 0, built.text
    assert re.search(r"✓ build +[89] steps, \d cached", built.text), built.text
    assert changed.tags() == before


def test_push_image_pushes_under_both_tags_and_prints_the_digest_that_terraform_takes(changed):
    versions = changed.versions()
    pushed = changed.invoke("push-image", "--env", "sandbox")
    assert pushed.code == 0, pushed.text
    digest = re.search(r"sandbox-sse-streaming-lambda@(sha256:[0-9a-f]{64})$", pushed.text, re.MULTILINE)[1]
    tags = changed.tags()
    assert tags["latest"] == digest
    assert [tag for tag, result in tags.items() if result == digest and tag.endswith("-dirty")]
    assert changed.versions() == versions


def test_tf_apply_publishes_a_version_and_leaves_the_alias_and_verify_judges_it(changed):
    live, versions = changed.live(), changed.versions()
    planned = changed.invoke("tf-plan", "--env", "sandbox")
    assert planned.code == 0, planned.text
    assert "~ update module.sse_streaming.aws_lambda_function.this (image_uri)" in planned.text
    assert changed.versions() == versions
    applied = changed.invoke("tf-apply", "--env", "sandbox")
    assert applied.code == 0, applied.text
    assert len(changed.versions()) == len(versions) + 1
    verified = changed.invoke("verify", "--env", "sandbox")
    assert verified.code == 0, verified.text
    assert f"version {changed.versions()[-1]}: 3 events" in verified.text
    assert changed.live() == live


def test_a_local_cache_is_filled_by_a_push_and_used(changed):
    path = changed.root / SOURCE
    path.write_text(f"{path.read_text()}\n# not pushed yet, so that there is something to push\n")
    first = changed.invoke("push-image", "--env", "sandbox", INVOKE_BUILD_CACHE="local")
    assert first.code == 0, first.text
    cache = changed.root / ".deploy" / "cache" / "sse-streaming"
    assert (cache / "index.json").is_file()
    variables = changed.settings["variables"]
    prune = ["docker", "buildx", "prune", "--all", "--force"]
    subprocess.run(prune, env=variables, check=True, capture_output=True)
    again = changed.invoke("push-image", "--env", "sandbox", INVOKE_BUILD_CACHE="local")
    shutil.rmtree(cache)
    digests = [re.search(r"@(sha256:\w+)$", outcome.text, re.MULTILINE)[1] for outcome in (first, again)]
    assert digests[0] == digests[1]
    assert re.search(r"[89] steps, [1-9] cached", again.text), again.text


def test_a_cache_that_cannot_work_says_so(changed):
    outcome = changed.invoke("push-image", "--env", "sandbox", INVOKE_BUILD_CACHE="gha")
    assert outcome.code == 2, outcome.text
    assert "nothing would be cached" in outcome.text
    assert "ACTIONS_RUNTIME_TOKEN" in outcome.text


def test_what_a_shell_exports_for_other_clouds_does_not_reach_the_sandbox(clone, tmp_path):
    nowhere = "http://127.0.0.1:9"
    settings = tmp_path / "config"
    settings.write_text(f"[default]\nregion = eu-west-1\nendpoint_url = {nowhere}\nuse_dualstack_endpoint = true\n")
    exported = {
        **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), nowhere),
        **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_LAMBDA"), nowhere),
        "AWS_PROFILE": "nobody-has-this",
        "AWS_DEFAULT_PROFILE": "nor-this",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CONFIG_FILE": str(settings),
        "TF_WORKSPACE": "another",
        "TF_CLI_ARGS_plan": "-destroy",
        "PYTHONIOENCODING": "ascii",
    }
    planned = clone.invoke("tf-plan", "--env", "sandbox", **exported)
    assert planned.code == 0, planned.text
    assert "0 to delete" in planned.text or "no changes" in planned.text
    verified = clone.invoke("verify", "--env", "sandbox", **exported)
    assert verified.code == 0, verified.text


def test_a_stream_that_is_refused_says_why(clone):
    outcome = clone.invoke("stream", "--env", "sandbox", "--events", "99999")
    assert outcome.code == 7, outcome.text
    assert "answered 400" in outcome.text
    assert "events" in outcome.text


@pytest.mark.parametrize("events", ["0", "x", "-1", "1.5"])
def test_a_malformed_number_of_events_is_refused_before_aws_is_called(clone, events):
    outcome = clone.invoke("stream", "--env", "sandbox", f"--events={events}")
    assert outcome.code == 2, outcome.text
    assert f"Malformed --events: '{events}'" in outcome.text
