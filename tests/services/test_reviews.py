"""People beside the scorers: said, drawn, counted, and believed only as far as it can be."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from support.running import Bench, FakeModel, refuse
from weighbridge.core.caller import Caller, Role
from weighbridge.errors import Conflict, Forbidden, InvalidFields, NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.agreement import Agreements, ScorerAndPeople
from weighbridge.services.exports import flat_columns, flat_row, outcome_object
from weighbridge.services.keys import Keys
from weighbridge.services.outcomes import Outcomes, OutcomeView
from weighbridge.services.reviews import Judgement, Reviews
from weighbridge.services.runs import Runs
from weighbridge.store.engine import Store

SAYING = Judgement("exact", "it is the same city", case_id="c1", value=1.0)
MakeRun = Callable[..., Awaitable[str]]


@pytest.fixture
async def bench(store: Store) -> Bench:
    return Bench(store, FakeModel(), await Keys(store).operator())


@pytest.fixture
def reviews(bench: Bench) -> Reviews:
    return Reviews(bench.store, Runs(bench.store), Outcomes(bench.store))


@pytest.fixture
def make_run(bench: Bench) -> MakeRun:
    async def make(cases: int = 10, **fields: Any) -> str:
        run_id = await bench.queue(cases, **fields)
        await run_in_foreground(bench.store, await bench.load(run_id))
        return run_id

    return make


async def views(bench: Bench, run_id: str, **such: Any) -> list[OutcomeView]:
    run = await Runs(bench.store).get(bench.caller, run_id)
    return await Outcomes(bench.store).page(bench.caller, run, limit=1_000, **such)


async def refused(reviews: Reviews, bench: Bench, run_id: str, *said: Judgement) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        await reviews.judge(bench.caller, run_id, said, listed_under="overrides")
    return {problem.field: problem.message for problem in caught.value.problems}


async def test_what_a_person_says_stands_beside_the_verdict(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    bench.model.answer = lambda _question, _repeat: "wrong"
    run_id = await make_run(3)
    [override] = await reviews.judge(bench.caller, run_id, [SAYING])
    assert (override.author, override.revision, override.position) == ("operator", 1, 1)
    shown = [outcome_object(view)["scores"]["exact"] for view in await views(bench, run_id)]
    assert [score["value"] for score in shown] == [0.0, 0.0, 0.0]
    assert shown[1]["override"] == {
        "value": 1.0,
        "label": None,
        "reason": "it is the same city",
        "author": "operator",
        "at": override.created_at.isoformat(),
    }
    assert "override" not in shown[0]
    found = await views(bench, run_id, overridden=True)
    assert [view.record.case_id for view in found] == ["c1"]
    assert len(await views(bench, run_id, overridden=False)) == 2
    metrics = (await Runs(bench.store).get(bench.caller, run_id)).metrics
    assert metrics[0].value == 0.0


async def test_it_is_exported_in_columns_of_its_own(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(3)
    await reviews.judge(bench.caller, run_id, [SAYING])
    run = await Runs(bench.store).get(bench.caller, run_id)
    outcomes = Outcomes(bench.store)
    said = await outcomes.scorers_overridden(run)
    names = flat_columns(("q",), ("exact",), said)
    rows = [flat_row(view, ("q",), ("exact",), said) async for view in outcomes.stream(run)]
    assert [list(row) for row in rows] == [names] * 3
    assert [row["score.exact.override"] for row in rows] == [None, 1.0, None]
    assert rows[1]["score.exact.override.reason"] == "it is the same city"
    assert "score.exact.override" not in flat_columns(("q",), ("exact",))


async def test_saying_the_same_again_changes_nothing_and_something_else_is_added(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(3)
    first = await reviews.judge(bench.caller, run_id, [SAYING])
    assert await reviews.judge(bench.caller, run_id, [SAYING]) == first
    [second] = await reviews.judge(bench.caller, run_id, [replace(SAYING, value=0.0)])
    assert second.revision == 2
    assert [it.value for it in await reviews.history(bench.caller, run_id, 1)] == [1.0, 0.0]
    assert len(await reviews.page(bench.caller, run_id)) == 2


async def test_what_was_said_can_be_withdrawn_and_stays_in_the_history(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(3)
    await reviews.judge(bench.caller, run_id, [SAYING])
    withdrawn = await reviews.withdraw(bench.caller, run_id, 1, 0, "exact", "a slip", "bob")
    assert (withdrawn.value, withdrawn.author, withdrawn.revision) == (None, "bob", 2)
    assert all(not view.overrides for view in await views(bench, run_id))
    assert await views(bench, run_id, overridden=True) == []
    assert len(await reviews.history(bench.caller, run_id, 1)) == 2
    with pytest.raises(NotFound, match="no override of `exact`"):
        await reviews.withdraw(bench.caller, run_id, 1, 0, "exact", "again")
    with pytest.raises(InvalidFields):
        await reviews.withdraw(bench.caller, run_id, 1, 0, "exact", " ")


async def test_what_is_wrong_is_named_by_its_field_and_nothing_is_kept(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(3)
    problems = await refused(
        reviews,
        bench,
        run_id,
        SAYING,
        replace(SAYING, scorer="exat"),
        replace(SAYING, case_id="c9"),
        replace(SAYING, value=0.5),
        replace(SAYING, value=float("nan")),
        replace(SAYING, value=None),
        replace(SAYING, reason="  "),
        replace(SAYING, reason="x" * 10_001),
        replace(SAYING, epoch=1),
        replace(SAYING, case_id=None, position=3),
    )
    assert set(problems) == {
        "overrides.1.scorer",
        "overrides.2.case_id",
        "overrides.3.value",
        "overrides.4.value",
        "overrides.5.value",
        "overrides.6.reason",
        "overrides.7.reason",
        "overrides.8.case_id",
        "overrides.9.position",
    }
    assert "did you mean `exact`?" in problems["overrides.1.scorer"]
    assert await reviews.page(bench.caller, run_id) == []


async def test_a_case_without_an_answer_cannot_be_judged(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    def answer(question: str, _repeat: int) -> str:
        if question == "question 1":
            raise refuse()
        return question

    bench.model.answer = answer
    run_id = await make_run(2)
    problems = await refused(reviews, bench, run_id, SAYING)
    assert "`c1` has no answer that could be judged" in problems["overrides.0.case_id"]


async def test_labels_are_those_of_the_rubric_and_bring_their_values(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    bench.model.answer = lambda question, _: (
        '{"reason": "fine", "evidence": [], "verdict": "pass", "confidence": 0.9}'
    )
    run_id = await make_run(2, scorers=[{"judge": {"rubric": "harmless"}}], judge="fake")
    said = Judgement("judge", "it is", case_id="c1", label="fail")
    [override] = await reviews.judge(bench.caller, run_id, [said])
    assert (override.value, override.label) == (0.0, "fail")
    [other] = await reviews.judge(bench.caller, run_id, [replace(said, label=None, value=1.0)])
    assert (other.value, other.label) == (1.0, "pass")
    problems = await refused(
        reviews, bench, run_id, replace(said, label="fial"), replace(said, value=1.0)
    )
    assert "did you mean `fail`?" in problems["overrides.0.label"]
    assert "is worth 0" in problems["overrides.1.value"]


async def test_others_see_nothing_and_readers_say_nothing(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(2)
    stranger = Caller("ws_other", Role.ADMIN)
    reader = replace(bench.caller, role=Role.READER)
    for call in (
        reviews.judge(stranger, run_id, [SAYING]),
        reviews.history(stranger, run_id, 0),
        reviews.page(stranger, run_id),
        reviews.sample(stranger, run_id),
        reviews.withdraw(stranger, run_id, 0, 0, "exact", "x"),
        Agreements(bench.store, Runs(bench.store)).of_run(stranger, run_id),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(Forbidden):
        await reviews.judge(reader, run_id, [SAYING])
    with pytest.raises(Forbidden):
        await reviews.withdraw(reader, run_id, 0, 0, "exact", "x")
    assert await Agreements(bench.store, Runs(bench.store)).of_judges(stranger) == ()


async def test_a_sample_is_the_same_for_a_seed_and_grows_without_changing(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(300)

    async def drawn(**how: Any) -> list[int]:
        sample = await reviews.sample(bench.caller, run_id, **how)
        assert sample.eligible == 300
        return [view.record.position for view in sample.views]

    twenty = await drawn(n=20)
    assert twenty == await drawn(n=20)
    assert (await drawn(n=50))[:20] == twenty
    assert await drawn(n=20, seed=1) != twenty
    assert sorted(await drawn(n=500)) == list(range(300))
    done = [Judgement("exact", "seen", position=at, value=1.0) for at in twenty]
    await reviews.judge(bench.caller, run_id, done)
    assert await drawn(n=20, unreviewed=True, scorer="exact") == (await drawn(n=40))[20:]
    with pytest.raises(InvalidFields, match="did you mean `exact`"):
        await drawn(scorer="exat")


async def test_cases_without_a_verdict_are_not_drawn(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(5, target=None, scorers=["exact"])
    sample = await reviews.sample(bench.caller, run_id)
    assert (sample.views, sample.eligible) == ((), 0)


def people(found: tuple[ScorerAndPeople, ...]) -> ScorerAndPeople:
    [one] = found
    return one


async def test_a_judge_that_is_wrong_is_found_out_and_its_rate_corrected(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    """The whole story: a judge that is too kind, a random sample that people review, and an
    interval that covers what they would have found of all cases, where the judge's does not."""
    draw = random.Random(3)
    good = {f"question {n}" for n in range(500) if draw.random() < 0.6}
    truth = len(good) / 500

    def answer(question: str, _repeat: int) -> str:
        if not question.startswith("question"):
            raise AssertionError(question)
        kind = question in good or draw.random() < 0.4
        return question if kind else "no"

    bench.model.answer = answer
    run_id = await make_run(500)
    agreements = Agreements(bench.store, Runs(bench.store))
    assert await agreements.of_run(bench.caller, run_id) == ()
    sample = await reviews.sample(bench.caller, run_id, n=120, seed=5)
    said = [
        Judgement(
            "exact",
            "looked at",
            position=view.record.position,
            value=float(view.inputs["q"] in good),
        )
        for view in sample.views
    ]
    await reviews.judge(bench.caller, run_id, said[:10])
    few = people(await agreements.of_run(bench.caller, run_id, seed=5))
    assert few.rate.corrected is not None
    assert few.rate.corrected.estimate is None
    assert few.rate.corrected.reason is not None
    await reviews.judge(bench.caller, run_id, said)
    found = people(await agreements.of_run(bench.caller, run_id, seed=5))
    assert (found.scorer, found.n_reviewed, found.n_compared) == ("exact", 120, 120)
    rate = found.rate.corrected
    assert rate is not None
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low <= truth <= rate.high
    [metric] = (await Runs(bench.store).get(bench.caller, run_id)).metrics
    assert metric.low is not None
    assert truth < metric.low
    assert rate.raw == pytest.approx(metric.value)
    assert (found.rate.drawn, found.rate.warnings) == (True, ())
    agreement = found.beside.agreement
    assert agreement is not None
    assert agreement.confusion[("0", "1")] > 0
    assert ("1", "0") not in agreement.confusion
    unsure = people(await agreements.of_run(bench.caller, run_id, seed=6))
    assert "were drawn at random" in unsure.rate.warnings[0]


