"""What the report on a scoring is made from: counts, and a few responses that stand for others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from weighbridge.core.suite import PassRate

GroupedBy: TypeAlias = Literal["category", "policy", "attack", "topic", "group"]
"""What the groups of a scoring's responses are; `group`: some are this and some that."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A response that stands for others.

    Attributes:
        prompt, answer: excerpts, in one line each.
        explanation: an excerpt of why it passed or failed, or None.
        overridden: whether a person said so.
    """

    prompt: str
    answer: str
    explanation: str | None
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The responses to prompts of one kind.

    Attributes:
        name: of the category, policy, attack or topic.
        refusals: of those that passed, how many were refusals.
        passing, failing: some of each.
    """

    name: str
    rate: PassRate
    refusals: int = 0
    passing: tuple[Sample, ...] = ()
    failing: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people's overrides tell of the judge and of its pass rate.

    Attributes:
        n: responses that people and the judge have both given a verdict on.
        agreement: share of these on which they agree; None without any.
        kappa, kappa_low, kappa_high: Cohen's, with its 95 % interval; None where there is none.
        rate, low, high: the pass rate that people would have found, with its 95 % interval; None
            with a `reason`.
        reason: why there is no such rate.
        warnings: what to know before believing it.
    """

    n: int
    agreement: float | None
    kappa: float | None = None
    kappa_low: float | None = None
    kappa_high: float | None = None
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """How the prompts of a suite came about, and how different they are.

    Attributes:
        by_model, by_bank: how many a model wrote, and how many come out of the bank.
        median, nearest: distances between any two of them, 0 (the same) to 2: the median, and the
            smallest; None: there are no two.
    """

    by_model: int
    by_bank: int
    median: float | None
    nearest: float | None


@dataclass(frozen=True, slots=True)
class Digest:
    """A scoring in short.

    Attributes:
        kind: slug of the suite's type.
        suite, name: names of the suite and of the scoring.
        ai: who answered.
        rate: of all responses. groups: in a fixed order; together they are all responses.
        judges: who gave the verdicts that are nobody's override → how many.
        n_overridden: verdicts that are a person's.
        reviewed: None: people have overridden nothing.
        prompts: of the suite as it was written; None: nobody knows.
    """

    scoring_id: str
    kind: str
    suite: str
    name: str
    ai: str
    rate: PassRate
    by: GroupedBy
    groups: tuple[Group, ...]
    judges: Mapping[str, int] = field(default_factory=dict)
    n_overridden: int = 0
    reviewed: Reviewed | None = None
    prompts: Spread | None = None
