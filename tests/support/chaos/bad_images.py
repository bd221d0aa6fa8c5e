"""Images that must never serve: each one change of the sources, where a deploy has to stop it, and what it says."""

from dataclasses import dataclass

HERE = "src/lambdas/sse_streaming"
APP, MAIN, DOCKERFILE = f"{HERE}/app.py", f"{HERE}/__main__.py", f"{HERE}/Dockerfile"
BAKE = "docker-bake.hcl"
# One more stage, at the end: it is the image then, and nothing of the others is built.
FROM_SCRATCH = '\nFROM scratch\nCOPY app.py /app\nUSER 65532\nCMD ["/app"]\n'

_APP = """

_good = create


def create(settings, source):
    if settings.identity.version == "$LATEST":  # in the start check, before the push; what follows, only a version does
        return _good(settings)
    import asyncio, json, os
    from dataclasses import asdict
    hello = f"event: hello\\ndata: {{json.dumps(asdict(settings.identity))}}\\n\\n".encode()
    tick = b"event: heartbeat\\ndata: {{}}\\n\\n"

    async def app(scope, receive, send):
        async def start(status):
            headers = [(b"content-type", b"text/event-stream")]
            await send({{"type": "http.response.start", "status": status, "headers": headers}})

        async def say(body, more=True):
            await send({{"type": "http.response.body", "body": body, "more_body": more}})
            await asyncio.sleep(0.2)

        {body}

    return app
"""


@dataclass(frozen=True)
class Bad:
    """One bad image. `edits`: file, what stands there (nothing: the file's end), what shall stand there."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    code: int
    stage: str
    fact: str

    def spoil(self, checkout) -> None:
        """Change the clone's files."""
        for file, old, new in self.edits:
            if old:
                checkout.edit(file, old, new)
            else:
                path = checkout.root / file
                path.write_text(path.read_text() + new)


def _app(name: str, fact: str, *lines: str) -> Bad:
    body = "\n        ".join(lines)
    return Bad(name, ((APP, "", _APP.format(body=body)),), 7, "verify", fact)


_ARM = ((BAKE, "[PLATFORM]", '["linux/arm64"]'), (DOCKERFILE, "", FROM_SCRATCH))
_IMPORTS = "import asyncio\n"
_CRASH = (MAIN, _IMPORTS, "raise RuntimeError('crash at import')\n")
_HANG = (MAIN, _IMPORTS, f"import time; time.sleep(3600)\n{_IMPORTS}")

BAD = (
    Bad("index", ((BAKE, "type=provenance,disabled=true", "type=provenance"),), 5, "check", "index"),
    Bad("arm64", _ARM, 5, "check", "was built for linux/arm64"),
    Bad("crash at import", (_CRASH,), 5, "check", "crash at import"),
    Bad("hangs at start", (_HANG,), 5, "check", "it did not answer in time"),
    _app("answers 500", "it answered 500", "await start(500)", 'await say(b"broken", False)'),
    _app("another event", "its first event is `heartbeat`, not `hello`", "await start(200)", "await say(tick, False)"),
    _app("stops after one event", "ended after 1 of 3", "await start(200)", "await say(hello, False)"),
    _app(
        "truncated",
        "exit status 1",
        "await start(200)",
        "for part in (hello, tick, tick, b'event: heart'):",
        "    await say(part)",
        "os._exit(1)",
    ),
)
