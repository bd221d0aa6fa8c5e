"""ASGI apps that misbehave, each in one way."""

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


async def fails_before_its_response(_scope, _receive, _send):
    raise KeyError("before")


async def fails_midway(_scope, _receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    raise ValueError("midway" + "!" * 100_000)


async def forgets_to_answer(_scope, _receive, _send):
    return


async def forgets_to_end(_scope, _receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"first", "more_body": True})


async def fails_after_its_response(_scope, _receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"all"})
    raise ValueError("after")
