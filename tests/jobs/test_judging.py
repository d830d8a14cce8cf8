"""A judge asks models through its panel: what it costs is counted, what breaks is not a verdict."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from support.running import Bench, refuse
from weighbridge import scorers
from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Failed, Outcome, Record, Scored, Status
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.providers.base import ChatRequest, Message
from weighbridge.scorers.panel import Panel
from weighbridge.store.evaluations import find_evaluation
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.runs import read_pin


@dataclass(frozen=True, slots=True)
class Agreeable:
    """Asks whether the answer is fine, and takes any reply for a yes."""

    name: ClassVar[str] = "agreeable"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = False

    model: str | None = None

    @property
    def asks(self) -> tuple[str | None, ...]:
        return (self.model,)

    @property
    def wording(self) -> JsonObject:
        return {"prompt": "Is this fine?"}

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        request = ChatRequest((Message("user", f"Is this fine? {answer.text}"),))
        reply = await panel.chat(self.model, request)
        return Scored(1.0, "fine", reply.text, 0.9, {"judge": panel.model(self.model).name})


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scorers.SCORERS, "agreeable", Agreeable)


async def execute(bench: Bench, run_id: str) -> None:
    await run_in_foreground(bench.store, await bench.load(run_id))


async def records(bench: Bench, run_id: str) -> list[Record]:
    return [
        record async for record in stream_outcomes(bench.store, bench.caller.workspace_id, run_id)
    ]


async def test_a_judges_calls_are_part_of_what_a_case_costs(bench: Bench) -> None:
    run_id = await bench.queue(3, scorers=["exact", "agreeable"])
    await execute(bench, run_id)
    for record in await records(bench, run_id):
        assert record.usage.calls == 2
        assert record.usage.input_tokens == 20
        verdict = record.outcomes["agreeable"]
        assert isinstance(verdict, Scored)
        assert (verdict.confidence, verdict.details) == (0.9, {"judge": "fake"})


async def test_a_judge_that_cannot_be_reached_fails_the_score_and_keeps_the_answer(
    bench: Bench,
) -> None:
    def answer(question: str, _repeat: int) -> str:
        if question.startswith("Is this fine?"):
            raise refuse()
        return question

    bench.model.answer = answer
    run_id = await bench.queue(2, scorers=["agreeable"])
    await execute(bench, run_id)
    for record in await records(bench, run_id):
        assert record.status is Status.FAILED
        assert record.answer is not None
        assert isinstance(record.outcomes["agreeable"], Failed)
        assert record.usage.calls == 7  # one answered, six tries of the judge


async def test_the_judge_that_nobody_named_is_settled_when_the_evaluation_starts(
    bench: Bench,
) -> None:
    run_id = await bench.queue(1, scorers=["agreeable"])
    loaded = await bench.load(run_id)
    async with bench.store.begin() as connection:
        stored = await find_evaluation(
            connection, bench.caller.workspace_id, loaded.run.evaluation_id
        )
    assert stored is not None
    assert stored.spec["judge"] == "embedded"


async def test_the_pin_knows_how_it_is_judged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pin_of(**fields: object) -> str:
        run_id = await bench.queue(1, **fields)
        async with bench.store.begin() as connection:
            return await read_pin(connection, run_id)

    judged = await pin_of(scorers=["agreeable"])
    assert judged == await pin_of(scorers=["agreeable"])
    assert await pin_of(judge="house") == await pin_of()  # nobody asks it
    monkeypatch.setattr(Agreeable, "wording", {"prompt": "Is this truly fine?"})
    assert judged != await pin_of(scorers=["agreeable"])
