"""What does not get through is sent again, and nothing is carried out twice."""

import aiohttp
import pytest
from aiohttp import web

from weighbridge.errors import Unavailable
from weighbridge.sdk.connection import Connection


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_is_tried_again_under_the_same_key(method: str) -> None:
    keys = []

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Idempotency-Key"))
        if len(keys) < 3:
            return web.Response(status=502, text="<html>bad gateway</html>")
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_route("*", "/api/v1/thing", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession(url) as http:
            assert await Connection(http, url, 2).json(method, "thing") == {"ok": True}
            assert len(keys) == 3
            assert len(set(keys)) == 1
            assert (keys[0] is not None) == (method == "POST")
            keys.clear()
            with pytest.raises(Unavailable, match="HTTP 502"):
                await Connection(http, url, 1).json(method, "thing")
    finally:
        await runner.cleanup()
