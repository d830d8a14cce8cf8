"""A metric with people's verdicts in the place of the scorers'."""

from typing import Any

from support.running import Bench
from weighbridge.core.outcome import Metric
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services.corrections import Correction, Corrections
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.reviews import Judgement, Reviews
from weighbridge.services.runs import Runs


async def corrected(
    bench: Bench, run_id: str, *said: tuple[int, float], scorer: str = "exact"
) -> Correction | None:
    runs = Runs(bench.store)
    reviews = Reviews(bench.store, runs, Outcomes(bench.store))
    if said:
        judgements = [
            Judgement(scorer, "I looked", position=position, value=value)
            for position, value in said
        ]
        await reviews.judge(bench.caller, run_id, judgements)
    view = await runs.view(bench.caller, run_id)
    found = await Corrections(bench.store).of_run(bench.caller, view)
    return found.get(scorer)


async def metric(bench: Bench, run_id: str) -> Metric:
    return (await Runs(bench.store).get(bench.caller, run_id)).metrics[0]


async def test_each_verdict_counts_for_one_case(bench: Bench) -> None:
    run_id = await bench.ran(lambda case: case in {1, 2}, cases=10)
    assert (await metric(bench, run_id)).value == 0.8
    found = await corrected(bench, run_id, (1, 1.0), (2, 0.0), (5, 0.0), (6, 0.0))
    assert found == Correction(value=0.7, n=10, reviewed=4, changed=3)


async def test_nothing_is_corrected_where_nobody_said_anything(bench: Bench) -> None:
    run_id = await bench.ran(cases=3)
    assert await corrected(bench, run_id) is None


async def test_repeats_that_were_reduced_are_not_added_up(bench: Bench) -> None:
    run_id = await bench.ran(cases=3, epochs=2)
    found = await corrected(bench, run_id, (1, 0.0))
    assert found == Correction(value=None, n=3, reviewed=1, changed=1)


async def test_a_case_that_a_person_grades_enters_the_value(bench: Bench) -> None:
    async def rows(**fields: Any) -> str:
        cases = [{"id": f"c{n}", "q": f"question {n}", "a": f"question {n}"} for n in range(4)]
        cases[3]["a"] = ""
        run_id = await bench.queue(cases, scorers=["choice"], **fields)
        await run_in_foreground(bench.store, await bench.load(run_id))
        return run_id

    run_id = await rows()
    before = await metric(bench, run_id)
    assert before.n_ungraded == 4
    found = await corrected(bench, run_id, (0, 1.0), (3, 0.0), scorer="choice")
    assert found == Correction(value=0.5, n=2, reviewed=2, changed=2)
