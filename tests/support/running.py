"""A run ready to be executed, with a model that does what a test wants."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from weighbridge.core.caller import Caller
from weighbridge.core.outcome import Failed, Usage
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import LoadedRun, load_run
from weighbridge.providers.base import CallFailed, ChatRequest, Reply
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.model import Models
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations, Owner
from weighbridge.spec import parse_spec
from weighbridge.store.engine import Store


@dataclass
class FakeModel:
    """Echoes the question, after `latency_s`, unless `answers` says otherwise."""

    name: str = "fake"
    latency_s: float = 0.0
    answer: Callable[[str, int], Awaitable[str] | str] | None = None
    cost_usd: float | None = 0.001
    identity: dict[str, str] = field(default_factory=lambda: {"protocol": "fake"})
    asked: list[str] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    async def has_price(self) -> bool:
        return self.cost_usd is not None

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        question = str(request.messages[-1].content)
        self.asked.append(question)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency_s)
            text = question
            if self.answer is not None:
                said = self.answer(question, request.repeat)
                text = said if isinstance(said, str) else await said
        finally:
            self.in_flight -= 1
        return Reply(text, "stop", Usage(10, 2, self.cost_usd, 1), "fake-1", None, self.latency_s)


class FakeModels:
    """Knows one model, by any name."""

    def __init__(self, model: FakeModel) -> None:
        self._model = model

    catalog = Catalog(None, {})

    async def get(self, name: str) -> FakeModel:
        return self._model

    async def check(self, name: str, request: ChatRequest, *, makes: str = "text") -> None:
        return None

    async def close(self) -> None:
        return None


def refuse(kind: str = "server_error", status: int = 500) -> CallFailed:
    """A call that failed for good."""
    failure = Failed(kind, f"the endpoint said {status}", status, 6)
    return CallFailed(failure, retry=False, usage=Usage(calls=6))


@dataclass
class Bench:
    """A store, a model, and a way to make runs of them."""

    store: Store
    model: FakeModel
    caller: Caller

    @property
    def models(self) -> Models:
        return cast("Models", FakeModels(self.model))

    async def queue(
        self, cases: int | list[dict[str, str]] = 10, owner: str | None = None, **fields: Any
    ) -> str:
        """Accept an evaluation over so many cases, or over these; the id of its run."""
        rows = cases
        if isinstance(cases, int):
            rows = [
                {"id": f"c{n}", "q": f"question {n}", "a": f"question {n}"} for n in range(cases)
            ]
        spec = parse_spec(
            {
                "name": "test",
                "cases": rows,
                "id": "id",
                "model": "fake",
                "prompt": "{q}",
                "target": "a",
                "scorers": ["exact"],
                "concurrency": 8,
                **fields,
            }
        )
        evaluations = Evaluations(self.store, self.models, Datasets(self.store))
        owned = Owner(owner, 20.0) if owner else None
        started = await evaluations.start(self.caller, spec, owner=owned)
        return started.runs[0].id

    async def load(self, run_id: str) -> LoadedRun:
        return await load_run(self.store, self.models, run_id)

    async def ran(self, wrong: Callable[[int], bool] = lambda _: False, **fields: Any) -> str:
        """Accept an evaluation and execute it; the id of its run, which has ended.

        Args:
            wrong: whether the case with this number is answered wrongly.
        """

        def answer(question: str, _epoch: int) -> str:
            return "wrong" if wrong(int(question.rsplit(maxsplit=1)[-1])) else question

        self.model.answer = answer
        run_id = await self.queue(**fields)
        await run_in_foreground(self.store, await self.load(run_id))
        self.model.answer = None
        return run_id
