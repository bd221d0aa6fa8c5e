"""Versions that must never serve: each is deployed for real, refused with exit 7, and the old one keeps serving."""

import urllib.request

import pytest
from checkout import FUNCTION, hello

MAIN = "src/lambdas/sse_streaming/__main__.py"
APP = "src/lambdas/sse_streaming/app.py"
ANSWERING_500 = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"broken"})
"""
WITHOUT_HELLO = """
async def app(scope, receive, send):
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"event: news\\ndata: {}\\n\\n" * 4})
"""
HANGING = """
async def app(scope, receive, send):
    import asyncio
    await asyncio.sleep(3600)
"""


def replaced(body):
    """The module stays as it is, but creates another app."""
    return lambda text: f"{text}\n{body}\n\ndef create(settings):\n    return app\n"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (MAIN, lambda text: f"raise RuntimeError('crash at import')\n{text}", "crash at import"),
        (APP, replaced(ANSWERING_500), "it answered 500"),
        (APP, replaced(WITHOUT_HELLO), "its first event is `news`, not `hello`"),
        (APP, replaced(HANGING), "event 1 did not come within 6 s"),
    ],
    ids=["crash", "500", "no-hello", "hang"],
)
def test_a_version_that_does_not_stream_ends_with_7_and_the_old_one_keeps_serving(deployed, name, change, said):
    checkout, _ = deployed
    live, path = checkout.live(), checkout.root / name
    before = path.read_text()
    path.write_text(change(before))
    try:
        outcome = checkout.invoke("deploy", "--env", "sandbox", INVOKE_VERIFY_FIRST_EVENT="6")
    finally:
        path.write_text(before)
    assert outcome.code == 7, outcome.text
    assert said in outcome.text
    assert "try: " in outcome.text
    assert "✗ verify" in outcome.text
    assert "release" not in outcome.text.split("✗ verify")[1].split("try:")[0]
    assert "src/delivery" not in outcome.text, "a traceback of our own"
    assert checkout.live() == live
    assert f"release-{checkout.versions()[-1]}" not in checkout.tags()
    assert served_version(checkout) == live


def served_version(checkout):
    """The version that the public address is served by."""
    config = checkout.client("lambda").get_function_url_config(FunctionName=FUNCTION, Qualifier="live")
    with urllib.request.urlopen(f"{config['FunctionUrl']}api/v2/stream?events=1", timeout=60) as answer:
        return hello(answer.read().decode().splitlines())["version"]
