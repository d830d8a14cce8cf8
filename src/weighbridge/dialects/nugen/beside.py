"""What stands beside the vendor's numbers, under a key of ours: counts, intervals, tests, verdicts.

A comparison is worth believing when it says how sure it is: the paired difference with its interval
and test, the questions that changed sides, and the smallest difference that so many questions could
have shown (`statistics.paired`).
"""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from weighbridge import scorers
from weighbridge.core.caller import Caller
from weighbridge.core.outcome import ScorerSpec
from weighbridge.core.run import Run
from weighbridge.core.scale import Bounds
from weighbridge.dialects.nugen.evaluations import Asked
from weighbridge.errors import Invalid
from weighbridge.services.remarks import MANY_LEFT_OUT
from weighbridge.services.scores import common_bounds
from weighbridge.spec import parse_spec
from weighbridge.wiring import Services

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Difference

BETTER, WORSE, OPEN = "better", "worse", "cannot tell"
"""What the second model is, beside the first."""
NOTHING = "nothing to compare"


@dataclass(frozen=True, slots=True)
class Aim:
    """What is wanted of a metric.

    Attributes:
        sign: 1 where more is better, -1 where less is, 0 where neither.
        width: by how much two scores of one question can differ; infinite where that is not known.
    """

    sign: Literal[1, 0, -1] = 1
    width: float = math.inf


MORE = Aim()


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
    specs = {spec.key: spec for spec in parse_spec(asked.stored.spec).to_evaluation().scorers}
    numbers = [key for key in asked.measured if scorers.build(specs[key]).metric != "labels"]
    if not numbers:
        return _without("no metric gives numbers that could be compared")
    try:
        view = await services.comparisons.compare(
            caller, [run.id for run in asked.runs], scorers=numbers
        )
    except Invalid as error:
        return _without(error.message)
    level = view.comparison.level
    bounds = common_bounds([each.run for each in view.runs], numbers)
    metrics = [
        difference(one, level, first=not place, aim=aim_of(specs[one.scorer], bounds[one.scorer]))
        for place, one in enumerate(view.comparison.differences)
    ]
    return {
        "verdict": metrics[0]["verdict"],
        "by": metrics[0]["metric"],
        "metrics": metrics,
        "warnings": list(view.warnings),
        "reason": metrics[0]["reason"],
    }


def aim_of(spec: ScorerSpec, bounds: Bounds) -> Aim:
    """What is wanted of a scorer's metric: as a rule, more.

    Less of TER, which counts edits; of a length that nobody bounded, neither. (A length with bounds
    is 1 when it is within.)
    """
    sign: Literal[1, 0, -1] = 1
    if spec.name == "ter":
        sign = -1
    elif spec.name == "length" and scorers.build(spec).metric == "mean":
        sign = 0
    return Aim(sign, bounds[1] - bounds[0])


def _without(reason: str) -> dict[str, Any]:
    return {"verdict": NOTHING, "by": None, "metrics": [], "warnings": [], "reason": reason}


def difference(one: "Difference", level: float, *, first: bool, aim: Aim = MORE) -> dict[str, Any]:
    """Two models by one metric; differences are the second less the first.

    Args:
        level: of the intervals. first: whether it is the metric that decides.
        aim: what is wanted of it.
    """
    paired, left = one.paired, one.unmatched
    said, reason = verdict(one, level, first=first, aim=aim)
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
        "verdict": said,
        "reason": reason,
    }


def verdict(
    one: "Difference", level: float, *, first: bool, aim: Aim = MORE
) -> tuple[str, str | None]:
    """`better`, `worse` or `cannot tell`: what the second model is by one metric, as far as its
    test tells; and where that was not enough, why.

    The first metric was chosen before anybody looked, and decides by its own p-value, at most
    1 - level. The others are looked at beside it, and are held to Holm's correction.

    Where more than 5 % of the questions were not scored for both, a difference counts only if it
    would be one though all of those spoke against it.
    """
    p_value = one.paired.p_value if first else one.p_adjusted
    gain = one.paired.difference
    if p_value is None or not gain or p_value > 1 - level:
        return OPEN, None
    if not aim.sign:
        return OPEN, f"more {one.scorer} is neither better nor worse"
    if _may_turn(one, gain, aim.width):
        left = one.matched - one.paired.n
        return OPEN, (
            f"{left:,} of {one.matched:,} questions have no {one.scorer} for both models; if they "
            "are the hard ones for one of them, the difference may be none"
        )
    return BETTER if gain * aim.sign > 0 else WORSE, None


def _may_turn(one: "Difference", gain: float, width: float) -> bool:
    """Whether so many questions are left out that the difference could be none with them."""
    left, n = one.matched - one.paired.n, one.paired.n
    if left <= MANY_LEFT_OUT * one.matched:
        return False
    near = one.paired.low if gain > 0 else one.paired.high
    return near is None or abs(near) * n <= left * width or near * gain < 0
