"""Answers that are there already are scored, and nobody is asked for them again."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

from support.running import Bench, refuse
from weighbridge import scorers
from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Failed, Outcome, Record, Scored, Status, Ungraded
from weighbridge.core.run import Run, RunState
from weighbridge.errors import Conflict, InvalidFields, NotFound
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.stop import Stop
from weighbridge.jobs.worker import Worker
from weighbridge.providers.base import ChatRequest, Message
from weighbridge.scorers.panel import Panel
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.runs import find_run, read_pin

SHOWN: list[str] = []
"""What judges were shown of what was asked."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """Asks its model, which says `yes`, `no` or rubbish."""

    name: ClassVar[str] = "opinion"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = False

    model: str | None = None

    @property
    def asks(self) -> tuple[str | None, ...]:
        return (self.model,)

    @property
    def wording(self) -> JsonObject:
        return {"prompt": "Fine?"}

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        SHOWN.extend(str(message.content) for message in panel.conversation)
        request = ChatRequest((Message("user", f"Fine? {answer.text}"),))
        said = (await panel.chat(self.model, request)).text
        if said not in {"yes", "no"}:
            return Ungraded("rubbish", said)
        return Scored(float(said == "yes"), said)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    SHOWN.clear()
    monkeypatch.setitem(scorers.SCORERS, "opinion", Opinion)


@dataclass
class Oracle:
    """Answers questions, and judges answers as it is told to."""

    verdict: str | None = "yes"
    broken: frozenset[str] = frozenset()

    def __call__(self, question: str, _repeat: int) -> str:
        if question in self.broken:
            raise refuse()
        if not question.startswith("Fine?"):
            return f"answer to {question}"
        if self.verdict is None:
            raise refuse("timeout")
        return self.verdict


@pytest.fixture
def oracle(bench: Bench) -> Oracle:
    oracle = Oracle()
    bench.model.answer = oracle
    return oracle


def evaluations(bench: Bench) -> Evaluations:
    return Evaluations(bench.store, bench.models, Datasets(bench.store))


async def start(bench: Bench, **fields: Any) -> str:
    spec = parse_spec({"target": "a", "scorers": ["exact"], **fields})
    started = await evaluations(bench).start(bench.caller, spec)
    return started.runs[0].id


async def judged(bench: Bench, cases: int, **fields: Any) -> str:
    """Accept an evaluation whose judge is the bench's model; the id of its run."""
    return await bench.queue(cases, judge="fake", **fields)


async def rescored(bench: Bench, run_id: str, **changes: Any) -> str:
    started = await evaluations(bench).rescore(bench.caller, run_id, changes)
    return started.runs[0].id


async def execute(bench: Bench, run_id: str) -> Run:
    await run_in_foreground(bench.store, await bench.load(run_id))
    return await found(bench, run_id)


async def found(bench: Bench, run_id: str) -> Run:
    async with bench.store.begin() as connection:
        run = await find_run(connection, bench.caller.workspace_id, run_id)
    assert run is not None
    return run


async def records(bench: Bench, run_id: str) -> list[Record]:
    return [
        record async for record in stream_outcomes(bench.store, bench.caller.workspace_id, run_id)
    ]


def asked(bench: Bench) -> Counter[str]:
    """How often the model was asked for an answer, and for a verdict."""
    kinds = ["verdict" if q.startswith("Fine?") else "answer" for q in bench.model.asked]
    bench.model.asked.clear()
    return Counter(kinds)


# A column of the data


async def test_answers_in_a_column_are_scored_and_no_model_is_asked(bench: Bench) -> None:
    rows = [{"q": "1 + 1", "a": "2", "said": "2"}, {"q": "1 + 2", "a": "3", "said": "4"}]
    run_id = await start(bench, cases=rows, answers={"column": "said"})
    run = await execute(bench, run_id)
    assert not bench.model.asked
    assert (run.state, run.model) == (RunState.SUCCEEDED, "given")
    assert run.metrics[0].value == 0.5
    assert (run.usage.calls, run.usage.cost_usd) == (0, None)
    assert [r.answer and r.answer.text for r in await records(bench, run_id)] == ["2", "4"]


