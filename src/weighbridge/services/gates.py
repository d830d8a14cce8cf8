"""Gates: does a run hold what a policy asks for?"""

import asyncio
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.policy import (
    AGAINST_BASELINE,
    OF_METRIC,
    Limit,
    Mode,
    Policy,
    Rule,
    Verdict,
)
from weighbridge.core.run import FINISHED, RunState
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import Conflict, FieldProblem, InvalidFields
from weighbridge.reports.precision import SEQUENTIAL
from weighbridge.services.comparisons import nothing_in_common
from weighbridge.services.remarks import remarks, remarks_of_one
from weighbridge.services.runs import Runs
from weighbridge.services.scores import ScoredRun, Scores, common_bounds
from weighbridge.store.engine import Store

_UNGRADED, _FAILED = 1, 2  # in `RunScores.states`

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Difference, RunScores
    from weighbridge.reports.gate import Check, Measured


@dataclass(frozen=True, slots=True)
class GateView:
    """A run held against a policy.

    Attributes:
        checks: one for each limit of each rule, after the one that every run must pass.
        differences: for each metric of the policy, the run against its baseline; empty without.
        warnings: what to know before believing it, in plain words.
    """

    policy: Policy
    run: ScoredRun
    baseline: ScoredRun | None
    verdict: Verdict
    checks: tuple["Check", ...]
    differences: tuple["Difference", ...]
    warnings: tuple[str, ...]


class Gates:
    """Gates over an installation's runs.

    Args:
        store: where the outcomes are.
        runs: where the runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._scores = Scores(store, runs)

    async def judge(
        self, caller: Caller, policy: Policy, run_id: str, baseline_id: str | None = None
    ) -> GateView:
        """Hold a run against a policy.

        Args:
            baseline_id: the run that drops and rises are against.

        Raises:
            NotFound: the workspace has no such run.
            InvalidFields: the policy names a metric that a run does not have, a baseline is
                needed, or has no case in common with the run; fields are paths in the policy.
            Conflict: a run has not ended.
        """
        run = await self._scores.run(caller, run_id)
        baseline = None if baseline_id is None else await self._scores.run(caller, baseline_id)
        _check_policy(policy, run, baseline)
        for one in (run, baseline):
            if one is not None and one.view.run.state not in FINISHED:
                raise Conflict(
                    f"the run {one.id} is {one.view.run.state}: a gate that looks before the end "
                    "can look until it likes what it sees; wait for it"
                )
        metrics = tuple(dict.fromkeys(rule.metric for rule in policy.rules if rule.metric))
        scores = await self._scores.read(run, metrics)
        before: RunScores | None = None
        if baseline is not None:
            shared = [key for key in metrics if key in baseline.scorers]
            before = await self._scores.read(baseline, shared)
        return await asyncio.to_thread(
            _judge, policy, (run, scores), None if before is None else (baseline, before)
        )


def _judge(policy: Policy, of_run: tuple[ScoredRun, "RunScores"], of_baseline: Any) -> GateView:
    gate: Any = importlib.import_module("weighbridge.reports.gate")
    comparison: Any = importlib.import_module("weighbridge.reports.comparison")
    run, scores = of_run
    stored = run.view.run
    checks = [
        gate.completeness(
            succeeded=stored.state is RunState.SUCCEEDED,
            state=stored.state.value,
            reason=stored.reason,
            done=stored.progress.done,
            total=stored.progress.total,
        )
    ]
    by_level: dict[float, Any] = {}
    differences: tuple[Difference, ...] = ()
    left_out = {key: _left_out(scores, key) for key in scores.values}
    warnings: Sequence[str] = tuple(remarks_of_one(run, left_out))
    before: RunScores | None = None
    if of_baseline is not None:
        baseline, before = of_baseline
        if not comparison.n_matched(before, scores):
            raise nothing_in_common(baseline, before, run, scores, "baseline")
        keys = tuple(before.values)
        bounds = common_bounds([baseline, run], keys)
        for level in sorted({rule.level for rule in policy.rules}):
            by_level[level] = comparison.compare_runs([before, scores], keys, level, bounds)
        overview = comparison.compare_runs([before, scores], keys, bounds=bounds)
        differences = overview.differences
        warnings = tuple(remarks([baseline, run], keys, overview))
    for place, rule in enumerate(policy.rules):
        for limit, bound in rule.limits.items():
            measured = _measured(run, scores, rule, limit, by_level)
            found = gate.check(place, rule.metric, limit, bound, rule.tier, policy.mode, measured)
            if limit in OF_METRIC and policy.mode is Mode.INTERVAL and not _may_fail(policy, rule):
                for part in _looked_at(scores, before, limit):
                    found = gate.doubted(found, *_failed(part, rule.metric))
            checks.append(found)
    return GateView(
        policy,
        run,
        of_baseline and of_baseline[0],
        gate.overall(checks),
        tuple(checks),
        differences,
        tuple(warnings),
    )


def _measured(
    run: ScoredRun, scores: "RunScores", rule: Rule, limit: Limit, by_level: dict[float, Any]
) -> "Measured":
    gate: Any = importlib.import_module("weighbridge.reports.gate")
    stored, latencies = run.view.run, scores.latencies
    measured: Measured
    match limit:
        case Limit.MIN | Limit.MAX:
            kept = next((m for m in stored.metrics if m.scorer == rule.metric), None)
            spec = next(s for s in run.evaluation.scorers if s.key == rule.metric)
            kind = scorer_table.build(spec).metric
            # Of a run that stopped when this interval was narrow enough, no other is valid.
            only = kept if kept is not None and kept.method == SEQUENTIAL else None
            bounds = run.bounds[spec.key]
            measured = gate.measure(scores, spec.key, kind, rule.level, only, bounds)
        case Limit.MAX_DROP | Limit.MAX_RISE:
            difference = next(
                one for one in by_level[rule.level].differences if one.scorer == rule.metric
            )
            measured = gate.measure_difference(difference)
        case Limit.MAX_FAILED_SHARE:
            measured = gate.Measured(_failed_share(run, scores, rule.metric))
        case Limit.MAX_COST_USD:
            measured = gate.Measured(stored.usage.cost_usd)
        case Limit.MAX_LATENCY_S:
            measured = gate.Measured(latencies.mean_s if latencies else None)
        case Limit.MAX_LATENCY_P95_S:
            measured = gate.Measured(latencies.p95_s if latencies else None)
    return measured


def _may_fail(policy: Policy, rule: Rule) -> bool:
    """Whether the policy says how many cases of that rule's metric may fail."""
    return any(
        Limit.MAX_FAILED_SHARE in other.limits and other.metric in (None, rule.metric)
        for other in policy.rules
    )


