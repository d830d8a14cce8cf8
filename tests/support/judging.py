"""Judges for tests: models that reply what a test wants, and a panel of them."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Failed, Outcome, Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Message,
    Reply,
)
from weighbridge.scorers.base import Judge
from weighbridge.scorers.panel import Panel

Say = Callable[[ChatRequest], Awaitable[str] | str]


@dataclass
class FakeJudge:
    """Says what `say` makes of each request; remembers the requests."""

    say: Say | str
    name: str = "house-judge"
    identity: Mapping[str, Any] = field(default_factory=lambda: {"protocol": "fake"})
    takes_schema: bool = True
    has_price: bool = True
    asked: list[ChatRequest] = field(default_factory=list)

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        """One reply."""
        self.asked.append(request)
        if request.schema is not None and not self.takes_schema:
            message = "HTTP 400: 'response_format' of type json_schema is not supported"
            raise CallFailed(Failed("bad_request", message, 400), retry=False, usage=Usage(calls=1))
        said = self.say if isinstance(self.say, str) else self.say(request)
        text = said if isinstance(said, str) else await said
        return Reply(text, "stop", Usage(100, 20, 0.001, 1), self.name)

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        """It only chats."""
        raise NotImplementedError

    async def embed(self, texts: Any, *, timeout_s: float) -> Embeddings:
        """It only chats."""
        raise NotImplementedError


def verdict(label: object, **fields: Any) -> str:
    """A reply in the form that is asked for."""
    plain = {"reason": "because", "evidence": [], "verdict": label, "confidence": 0.9}
    return json.dumps(plain | fields)


def panel_of(*judges: FakeJudge, asked: str = "What is the capital of France?") -> Panel:
    """A panel of these judges; the first is the evaluation's own."""
    models = {judge.name: judge for judge in judges}
    return Panel({None: judges[0], **models}, 5.0, (Message("user", asked),))


async def judged(
    scorer: Judge, text: str, *judges: FakeJudge, target: Any = None, **inputs: Any
) -> Outcome:
    """The outcome of one answer."""
    return await scorer.judge(Answer(text), Case(0, "0", inputs, target), panel_of(*judges))


def outside_the_fence(request: ChatRequest) -> str:
    """What is left of a question to a judge when all fenced text is taken out of it."""
    system, user = str(request.messages[0].content), str(request.messages[1].content)
    found = re.search(r"end in ([0-9a-f]{12})", system)
    assert found is not None
    nonce = found[1]
    return re.sub(rf"<(\w+)-{nonce}>.*?</\1-{nonce}>", "", user, flags=re.DOTALL)
