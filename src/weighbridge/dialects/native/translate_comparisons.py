"""Comparisons and gates as our API shows them. Without a web framework: the CLI uses it too."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from weighbridge.dialects.native import wire
from weighbridge.dialects.native.translate import from_run, from_usage
from weighbridge.services.comparisons import ComparedRun, ComparisonView
from weighbridge.services.flips import Flip, Side
from weighbridge.services.gates import GateView
from weighbridge.store.outcomes import outcome_to_json

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Difference


def from_comparison(view: ComparisonView) -> wire.Comparison:
    """Runs compared."""
    ids = [compared.run.id for compared in view.runs]
    return wire.Comparison(
        runs=[_run(compared) for compared in view.runs],
        scorers=list(view.scorers),
        level=view.comparison.level,
        differences=[from_difference(one, ids) for one in view.comparison.differences],
        groups=[
            wire.Group(scorer=scorer, letters=dict(zip(ids, letters, strict=True)))
            for scorer, letters in view.comparison.groups.items()
        ],
        warnings=list(view.warnings),
    )


def from_difference(difference: "Difference", ids: list[str]) -> wire.Difference:
    """Two runs by one scorer.

    Args:
        ids: of all runs compared.
    """
    paired, left = difference.paired, difference.unmatched
    return wire.Difference(
        scorer=difference.scorer,
        a=ids[difference.a],
        b=ids[difference.b],
        mean_a=difference.mean_a,
        mean_b=difference.mean_b,
        difference=paired.difference,
        low=paired.low,
        high=paired.high,
        method=paired.method,
        test=paired.test,
        p_value=paired.p_value,
        p_adjusted=difference.p_adjusted,
        different=difference.different,
        n=paired.n,
        matched=difference.matched,
        up=difference.up,
        down=difference.down,
        equal=difference.equal,
        smallest_detectable=paired.smallest_detectable,
        left_out=wire.LeftOut(
            only_a=left.only_a,
            only_b=left.only_b,
            failed_a=left.failed_a,
            failed_b=left.failed_b,
            ungraded_a=left.ungraded_a,
            ungraded_b=left.ungraded_b,
        ),
    )


def from_flip(flip: Flip, scorer: str, run_a: str, run_b: str) -> wire.Flip:
    """A case that scores differently in two runs."""
    return wire.Flip(
        case_id=flip.case_id,
        scorer=scorer,
        a=_side(flip.a, scorer, run_a),
        b=_side(flip.b, scorer, run_b),
    )


def from_gate(view: GateView, moment: datetime | None = None) -> wire.Gate:
    """A run held against a policy."""
    ids = [view.run.id] if view.baseline is None else [view.baseline.id, view.run.id]
    return wire.Gate(
        verdict=view.verdict,
        policy=view.policy.name,
        mode=view.policy.mode,
        run=from_run(view.run.view, moment),
        baseline=None if view.baseline is None else from_run(view.baseline.view, moment),
        checks=[
            wire.Check(
                rule=check.rule,
                metric=check.metric,
                limit=check.limit,
                bound=check.bound,
                tier=check.tier,
                verdict=check.verdict,
                **asdict(check.measured),
                more_cases=check.more_cases,
                reason=check.reason,
            )
            for check in view.checks
        ],
        differences=[from_difference(one, ids) for one in view.differences],
        warnings=list(view.warnings),
    )


def _run(compared: ComparedRun) -> wire.ComparedRun:
    view, scores = compared.run.view, compared.scores
    usage, latency = view.run.usage, scores.latencies
    cases = len(scores)
    return wire.ComparedRun(
        id=view.run.id,
        name=view.evaluation.name,
        model=view.run.model,
        status=view.run.state,
        reason=view.run.reason,
        cases=cases,
        usage=from_usage(usage),
        cost_per_case_usd=None if usage.cost_usd is None or not cases else usage.cost_usd / cases,
        latency=None
        if latency is None
        else wire.Latencies(mean_s=latency.mean_s, p50_s=latency.p50_s, p95_s=latency.p95_s),
        judges=list(compared.run.judges),
        differs=list(compared.differs),
        pin=view.pin,
    )


def _side(side: Side, scorer: str, run_id: str) -> wire.FlipSide:
    records = [view.record for view in side.outcomes]
    return wire.FlipSide(
        run_id=run_id,
        position=side.position,
        score=side.score,
        inputs=side.outcomes[0].inputs,
        answers=[None if record.answer is None else record.answer.text for record in records],
        scores=[
            outcome_to_json(record.outcomes[scorer]) if scorer in record.outcomes else None
            for record in records
        ],
    )