def _looked_at(scores: "RunScores", before: "RunScores | None", limit: Limit) -> list["RunScores"]:
    return [scores, before] if limit in AGAINST_BASELINE and before is not None else [scores]


def _failed(scores: "RunScores", metric: str | None) -> tuple[int, int]:
    """How many cases of a metric failed, and how many are known."""
    states = scores.states[metric or ""]
    return int((states == _FAILED).sum()), len(states)


def _left_out(scores: "RunScores", metric: str) -> tuple[int, int, int]:
    """How many cases of a metric failed, how many are ungraded, and how many are known."""
    failed, cases = _failed(scores, metric)
    return failed, int((scores.states[metric] == _UNGRADED).sum()), cases


def _failed_share(run: ScoredRun, scores: "RunScores", metric: str | None) -> float | None:
    if metric is None:
        progress = run.view.run.progress
        return progress.failed / progress.done if progress.done else None
    states = scores.states[metric]
    return float((states == _FAILED).mean()) if len(states) else None


def _check_policy(policy: Policy, run: ScoredRun, baseline: ScoredRun | None) -> None:
    problems = list(_problems(policy, run, baseline))
    if problems:
        raise InvalidFields(problems)


def _problems(policy: Policy, run: ScoredRun, baseline: ScoredRun | None) -> Iterator[FieldProblem]:
    if baseline is not None and baseline.id == run.id:
        yield FieldProblem("baseline", f"{run.id} cannot be held against itself")
    for place, rule in enumerate(policy.rules):
        against = sorted(AGAINST_BASELINE & rule.limits.keys())
        for limit in against if baseline is None else ():
            yield FieldProblem(
                f"rules.{place}.{limit}",
                "needs a baseline: say which run to compare with (`--baseline RUN`)",
            )
        holders = [run, baseline] if baseline is not None and against else [run]
        for holder in holders:
            if rule.metric is not None and rule.metric not in holder.scorers:
                yield FieldProblem(
                    f"rules.{place}.metric",
                    f"{holder.id} has no metric `{rule.metric}`"
                    f"{did_you_mean(rule.metric, holder.scorers)} "
                    f"(it has: {', '.join(holder.scorers) or 'none'})",
                )