async def test_whoever_answered_may_be_named_and_need_not_be_a_model(bench: Bench) -> None:
    rows = [{"q": "1 + 1", "a": "2", "said": 2}]
    given: dict[str, Any] = {"cases": rows, "answers": {"column": "said"}}
    run_id = await start(bench, **given, model="our support team")
    assert (await execute(bench, run_id)).model == "our support team"
    other = await start(bench, **given, model="somebody else")
    async with bench.store.begin() as connection:
        assert await read_pin(connection, run_id) == await read_pin(connection, other)


async def test_a_case_without_an_answer_has_failed_and_is_not_wrong(bench: Bench) -> None:
    rows = [{"a": "2", "said": None}, {"a": "2", "said": "2"}, {"a": "", "said": ""}]
    run_id = await start(bench, cases=rows, answers={"column": "said"})
    run = await execute(bench, run_id)
    first = (await records(bench, run_id))[0]
    assert (first.answer, first.failure and first.failure.kind) == (None, "unanswered")
    assert (run.metrics[0].n_failed, run.progress.failed) == (1, 1)


# A run's answers


async def test_scoring_a_run_again_asks_judges_and_not_the_model(
    bench: Bench, oracle: Oracle
) -> None:
    first = await judged(bench, 3, epochs=2, scorers=["opinion"])
    before = await execute(bench, first)
    assert asked(bench) == {"answer": 6, "verdict": 6}
    oracle.verdict = "no"
    second = await rescored(bench, first)
    run = await execute(bench, second)
    assert asked(bench) == {"verdict": 6}
    assert Counter(SHOWN) == {f"question {n}": 4 for n in range(3)}
    assert (before.metrics[0].value, run.metrics[0].value) == (1.0, 0.0)
    assert (run.usage.calls, run.model, run.progress.total) == (6, "fake", 6)
    old, new = await records(bench, first), await records(bench, second)
    assert [(r.position, r.epoch, r.case_id) for r in new] == [
        (r.position, r.epoch, r.case_id) for r in old
    ]
    for before_, after in zip(old, new, strict=True):
        assert before_.answer is not None
        assert after.answer is not None
        for kept in ("text", "finish_reason", "latency_s", "model", "details"):
            assert getattr(after.answer, kept) == getattr(before_.answer, kept)
        assert after.usage.calls == 1
    assert (await found(bench, first)).metrics == before.metrics


async def test_other_scorers_may_be_named(bench: Bench, oracle: Oracle) -> None:
    first = await judged(bench, 2, scorers=["opinion"])
    await execute(bench, first)
    asked(bench)
    run = await execute(bench, await rescored(bench, first, scorers=[{"f1": {}}]))
    assert [metric.scorer for metric in run.metrics] == ["f1"]
    assert asked(bench) == {}
    assert run.usage.calls == 0


async def test_another_judge_takes_the_place_of_the_one_that_was_named(
    bench: Bench, oracle: Oracle
) -> None:
    first = await judged(bench, 2, scorers=[{"opinion": {"model": "old"}, "as": "fine"}, "exact"])
    await execute(bench, first)
    started = await evaluations(bench).rescore(bench.caller, first, {"judge": "new"})
    assert started.evaluation.spec["judge"] == "new"
    assert started.evaluation.spec["scorers"] == [
        {"opinion": {}, "as": "fine"},
        {"exact": {}, "as": "exact"},
    ]
    async with bench.store.begin() as connection:
        assert await read_pin(connection, first) != await read_pin(connection, started.runs[0].id)


async def test_a_judge_that_nobody_would_ask_is_refused(bench: Bench) -> None:
    first = await bench.queue(1)
    await execute(bench, first)
    with pytest.raises(InvalidFields, match="judge: none of the scorers"):
        await rescored(bench, first, judge="new")


