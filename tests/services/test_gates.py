"""A run is held against a policy: what is missing is refused, what is cut short never passes."""

from dataclasses import replace

import pytest

from support.running import Bench, refuse
from weighbridge.core.policy import Verdict
from weighbridge.errors import Conflict, InvalidFields, NotFound
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.policy import parse_policy
from weighbridge.services.gates import Gates, GateView
from weighbridge.services.runs import Runs


@pytest.fixture
def database_url() -> str | None:
    """SQLite; what the databases do differently is tested with `store.scores`."""
    return None


async def judged(
    bench: Bench, run: str, *rules: dict[str, object], baseline: str | None = None
) -> GateView:
    policy = parse_policy({"rules": list(rules)}).to_policy()
    return await Gates(bench.store, Runs(bench.store)).judge(bench.caller, policy, run, baseline)


async def test_a_limit_is_met_missed_or_undecided(bench: Bench) -> None:
    run = await bench.ran(lambda n: n % 5 == 0, cases=200)
    for minimum, verdict in ((0.7, "PASS"), (0.8, "INCONCLUSIVE"), (0.9, "FAIL")):
        view = await judged(bench, run, {"metric": "exact", "min": minimum})
        assert (view.verdict.value, view.checks[1].verdict.value) == (verdict, verdict)
    advisory = {"metric": "exact", "min": 0.9, "tier": "advisory"}
    assert (await judged(bench, run, advisory)).verdict is Verdict.PASS


async def test_drops_are_held_against_the_baseline_case_by_case(bench: Bench) -> None:
    before = await bench.ran(lambda n: n % 10 == 0, cases=200)
    same = await bench.ran(lambda n: n % 10 == 1, cases=200)
    worse = await bench.ran(lambda n: n % 2 == 0, cases=200)
    drop = {"metric": "exact", "max_drop": 0.1}
    assert (await judged(bench, same, drop, baseline=before)).verdict is Verdict.PASS
    view = await judged(bench, worse, drop, baseline=before)
    assert view.verdict is Verdict.FAIL
    [difference] = view.differences
    assert (difference.up, difference.down) == (0, 80)
    assert view.checks[1].measured.value == pytest.approx(-0.4)
    rise = {"metric": "exact", "max_rise": 0.1}
    assert (await judged(bench, before, rise, baseline=worse)).verdict is Verdict.FAIL


async def test_cost_latency_and_failures_are_counted(bench: Bench) -> None:
    run = await bench.ran(cases=50)
    view = await judged(
        bench,
        run,
        {"max_cost_usd": 0.01},
        {"max_latency_s": 10, "max_latency_p95_s": 10},
        {"max_failed_share": 0, "metric": "exact"},
        {"max_failed_share": 0},
    )
    assert [check.verdict.value for check in view.checks[1:]] == ["FAIL", *["PASS"] * 4]
    bench.model.cost_usd = None
    free = await bench.ran(cases=50)
    assert (await judged(bench, free, {"max_cost_usd": 5})).verdict is Verdict.INCONCLUSIVE


