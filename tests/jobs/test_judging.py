"""A judge asks models through its panel: what it costs is counted, what breaks is not a verdict."""

from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from support.judging import verdict
from support.running import Bench, FakeModel, FakeModels, refuse
from weighbridge import scorers
from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Failed, Outcome, Record, Scored, Status
from weighbridge.errors import Invalid, InvalidFields
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.providers.base import ChatRequest, Message, Reply, TokenLogprob
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel
from weighbridge.scorers.judging import by_embedded
from weighbridge.scorers.panel import Panel
from weighbridge.store.evaluations import find_evaluation
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.runs import read_breakdown, read_pin


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
    run_id = await bench.queue(3, scorers=["exact", "agreeable"], judge="fake")
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
    run_id = await bench.queue(2, scorers=["agreeable"], judge="fake")
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


async def test_a_judge_that_asks_models_never_gets_the_embedded_one(bench: Bench) -> None:
    run_id = await bench.queue(1, scorers=["agreeable"])
    await execute(bench, run_id)
    (record,) = await records(bench, run_id)
    failure = record.outcomes["agreeable"]
    assert isinstance(failure, Failed)
    assert "never asked to judge" in failure.message
    assert record.usage.calls == 1  # the answer's


async def test_the_pin_of_an_embedded_judge_holds_what_it_knows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pin_of(rubric: str) -> str:
        run_id = await bench.queue(1, scorers=[{"judge": {"rubric": rubric}}])
        async with bench.store.begin() as connection:
            return await read_pin(connection, run_id)

    before = await pin_of("refusal")
    assert before == await pin_of("refusal")
    monkeypatch.setattr(by_embedded.StandIn, "identity", lambda self: {"judge": "another"})
    assert before != await pin_of("refusal")


class Weighing(FakeModel):
    """Finds the second label likelier, of texts that say something."""

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        reply = await super().chat(request, timeout_s=timeout_s)
        said = "question" in str(request.messages[0].content)
        weights = (0.1, 0.9) if said else (0.5, 0.5)
        pairs = zip(request.labels, weights, strict=False)
        return replace(reply, logprobs=tuple(TokenLogprob(it, log(p)) for it, p in pairs))


