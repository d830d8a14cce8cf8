"""A language model so small that its log-probabilities can be worked out by hand, behind the wire
format of text completions."""

import math
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

from aiohttp import web

CORPUS = (
    "The sky is blue . The sky is blue . The sky is grey . "
    "The sea is ultramarine blue . A cat is grey"
)
UNKNOWN = "<unknown>"


def tokens_of(text: str) -> list[str]:
    """Words with the space before them, and every other character by itself."""
    return re.findall(r" ?\w+|[\s\S]", text)


class TinyLanguage:
    """Bigrams of `CORPUS`, one added to each count."""

    def __init__(self) -> None:
        tokens = tokens_of(CORPUS)
        self.pairs = Counter(pairwise(tokens))
        self.words = Counter(tokens[:-1])
        self.vocabulary = sorted({*tokens, UNKNOWN})

    def logprob(self, before: str, token: str) -> float:
        """log P(token | the token before it)."""
        count = self.pairs[before, token] + 1
        return math.log(count / (self.words[before] + len(self.vocabulary)))

    def likeliest(self, before: str, count: int) -> dict[str, float]:
        """The likeliest next tokens."""
        ranked = sorted(self.vocabulary, key=lambda token: -self.logprob(before, token))
        return {token: self.logprob(before, token) for token in ranked[:count]}

    def of(self, prompt: str, said: str) -> float:
        """log P(said | prompt), by the chain rule."""
        tokens = [*tokens_of(prompt)[-1:], *tokens_of(said)]
        return math.fsum(map(self.logprob, tokens, tokens[1:]))


class TinyServer:
    """Serves `TinyLanguage`.

    Args:
        echoes: whether a prompt is given back with its log-probabilities; else the wish is ignored.
        mark: stands in front of every echoed text, as the beginning-of-text mark of some endpoints.
        broken: characters are given back as three marks for a broken one, as by endpoints whose
            tokens end within characters.
        most: the most alternatives that may be asked for; more is refused.
        gives: whether there are log-probabilities at all.
    """

    def __init__(
        self,
        *,
        echoes: bool = True,
        mark: str = "",
        broken: str = "",
        most: int = 5,
        gives: bool = True,
    ) -> None:
        self.language = TinyLanguage()
        self.echoes, self.mark, self.broken = echoes, mark, broken
        self.most, self.gives = most, gives
        self.bodies: list[dict[str, Any]] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The address to declare."""
        app = web.Application()
        app.router.add_post("/v1/completions", self._complete)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        if body["logprobs"] > self.most:
            said = {"error": {"message": f"at most {self.most} logprobs"}}
            return web.json_response(said, status=400)
        prompt = tokens_of(body["prompt"])
        following = next(iter(self.language.likeliest(prompt[-1], 1)))
        echo = body.get("echo") and self.echoes
        shown = [*([self.mark] if self.mark else []), *prompt, following] if echo else [following]
        before = [None, *shown] if echo else [prompt[-1]]
        logprobs = [
            None if one is None or one == self.mark else self.language.logprob(one, token)
            for one, token in zip(before, shown, strict=False)
        ]
        pieces = [self._piece(token) for token in shown]
        flat = [
            (piece, logprob)
            for ones, logprob in zip(pieces, logprobs, strict=True)
            for piece in ones
        ]
        offsets = [sum(len(piece) for piece, _ in flat[:place]) for place in range(len(flat))]
        found = {
            "tokens": [piece for piece, _ in flat],
            "token_logprobs": [logprob for _, logprob in flat],
            "text_offset": offsets,
            "top_logprobs": [self.language.likeliest(prompt[-1], body["logprobs"])] * len(flat),
        }
        text = (body["prompt"] if echo else "") + following
        usage = {"prompt_tokens": len(flat) - 1 if echo else len(prompt), "completion_tokens": 1}
        choice = {
            "text": text,
            "finish_reason": "length",
            "logprobs": found if self.gives else None,
        }
        return web.json_response({"model": "tiny", "choices": [choice], "usage": usage})

    def _piece(self, token: str) -> list[str]:
        return ["\ufffd"] * 3 if self.broken and self.broken in token else [token]