async def test_a_run_that_was_cut_short_does_not_pass(bench: Bench) -> None:
    run = await bench.ran(cases=200, budget={"tokens": 600})
    view = await judged(bench, run, {"metric": "exact", "min": 0.1})
    assert (view.verdict, view.checks[1].verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    assert "cancelled (budget)" in view.checks[0].reason


async def failing(bench: Bench, every: int, cases: int = 100) -> str:
    """A run in which a call in so many fails, and all others are right."""

    def answer(question: str, _epoch: int) -> str:
        if int(question.rsplit(maxsplit=1)[-1]) % every == 0:
            raise refuse("bad_request", 400)
        return question

    bench.model.answer = answer
    run_id = await bench.queue(cases)
    await run_in_foreground(bench.store, await bench.load(run_id))
    bench.model.answer = None
    return run_id


async def test_many_failed_cases_may_be_the_hard_ones_so_that_the_rest_does_not_pass(
    bench: Bench,
) -> None:
    run, sound = await failing(bench, 4), await bench.ran(cases=100)
    rate = {"metric": "exact", "min": 0.8}
    view = await judged(bench, run, rate)
    assert (view.verdict, view.checks[1].verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "25 of 100 cases failed" in view.checks[1].reason
    assert "max_failed_share" in view.checks[1].reason
    for before, after in ((run, sound), (sound, run)):
        drop = {"metric": "exact", "max_drop": 0.1}
        assert (await judged(bench, after, drop, baseline=before)).verdict is Verdict.INCONCLUSIVE
    assert (await judged(bench, run, {"metric": "exact", "max": 0.5})).verdict is Verdict.FAIL
    assert (await judged(bench, await failing(bench, 25), rate)).verdict is Verdict.PASS


@pytest.mark.parametrize("metric", [{"metric": "exact"}, {}])
async def test_a_policy_that_says_how_many_may_fail_decides_by_that(
    bench: Bench, metric: dict[str, str]
) -> None:
    run = await failing(bench, 4)
    rate = {"metric": "exact", "min": 0.8}
    assert (
        await judged(bench, run, rate, {**metric, "max_failed_share": 0.3})
    ).verdict is Verdict.PASS
    assert (
        await judged(bench, run, rate, {**metric, "max_failed_share": 0.2})
    ).verdict is Verdict.FAIL


async def test_cases_without_a_verdict_are_pointed_out(bench: Bench) -> None:
    cases = [{"id": f"c{n}", "q": f"question {n}", "a": ""} for n in range(10)]
    cases += [{"id": f"d{n}", "q": f"question {n}", "a": f"question {n}"} for n in range(90)]
    run = await bench.ran(cases=cases)
    view = await judged(bench, run, {"metric": "exact", "min": 0.8})
    assert view.verdict is Verdict.PASS
    [warning] = view.warnings
    assert "exact: 0 cases failed and 10 are ungraded" in warning


async def test_a_run_that_has_not_ended_is_not_judged(bench: Bench) -> None:
    with pytest.raises(Conflict, match="is queued"):
        await judged(bench, await bench.queue(cases=3), {"metric": "exact", "min": 0.1})


async def test_what_is_not_there_is_refused_by_its_field(bench: Bench) -> None:
    run = await bench.ran(cases=3)
    with pytest.raises(InvalidFields) as refused:
        await judged(bench, run, {"max_cost_usd": 1}, {"metric": "exatc", "min": 0, "max_drop": 1})
    fields = {problem.field: problem.message for problem in refused.value.problems}
    assert "did you mean `exact`?" in fields["rules.1.metric"]
    assert "(it has: exact)" in fields["rules.1.metric"]
    assert "needs a baseline" in fields["rules.1.max_drop"]
    with pytest.raises(InvalidFields, match="against itself"):
        await judged(bench, run, {"metric": "exact", "max_drop": 1}, baseline=run)
    other = await bench.ran(cases=3, scorers=["f1"])
    with pytest.raises(InvalidFields, match=f"{other} has no metric `exact`"):
        await judged(bench, run, {"metric": "exact", "max_drop": 1}, baseline=other)
    # A metric that only has limits of its own need not be in the baseline.
    await judged(bench, run, {"metric": "exact", "min": 0}, baseline=other)


async def test_a_baseline_without_a_common_case_is_refused(bench: Bench) -> None:
    run = await bench.ran(cases=3)
    other = await bench.ran(cases=[{"id": "o", "q": "question 1", "a": "x"}])
    with pytest.raises(InvalidFields, match="0 are in both"):
        await judged(bench, run, {"metric": "exact", "max_drop": 1}, baseline=other)


async def test_runs_of_another_workspace_are_not_there(bench: Bench) -> None:
    run = await bench.ran(cases=3)
    policy = parse_policy({"rules": [{"max_cost_usd": 1}]}).to_policy()
    stranger = replace(bench.caller, workspace_id="ws_elsewhere")
    with pytest.raises(NotFound):
        await Gates(bench.store, Runs(bench.store)).judge(stranger, policy, run)