async def test_a_run_that_has_not_ended_is_not_scored_again(bench: Bench) -> None:
    first = await bench.queue(1)
    with pytest.raises(Conflict, match="is queued: wait for its end"):
        await rescored(bench, first)
    with pytest.raises(InvalidFields, match=r"answers\.run: the run .* is queued"):
        await start(bench, target=None, answers={"run": first})
    with pytest.raises(NotFound):
        await rescored(bench, f"run_{'0' * 26}")
    with pytest.raises(InvalidFields, match=r"answers\.run: there is no run"):
        await start(bench, target=None, answers={"run": f"run_{'0' * 26}"})


async def test_what_is_taken_over_from_the_run_may_be_said_again_but_not_otherwise(
    bench: Bench,
) -> None:
    first = await bench.queue(3, limit=2)
    await execute(bench, first)
    second = await rescored(bench, first)
    loaded = (await bench.load(second)).evaluation
    assert (loaded.limit, loaded.id_column, loaded.target_column) == (2, "id", "a")
    stored = await evaluations(bench).get(bench.caller, (await found(bench, second)).evaluation_id)
    again = await start(bench, **stored.spec)
    async with bench.store.begin() as connection:
        assert await read_pin(connection, second) == await read_pin(connection, again)
    with pytest.raises(InvalidFields, match=r"epochs: the answers of .* have 1 here"):
        await start(bench, **{**stored.spec, "epochs": 2})


async def test_cases_that_the_run_failed_or_never_did_stay_failed_at_no_cost(
    bench: Bench, oracle: Oracle
) -> None:
    oracle.broken = frozenset({"question 1"})
    first = await judged(bench, 4, scorers=["opinion"], concurrency=1, budget={"tokens": 40})
    assert (await execute(bench, first)).state is RunState.CANCELLED
    done = {record.position for record in await records(bench, first)}
    assert done == {0, 1, 2}
    second = await rescored(bench, first)
    run = await execute(bench, second)
    kinds = [record.failure and record.failure.kind for record in await records(bench, second)]
    assert kinds == [None, "server_error", None, "unanswered"]
    assert (run.usage.calls, run.progress.failed, run.state) == (2, 2, RunState.SUCCEEDED)


async def test_an_answer_that_the_run_has_got_since_is_found_by_a_retry(
    bench: Bench, oracle: Oracle
) -> None:
    oracle.broken = frozenset({"question 1"})
    first = await bench.queue(2)
    await execute(bench, first)
    second = await rescored(bench, first)
    assert (await execute(bench, second)).progress.failed == 1
    oracle.broken = frozenset()
    for run_id in (first, second):
        await Runs(bench.store).retry_failed(bench.caller, run_id)
        await execute(bench, run_id)
    assert (await found(bench, second)).progress.failed == 0
    assert asked(bench) == {"answer": 3}


async def test_a_worker_scores_given_answers_too_and_a_run_of_them_resumes(
    bench: Bench, oracle: Oracle
) -> None:
    first = await judged(bench, 300, scorers=["exact"], concurrency=64)
    await execute(bench, first)
    asked(bench)
    second = await rescored(bench, first, scorers=["opinion"], judge="fake")
    loaded = await bench.load(second)
    async with Execution(loaded, bench.store) as execution:
        assert await execution.do_shard(loaded.plan[0])
        execution.stop(Stop(RunState.CANCELLED, "test"))
    worker = Worker(bench.store, bench.models)
    await worker.start()
    try:
        async with asyncio.timeout(30):
            while not (run := await found(bench, second)).metrics:
                await asyncio.sleep(0.02)
    finally:
        await worker.stop()
    assert run.state is RunState.SUCCEEDED
    assert asked(bench) == {"verdict": 300}


# What was there already


