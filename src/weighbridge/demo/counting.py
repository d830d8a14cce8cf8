"""The embedded model behind an OpenAI-compatible address that counts what it was asked.

The runs of the demo ask this address, so that "paid twice" is what the model's side saw, not what
the run says of itself.
"""

from collections import Counter
from hashlib import sha256

import orjson
from aiohttp import web

from weighbridge.providers.base import CallFailed, ChatRequest, Message
from weighbridge.providers.model import Model

_TIMEOUT_S = 300.0


class CountingEndpoint:
    """`POST /v1/chat/completions` in front of a model.

    Args:
        model: who answers.

    Attributes:
        asked: how often each request (by the SHA-256 of its body) arrived.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.asked: Counter[str] = Counter()
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    async def start(self) -> str:
        """Listen on a free loopback port; the base URL."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{port}/v1"

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    @property
    def asked_twice(self) -> int:
        """Requests beyond the first of each."""
        return self.asked.total() - len(self.asked)

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked[sha256(body).hexdigest()] += 1
        asked = orjson.loads(body)
        params = {k: v for k, v in asked.items() if k not in {"model", "messages"}}
        messages = tuple(Message(m["role"], m["content"]) for m in asked["messages"])
        try:
            reply = await self._model.chat(ChatRequest(messages, params), timeout_s=_TIMEOUT_S)
        except CallFailed as error:
            return web.json_response({"error": {"message": error.failure.message}}, status=503)
        return web.json_response(
            {
                "object": "chat.completion",
                "model": reply.model or "embedded",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": reply.text},
                        "finish_reason": reply.finish_reason,
                    }
                ],
                "usage": {
                    "prompt_tokens": reply.usage.input_tokens,
                    "completion_tokens": reply.usage.output_tokens,
                },
            }
        )