async def test_a_model_that_was_added_weighs_labels_for_the_embedded_judge(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorers = [{"classify": {"labels": ["sports", "politics"], "compare": False}}]
    before = await bench.queue(2, scorers=scorers)
    added = DeclaredModel(name="better", protocol="llama", path=Path("better.gguf"))
    monkeypatch.setattr(FakeModels, "catalog", Catalog(None, {}, added=[added]))
    bench.model = Weighing(name="better", identity={"protocol": "llama", "sha256": "5a"})
    run_id = await bench.queue(2, scorers=scorers)
    await execute(bench, run_id)
    for record in await records(bench, run_id):
        verdict = record.outcomes["classify"]
        assert isinstance(verdict, Scored)
        assert verdict.label == "politics"
        assert verdict.details == {"judge": "embedded/labels-by-better"}
        assert record.usage.calls >= 2
    async with bench.store.begin() as connection:
        assert await read_pin(connection, run_id) != await read_pin(connection, before)


async def test_one_call_a_case_and_judge_when_the_first_reply_is_good(bench: Bench) -> None:
    def answer(question: str, _repeat: int) -> str:
        return verdict("pass") if "# How to answer" in question else question

    bench.model.answer = answer
    judges = [{"judge": {"rubric": "relevant"}}, {"judge": {"rubric": "harmless"}}]
    run_id = await bench.queue(5, scorers=judges, judge="fake")
    await execute(bench, run_id)
    assert len(bench.model.asked) == 5 + 2 * 5
    for record in await records(bench, run_id):
        assert record.usage.calls == 3
        assert record.status is Status.SCORED


async def test_the_judge_is_shown_the_prompt_that_the_model_was_sent(bench: Bench) -> None:
    bench.model.answer = lambda question, _: verdict("pass") if "# Task" in question else "yes"
    run_id = await bench.queue(1, scorers=[{"judge": {"rubric": "relevant"}}], judge="fake")
    await execute(bench, run_id)
    assert ">question 0</prompt-" in bench.model.asked[1]


async def test_a_judge_that_talks_rubbish_leaves_cases_ungraded_and_counted(bench: Bench) -> None:
    run_id = await bench.queue(3, scorers=[{"judge": {"rubric": "relevant"}}], judge="fake")
    await execute(bench, run_id)
    loaded = await bench.load(run_id)
    assert loaded.run.progress.ungraded == 3
    (metric,) = loaded.run.metrics
    assert (metric.n_scored, metric.n_ungraded, metric.value) == (0, 3, None)


async def test_the_report_says_what_stands_behind_the_metrics(bench: Bench) -> None:
    def answer(question: str, _repeat: int) -> str:
        if "# How to answer" not in question:
            return question
        return verdict("pass" if "question 1" in question else "fail", evidence=["zzz"])

    bench.model.answer = answer
    run_id = await bench.queue(
        3, scorers=["exact", {"judge": {"rubric": "relevant"}}], judge="fake"
    )
    await execute(bench, run_id)
    async with bench.store.begin() as connection:
        found = await read_breakdown(connection, bench.caller.workspace_id, run_id)
        elsewhere = await read_breakdown(connection, "ws_other", run_id)
    assert found == {
        "judge": {
            "judges": {"fake": 3},
            "labels": {"fail": 2, "pass": 1},
            "confidence": pytest.approx(0.9),
            "evidence_dropped": 3,
        }
    }
    assert elsewhere == {}


async def test_answers_are_compared_with_those_of_another_run(bench: Bench) -> None:
    def longer(question: str, _repeat: int) -> str:
        if "# How to answer" not in question:
            return f"{question}, at length" if "2" in question else question
        first = question.split("<first-")[1].split("</first-", maxsplit=1)[0]
        return verdict("first" if "at length" in first else "second")

    other = await bench.queue(3, scorers=[])
    await execute(bench, other)
    bench.model.answer = longer
    scorers = [{"pairwise": {"against_run": other}}]
    run_id = await bench.queue(3, scorers=scorers, judge="fake", target=None)
    await execute(bench, run_id)
    verdicts = [record.outcomes["pairwise"] for record in await records(bench, run_id)]
    labels = [one.label for one in verdicts if isinstance(one, Scored)]
    assert labels == ["tie", "tie", "win"]  # the first two answers are the same


@pytest.mark.parametrize(
    ("cases", "epochs", "ended", "said"),
    [
        (4, 1, True, "is about other data"),
        (3, 2, True, "has 1 repeats of each case, and 2"),
        (3, 1, False, "wait for its end"),
    ],
)
async def test_a_run_that_cannot_be_compared_with_is_refused(
    bench: Bench, cases: int, epochs: int, ended: bool, said: str
) -> None:
    other = await bench.queue(3, scorers=[])
    if ended:
        await execute(bench, other)
    scorers = [{"pairwise": {"against_run": other}}]
    with pytest.raises(InvalidFields, match=said) as caught:
        await bench.queue(cases, scorers=scorers, judge="fake", epochs=epochs)
    assert caught.value.problems[0].field == "scorers.0.pairwise.against_run"


async def test_a_run_to_compare_with_must_be_there(bench: Bench) -> None:
    with pytest.raises(InvalidFields, match="there is no run run_nowhere"):
        await bench.queue(1, scorers=[{"pairwise": {"against_run": "run_nowhere"}}])


async def test_columns_that_a_rubric_shows_must_be_there(bench: Bench) -> None:
    with pytest.raises(Invalid, match="the scorer `judge` names the column `context`"):
        await bench.queue(1, scorers=[{"judge": {"rubric": "faithful"}}])


async def test_a_rubric_that_compares_needs_a_target(bench: Bench) -> None:
    with pytest.raises(InvalidFields) as caught:
        await bench.queue(1, scorers=[{"judge": {"rubric": "correct"}}], target=None)
    assert caught.value.problems[0].field == "scorers.0.judge"


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
