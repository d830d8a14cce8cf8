"""What stands beside the vendor's numbers, under a key of ours: counts, intervals, tests, verdicts.

A comparison is worth believing when it says how sure it is: the paired difference with its interval
and test, the questions that changed sides, and the smallest difference that so many questions could
have shown (`statistics.paired`).
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from weighbridge.core.caller import Caller
from weighbridge.core.run import Run
from weighbridge.dialects.nugen.evaluations import Asked
from weighbridge.errors import Invalid
from weighbridge.wiring import Services

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Difference

BETTER, WORSE, OPEN = "better", "worse", "cannot tell"
"""What the second model is, beside the first."""
NOTHING = "nothing to compare"

LOWER_IS_BETTER = frozenset({"ter", "length"})


async def told(services: Services, caller: Caller, asked: Asked) -> dict[str, Any]:
    """Everything of ours about an evaluation."""
    runs = [await _run(services, caller, run) for run in asked.runs]
    shown: dict[str, Any] = {"runs": runs, "comparison": None}
    if asked.is_comparison:
        shown["comparison"] = await _comparison(services, caller, asked)
    return shown


async def _run(services: Services, caller: Caller, run: Run) -> dict[str, Any]:
    report = await services.reports.get(caller, run.id)
    return {
        "run_id": run.id,
        "model_id": run.model,
        "metrics": [asdict(metric) for metric in run.metrics],
        "usage": asdict(run.usage),
        "reason": run.reason,
        "judges": {
            key: behind["judges"] for key, behind in report.breakdown.items() if "judges" in behind
        },
    }


async def _comparison(services: Services, caller: Caller, asked: Asked) -> dict[str, Any]:
    if len(asked.runs) == 1:
        return _without("both are the same model: it was asked once, and does not differ from "
                        "itself")  # fmt: skip
    try:
        view = await services.comparisons.compare(
            caller, [run.id for run in asked.runs], scorers=asked.measured
        )
    except Invalid as error:
        return _without(error.message)
    level = view.comparison.level
    metrics = [
        difference(one, level, first=not place)
        for place, one in enumerate(view.comparison.differences)
    ]
    return {
        "verdict": metrics[0]["verdict"],
        "by": metrics[0]["metric"],
        "metrics": metrics,
        "warnings": list(view.warnings),
        "reason": None,
    }


def _without(reason: str) -> dict[str, Any]:
    return {"verdict": NOTHING, "by": None, "metrics": [], "warnings": [], "reason": reason}


def difference(one: "Difference", level: float, *, first: bool) -> dict[str, Any]:
    """Two models by one metric; differences are the second less the first.

    Args:
        level: of the intervals. first: whether it is the metric that decides.
    """
    paired, left = one.paired, one.unmatched
    return {
        "metric": one.scorer,
        "base": one.mean_a,
        "evaluated": one.mean_b,
        "difference": paired.difference,
        "low": paired.low,
        "high": paired.high,
        "level": level,
        "method": paired.method,
        "test": paired.test,
        "p_value": paired.p_value,
        "p_adjusted": one.p_adjusted,
        "n": paired.n,
        "matched": one.matched,
        "up": one.up,
        "down": one.down,
        "equal": one.equal,
        "minimum_detectable_effect": paired.smallest_detectable,
        "left_out": asdict(left),
        "verdict": verdict(one, level, first=first),
    }


def verdict(one: "Difference", level: float, *, first: bool) -> str:
    """`better`, `worse` or `cannot tell`: what the second model is by one metric, as far as its
    test tells.

    The first metric was chosen before anybody looked, and decides by its own p-value, at most
    1 - level. The others are looked at beside it, and are held to Holm's correction.
    """
    p_value = one.paired.p_value if first else one.p_adjusted
    gain = one.paired.difference
    if p_value is None or not gain or p_value > 1 - level:
        return OPEN
    return BETTER if (gain > 0) is (one.scorer not in LOWER_IS_BETTER) else WORSE
