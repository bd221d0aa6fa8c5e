"""ASGI apps with one fault each."""

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


async def raises_before_the_response(_scope, _receive, _send):
    raise KeyError("before")


async def raises_midway(_scope, _receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    raise ValueError("midway" + "!" * 100_000)


async def returns_without_a_response(_scope, _receive, _send):
    return


async def returns_midway(_scope, _receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"first", "more_body": True})


async def waits(_scope, receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def raises_after_the_response(_scope, _receive, send):
    await send(START)
    await send({"type": "http.response.body", "body": b"all"})
    raise ValueError("after")
