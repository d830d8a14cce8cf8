"""Runs are compared, refused where that makes no sense, and warned of where it is doubtful."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from support.running import Bench, refuse
from weighbridge.core.run import RunState
from weighbridge.errors import Invalid, NotFound
from weighbridge.jobs import score_columns
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.score_columns import read_scores
from weighbridge.reports.comparison import RunScores
from weighbridge.services.comparisons import Comparisons, ComparisonView
from weighbridge.services.flips import Direction, Flips
from weighbridge.services.keys import Keys
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.runs import Runs
from weighbridge.store.engine import Store
from weighbridge.store.runs import move_run


@pytest.fixture
def database_url() -> str | None:
    """SQLite; what the databases do differently is tested with `store.scores`."""
    return None


async def compared(bench: Bench, *run_ids: str, **options: Any) -> ComparisonView:
    runs = Runs(bench.store)
    return await Comparisons(bench.store, runs).compare(bench.caller, run_ids, **options)


async def test_two_models_on_the_same_data(bench: Bench) -> None:
    a = await bench.ran(cases=300)
    bench.model.identity = {"protocol": "fake", "model": "another"}
    b = await bench.ran(lambda n: n % 3 == 0, cases=300)
    view = await compared(bench, a, b)
    [one] = view.comparison.differences
    assert (one.mean_a, one.mean_b, one.up, one.down) == (1.0, pytest.approx(2 / 3), 0, 100)
    assert one.different
    assert view.runs[1].differs == ("model",)
    assert [len(run.scores) for run in view.runs] == [300, 300]
    assert view.warnings == ()


async def test_other_data_with_the_same_ids_can_be_compared_and_is_pointed_out(
    bench: Bench,
) -> None:
    cases = [{"id": f"c{n}", "q": f"again question {n}", "a": "x"} for n in range(10, 50)]
    a = await bench.ran(cases=40)
    b = await bench.ran(lambda _: True, cases=cases)
    view = await compared(bench, a, b)
    [one] = view.comparison.differences
    assert (one.matched, one.unmatched.only_a, one.unmatched.only_b) == (30, 10, 10)
    assert any("other data" in warning and "by their id" in warning for warning in view.warnings)
    without_ids = await bench.ran(cases=cases, id=None)
    warnings = (await compared(bench, without_ids, await bench.ran(cases=50, id=None))).warnings
    assert any("by their position" in warning for warning in warnings)


async def test_no_common_case_is_refused_with_the_numbers(bench: Bench) -> None:
    a = await bench.ran(cases=3)
    b = await bench.ran(cases=[{"id": "other-1", "q": "question 1", "a": "x"}])
    with pytest.raises(Invalid) as refused:
        await compared(bench, a, b)
    message = refused.value.message
    for part in (f"{a} has 3 cases", "`c0`", f"{b} has 1 case", "`other-1`", "0 are in both", "id"):
        assert part in message


async def test_a_run_without_an_outcome_has_no_case_in_common(bench: Bench) -> None:
    a, b = await bench.ran(cases=3), await bench.queue(cases=3)
    with pytest.raises(Invalid, match="has 0 cases with an outcome"):
        await compared(bench, a, b)


async def test_unfinished_and_cut_runs_are_pointed_out(bench: Bench) -> None:
    a = await bench.ran(cases=40)
    b = await bench.ran(cases=40, budget={"tokens": 60})
    view = await compared(bench, a, b)
    assert any("cancelled (budget)" in warning for warning in view.warnings)
    [one] = view.comparison.differences
    assert 0 < one.unmatched.only_a < 40
    async with bench.store.begin() as connection:
        await move_run(connection, b, RunState.QUEUED)
    warnings = (await compared(bench, a, b)).warnings
    assert any(
        f"{b} is queued" in warning and "until it pleases" in warning for warning in warnings
    )


async def test_failed_cases_are_left_out_and_many_of_them_pointed_out(bench: Bench) -> None:
    a = await bench.ran(cases=40)

    def answer(question: str, _epoch: int) -> str:
        if int(question.rsplit(maxsplit=1)[-1]) < 10:
            raise refuse()
        return question

    bench.model.answer = answer
    b = await _executed(bench, await bench.queue(cases=40))
    view = await compared(bench, a, b)
    [one] = view.comparison.differences
    assert (one.paired.n, one.unmatched.failed_b, one.mean_b) == (30, 10, 1.0)
    assert any("10 cases failed" in warning and b in warning for warning in view.warnings)


async def test_other_scorers_and_repeats_are_pointed_out(bench: Bench) -> None:
    a = await bench.ran(cases=40)
    b = await bench.ran(cases=40, epochs=2, scorers=[{"exact": {"ignore_case": False}}])
    warnings = (await compared(bench, a, b)).warnings
    assert any("not the same scorer" in warning for warning in warnings)
    assert any("repeats or reduces" in warning for warning in warnings)


async def test_few_cases_are_pointed_out(bench: Bench) -> None:
    view = await compared(bench, await bench.ran(cases=5), await bench.ran(cases=5))
    assert any("only 5 cases" in warning for warning in view.warnings)
    assert any("equal pins" in warning for warning in view.warnings)


async def test_clusters_count_when_both_runs_name_them(bench: Bench) -> None:
    cases = [
        {"id": f"c{n}", "q": f"question {n}", "a": f"question {n}", "doc": f"d{n // 5}"}
        for n in range(100)
    ]
    plain = await bench.ran(cases=cases)
    a = await bench.ran(cases=cases, cluster="doc")
    b = await bench.ran(lambda n: n // 5 % 2 == 0, cases=cases, cluster="doc")
    [one] = (await compared(bench, a, b)).comparison.differences
    assert (one.paired.method, one.paired.test) == ("clustered", "clustered")
    view = await compared(bench, plain, b)
    assert view.comparison.differences[0].paired.method != "clustered"
    assert any("cluster column" in warning for warning in view.warnings)


async def test_scorers_can_be_chosen_and_must_be_there(bench: Bench) -> None:
    a = await bench.ran(cases=3, scorers=["exact", "f1"])
    b = await bench.ran(cases=3, scorers=["f1", "exact", "includes"])
    assert (await compared(bench, a, b)).scorers == ("exact", "f1")
    assert (await compared(bench, a, b, scorers=["f1"])).scorers == ("f1",)
    with pytest.raises(Invalid, match=r"has no scorer `exat`; did you mean `exact`\?"):
        await compared(bench, a, b, scorers=["exat"])
    with pytest.raises(Invalid, match="no scorer in common"):
        await compared(bench, a, await bench.ran(cases=3, scorers=["choice"]))


async def test_labels_without_a_reference_are_nothing_to_compare(bench: Bench) -> None:
    labels = {"classify": {"labels": ["a", "b"], "compare": False}, "as": "kind"}
    runs = [await bench.queue(cases=3, scorers=["exact", labels]) for _ in range(2)]
    for run_id in runs:
        await _executed(bench, run_id)
    assert (await compared(bench, *runs)).scorers == ("exact",)
    with pytest.raises(Invalid, match=r"has no scorer `kind` .*\(it has: exact\)"):
        await compared(bench, *runs, scorers=["kind"])


async def test_what_cannot_be_compared_is_refused(bench: Bench) -> None:
    a = await bench.ran(cases=3)
    with pytest.raises(Invalid, match="2 to 20 runs"):
        await compared(bench, a)
    with pytest.raises(Invalid, match="named twice"):
        await compared(bench, a, a)
    with pytest.raises(NotFound, match="no run run_nope"):
        await compared(bench, a, "run_nope")


async def test_runs_of_another_workspace_are_not_there(bench: Bench) -> None:
    a, b = await bench.ran(cases=3), await bench.ran(cases=3)
    await Keys(bench.store).create(bench.caller, name="else", workspace="elsewhere")
    stranger = replace(bench.caller, workspace_id="ws_elsewhere")
    with pytest.raises(NotFound):
        await Comparisons(bench.store, Runs(bench.store)).compare(stranger, [a, b])
    with pytest.raises(NotFound):
        await _flips(bench).page(stranger, a, b, "exact")


async def test_flips_are_paged_with_both_answers(bench: Bench) -> None:
    a = await bench.ran(lambda n: n == 7, cases=600)
    b = await bench.ran(lambda n: n in {3, 300, 599}, cases=600)
    flips = _flips(bench)
    first = await flips.page(bench.caller, a, b, "exact", limit=2)
    assert [flip.case_id for flip in first] == ["c3", "c7"]
    assert first[0].a.outcomes[0].inputs["q"] == "question 3"
    assert first[0].b.outcomes[0].record.answer is not None
    assert first[0].b.outcomes[0].record.answer.text == "wrong"
    assert (first[0].a.score, first[0].b.score) == (1.0, 0.0)
    rest = await flips.page(bench.caller, a, b, "exact", after=first[-1].a.position)
    assert [flip.case_id for flip in rest] == ["c300", "c599"]
    up = await flips.page(bench.caller, a, b, "exact", direction=Direction.UP)
    assert [flip.case_id for flip in up] == ["c7"]
    with pytest.raises(Invalid, match="has no scorer"):
        await flips.page(bench.caller, a, b, "nope")


async def test_flips_of_other_data_match_by_id(bench: Bench) -> None:
    a = await bench.ran(cases=5)
    turned = [
        {"id": f"c{n}", "q": f"question {n}", "a": f"question {n}"} for n in reversed(range(5))
    ]
    b = await bench.ran(lambda n: n == 1, cases=turned)
    [flip] = await _flips(bench).page(bench.caller, a, b, "exact")
    assert (flip.case_id, flip.a.position, flip.b.position) == ("c1", 1, 3)


async def test_flips_show_the_answer_of_every_repeat(bench: Bench) -> None:
    a = await bench.ran(cases=3, epochs=2)
    b = await bench.ran(lambda n: n == 2, cases=3, epochs=2)
    [flip] = await _flips(bench).page(bench.caller, a, b, "exact")
    assert [view.record.epoch for view in flip.b.outcomes] == [0, 1]


def _flips(bench: Bench) -> Flips:
    return Flips(bench.store, Runs(bench.store), Outcomes(bench.store))


async def _executed(bench: Bench, run_id: str) -> str:
    await run_in_foreground(bench.store, await bench.load(run_id))
    bench.model.answer = None
    return run_id


async def test_a_comparison_of_ended_runs_is_worked_out_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await bench.ran(cases=20), await bench.ran(lambda n: n == 3, cases=20)
    comparisons = Comparisons(bench.store, Runs(bench.store))
    read: list[str] = []

    async def counted(store: Store, workspace_id: str, run_id: str, *rest: Any) -> RunScores:
        read.append(run_id)
        return await read_scores(store, workspace_id, run_id, *rest)

    monkeypatch.setattr(score_columns, "read_scores", counted)
    both = [comparisons.compare(bench.caller, [a, b]) for _ in range(3)]
    views = await asyncio.gather(*both)
    assert views[0].comparison is views[1].comparison is views[2].comparison
    assert sorted(read) == sorted([a, b])
    await comparisons.compare(bench.caller, [b, a])
    await comparisons.compare(bench.caller, [a, b], level=0.9)
    assert sorted(read) == sorted([a, b])


async def test_cases_that_are_done_again_are_seen_at_once(bench: Bench) -> None:
    a = await bench.ran(cases=6)

    def answer(question: str, _epoch: int) -> str:
        if question == "question 1":
            raise refuse()
        return question

    bench.model.answer = answer
    b = await _executed(bench, await bench.queue(cases=6))
    comparisons = Comparisons(bench.store, Runs(bench.store))
    [one] = (await comparisons.compare(bench.caller, [a, b])).comparison.differences
    assert (one.paired.n, one.unmatched.failed_b) == (5, 1)
    await Runs(bench.store).retry_failed(bench.caller, b)
    [one] = (await comparisons.compare(bench.caller, [a, b])).comparison.differences
    assert (one.paired.n, one.unmatched.failed_b, one.unmatched.only_a) == (5, 0, 1)
    await _executed(bench, b)
    [one] = (await comparisons.compare(bench.caller, [a, b])).comparison.differences
    assert (one.paired.n, one.unmatched.failed_b) == (6, 0)


async def test_what_is_kept_is_nobody_elses(bench: Bench) -> None:
    a, b = await bench.ran(cases=3), await bench.ran(cases=3)
    comparisons = Comparisons(bench.store, Runs(bench.store))
    await comparisons.compare(bench.caller, [a, b])
    await Keys(bench.store).create(bench.caller, name="else", workspace="elsewhere")
    with pytest.raises(NotFound):
        await comparisons.compare(replace(bench.caller, workspace_id="ws_elsewhere"), [a, b])


async def test_runs_over_the_same_data_are_chosen_together(bench: Bench) -> None:
    a, b = await bench.ran(cases=3, name="first"), await bench.ran(cases=3, name="second")
    other = await bench.ran(cases=4, name="of other data")
    comparisons = Comparisons(bench.store, Runs(bench.store))
    groups = await comparisons.choices(bench.caller)
    assert [[run.id for run in group.runs] for group in groups] == [[other], [b, a]]
    groups = await comparisons.choices(bench.caller, chosen=[a])
    assert [run.id for run in groups[0].runs] == [b, a]
    groups = await comparisons.choices(bench.caller, search="second", chosen=[a])
    assert [[run.id for run in group.runs] for group in groups] == [[b, a]]