async def test_retrying_a_failed_judge_keeps_the_answer_and_the_other_verdicts(
    bench: Bench, oracle: Oracle
) -> None:
    oracle.verdict = None
    run_id = await judged(bench, 2, scorers=["exact", "opinion"])
    before = await execute(bench, run_id)
    assert before.progress.failed == 2
    asked(bench)
    oracle.verdict = "yes"
    await Runs(bench.store).retry_failed(bench.caller, run_id)
    between = await found(bench, run_id)
    assert (between.progress.done, between.usage) == (0, before.usage)
    run = await execute(bench, run_id)
    assert asked(bench) == {"verdict": 2}
    assert (run.progress.done, run.progress.failed) == (2, 0)
    assert run.usage.calls == before.usage.calls + 2
    for record in await records(bench, run_id):
        assert record.status is Status.SCORED
        assert list(record.outcomes) == ["exact", "opinion"]
        assert record.usage.calls == 1 + 6 + 1  # the answer, the judge's tries, the judge


async def test_what_a_case_without_an_answer_had_cost_stays_counted(
    bench: Bench, oracle: Oracle
) -> None:
    oracle.broken = frozenset({"question 0"})
    run_id = await bench.queue(1)
    await execute(bench, run_id)
    oracle.broken = frozenset()
    await Runs(bench.store).retry_failed(bench.caller, run_id)
    run = await execute(bench, run_id)
    assert (run.usage.calls, run.progress.failed) == (7, 0)


async def test_a_stop_in_the_middle_of_a_retry_loses_no_answer(
    bench: Bench, oracle: Oracle
) -> None:
    oracle.verdict = None
    run_id = await judged(bench, 3, scorers=["opinion"], concurrency=1)
    await execute(bench, run_id)
    oracle.verdict = "yes"
    runs = Runs(bench.store)
    await runs.retry_failed(bench.caller, run_id)
    asked(bench)
    loaded = await bench.load(run_id)
    execution = Execution(loaded, bench.store)
    execution.open()

    def stop_after_one(question: str, repeat: int) -> str:
        execution.stop(Stop(RunState.CANCELLED, "test"), 5.0)
        return oracle(question, repeat)

    bench.model.answer = stop_after_one
    await execution.do_shard(loaded.plan[0])
    await execution.settled()
    await execution.close()
    assert (await found(bench, run_id)).progress.done == 1
    bench.model.answer = oracle
    run = await execute(bench, run_id)
    assert asked(bench) == {"verdict": 3}
    assert (run.progress.done, run.progress.failed, run.usage.calls) == (3, 0, 3 + 3 * 6 + 3)


async def test_ungraded_cases_are_scored_again_only_when_that_is_wanted(
    bench: Bench, oracle: Oracle
) -> None:
    oracle.verdict = "perhaps"
    run_id = await judged(bench, 2, scorers=["opinion"])
    await execute(bench, run_id)
    runs = Runs(bench.store)
    with pytest.raises(Conflict, match=r"no case .* has failed"):
        await runs.retry_failed(bench.caller, run_id)
    oracle.verdict = "no"
    asked(bench)
    await runs.retry_failed(bench.caller, run_id, ungraded=True)
    run = await execute(bench, run_id)
    assert (run.progress.ungraded, run.metrics[0].value) == (0, 0.0)
    assert asked(bench) == {"verdict": 2}
    with pytest.raises(Conflict, match="has failed or is ungraded"):
        await runs.retry_failed(bench.caller, run_id, ungraded=True)


async def test_a_retried_judge_that_fails_again_leaves_the_answer_for_the_next_time(
    bench: Bench, oracle: Oracle
) -> None:
    oracle.verdict = None
    run_id = await judged(bench, 1, scorers=["opinion"])
    await execute(bench, run_id)
    for _ in range(2):
        await Runs(bench.store).retry_failed(bench.caller, run_id)
        await execute(bench, run_id)
    [record] = await records(bench, run_id)
    assert isinstance(record.outcomes["opinion"], Failed)
    assert record.answer is not None
    assert record.usage.calls == 1 + 3 * 6
    assert asked(bench)["answer"] == 1