async def test_judges_are_measured_over_all_runs_that_people_reviewed(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    bench.model.answer = lambda question, _: (
        '{"reason": "fine", "evidence": [], "verdict": "pass", "confidence": 0.9}'
    )
    runs = [
        await make_run(3, scorers=["exact", {"judge": {"rubric": "harmless"}}], judge="fake")
        for _ in range(2)
    ]
    for run_id in runs:
        said = [
            Judgement("judge", "x", position=at, label="fail" if at == 0 else "pass")
            for at in range(3)
        ]
        await reviews.judge(bench.caller, run_id, [*said, replace(SAYING, value=0.0)])
    [judge] = await Agreements(bench.store, Runs(bench.store)).of_judges(bench.caller)
    assert (judge.scorer, judge.judge, judge.rubric) == ("judge", "fake", "harmless")
    assert (judge.n_compared, judge.runs) == (6, tuple(reversed(runs)))
    assert judge.beside.agreement is not None
    assert judge.beside.agreement.accuracy == pytest.approx(4 / 6)


async def test_who_has_not_seen_the_last_word_is_told(
    bench: Bench, reviews: Reviews, make_run: MakeRun
) -> None:
    run_id = await make_run(3)
    [said] = await reviews.judge(bench.caller, run_id, [replace(SAYING, seen=0, author="ann")])
    # Saying the very same twice, as by a form that was sent twice, clashes with nothing.
    assert await reviews.judge(bench.caller, run_id, [replace(SAYING, seen=0, author="ann")]) == [
        said
    ]
    with pytest.raises(Conflict, match="somebody else"):
        await reviews.judge(bench.caller, run_id, [replace(SAYING, seen=0, value=0.0)])
    await reviews.judge(bench.caller, run_id, [replace(SAYING, seen=1, value=0.0)])
    with pytest.raises(Conflict, match="somebody else"):
        await reviews.withdraw(bench.caller, run_id, 1, 0, "exact", "mine was a slip", seen=1)
    taken = await reviews.withdraw(bench.caller, run_id, 1, 0, "exact", "a slip", seen=2)
    assert taken.revision == 3


async def test_agreement_is_worked_out_anew_when_somebody_says_more(
    bench: Bench, reviews: Reviews, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.services.agreement._QUICK", 2)
    run_id = await make_run(3)
    agreements = Agreements(bench.store, Runs(bench.store))
    await reviews.judge(bench.caller, run_id, [SAYING])
    assert await agreements.at_hand(bench.caller, run_id) is None
    first = await agreements.of_run(bench.caller, run_id)
    assert await agreements.at_hand(bench.caller, run_id) is first
    await reviews.judge(bench.caller, run_id, [replace(SAYING, case_id="c2", value=0.0)])
    assert await agreements.at_hand(bench.caller, run_id) is None
    [second] = await agreements.of_run(bench.caller, run_id)
    assert (first[0].n_reviewed, second.n_reviewed) == (1, 2)
    beside = await agreements.beside(bench.caller, run_id)
    assert beside == {"exact": second.beside}
