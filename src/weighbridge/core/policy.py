"""A gate's policy: what a run must hold for somebody to go on with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """What a rule decides."""

    CRITICAL = "critical"
    """the gate's verdict"""
    ADVISORY = "advisory"
    """nothing: it is reported"""


class Mode(StrEnum):
    """What is held against a limit."""

    INTERVAL = "interval"
    """the whole interval: a rule that the data cannot decide is inconclusive"""
    POINT = "point"
    """the estimate alone, chance or not"""


class Limit(StrEnum):
    """What a rule may ask for."""

    MIN = "min"
    """the metric's true value is at least this"""
    MAX = "max"
    """the metric's true value is at most this"""
    MAX_DROP = "max_drop"
    """it has not fallen by more than this against the baseline, on the cases of both"""
    MAX_RISE = "max_rise"
    """it has not risen by more than this against the baseline, on the cases of both"""
    MAX_FAILED_SHARE = "max_failed_share"
    """at most this share of the cases failed (0 to 1)"""
    MAX_COST_USD = "max_cost_usd"
    """the run cost at most this many US dollars"""
    MAX_LATENCY_S = "max_latency_s"
    """an answer took at most so many seconds on average"""
    MAX_LATENCY_P95_S = "max_latency_p95_s"
    """95 of 100 answers took at most so many seconds"""


OF_METRIC = frozenset({Limit.MIN, Limit.MAX, Limit.MAX_DROP, Limit.MAX_RISE})
"""Limits of a metric; the others are of the run."""
AGAINST_BASELINE = frozenset({Limit.MAX_DROP, Limit.MAX_RISE})


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy.

    Attributes:
        metric: key of the scorer; None when only the run itself is looked at.
        limits: one at least.
        level: confidence level of the intervals held against them.
    """

    metric: str | None
    limits: Mapping[Limit, float]
    tier: Tier = Tier.CRITICAL
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run must hold.

    Attributes:
        name: for people.
        rules: one at least.
    """

    name: str
    rules: tuple[Rule, ...]
    mode: Mode = Mode.INTERVAL
