"""What the functions give back, apart from them, so that naming a result loads no numpy or scipy.
(`Interval` stands in `intervals`.)"""

from dataclasses import dataclass

from weighbridge.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two runs, A and B, on the same cases.

    Attributes:
        difference: mean of B minus A over the n pairs; None without pairs.
        low, high: ends of its confidence interval; None when the data cannot say.
        level: confidence level of the interval; the test's alpha is 1 - level.
        method: of the interval: `tango`, `t`, `bootstrap`, `clustered`, or `no-spread` (all
            differences equal: see `statistics.paired`).
        test: `mcnemar-midp`, `mcnemar-exact`, `permutation`, `paired-t`, `paired-bootstrap` or
            `clustered`.
        p_value: two-sided, of no difference; None when the data cannot say.
        n: pairs.
        only_a, only_b: pairs in which only A, or only B, was right; None unless all values are 0
            or 1.
        smallest_detectable: the smallest true difference that the test would have found 4 times in
            5 (80 % power) with this n and the spread (for 0 or 1: the discordance) that was seen;
            None when the data cannot say, or no difference would have been found.
    """

    difference: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    test: str
    p_value: float | None
    n: int
    only_a: int | None
    only_b: int | None
    smallest_detectable: float | None


@dataclass(frozen=True, slots=True)
class UnpairedComparison:
    """Two runs, A and B, on different cases.

    Attributes:
        difference: mean of B less that of A; None when a run has no values.
        low, high: ends of its confidence interval; None when the data cannot say.
        level: confidence level of the interval.
        method: of the interval: `newcombe` or `welch`.
        test: `score` or `welch`.
        p_value: two-sided, of no difference; None when the data cannot say.
        n_a, n_b: values in each.
        smallest_detectable: the smallest true difference that the test would have found 4 times in
            5; None when the data cannot say, or no difference would have been found.
    """

    difference: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    test: str
    p_value: float | None
    n_a: int
    n_b: int
    smallest_detectable: float | None


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """A judge's mean, corrected by people's labels.

    Attributes:
        estimate: the corrected mean; None with a `reason`.
        low, high: ends of its confidence interval; None with a `reason`.
        level: confidence level.
        raw: the judge's own mean over all cases; None without cases.
        human: people's mean over the cases they labelled; None without labels.
        n_human, n_judged: cases with a label, and all cases.
        weight: how far the judge is relied on, from 0 (labels alone) to 1; λ in the formula.
        method: `ppi++`.
        sampling_p_value: of the labelled cases being like the others in the judge's eyes; a small
            one says that they are no random sample, a large one does not say that they are.
        reason: why there is no number.
    """

    estimate: float | None
    low: float | None
    high: float | None
    level: float
    raw: float | None
    human: float | None
    n_human: int
    n_judged: int
    weight: float | None
    method: str
    sampling_p_value: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How well a judge finds one label, people's being the truth.

    Attributes:
        label: the label.
        precision, recall: shares of right ones among the judge's, and of found ones among people's;
            None without any.
        precision_interval, recall_interval: Wilson's.
        f1: their harmonic mean; None when people and judge never gave the label.
        human, judge: how often each gave it.
    """

    label: str
    precision: float | None
    precision_interval: Interval
    recall: float | None
    recall_interval: Interval
    f1: float | None
    human: int
    judge: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """A judge beside people, on the cases both have graded.

    Attributes:
        n: cases.
        accuracy: share in which they agree; None without cases.
        accuracy_interval: Wilson's.
        kappa: Cohen's, agreement beyond that of chance, weighted if asked for; None when both gave
            one and the same label throughout, as then chance alone would agree.
        kappa_interval: its interval; without ends when there is no kappa.
        confusion: (people's label, the judge's) → cases.
        labels: in their order.
    """

    n: int
    accuracy: float | None
    accuracy_interval: Interval
    kappa: float | None
    kappa_interval: Interval
    confusion: dict[tuple[str, str], int]
    labels: tuple[LabelAgreement, ...]


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far several judges agree with each other.

    Attributes:
        alpha: Krippendorff's: 1 agree throughout, 0 as chance would, below 0 against each other;
            None when there is nothing to compare or no value but one was ever given.
        low, high: ends of its bootstrap interval over units; None when there is no alpha or the
            patterns of votes are too many.
        level: confidence level.
        units: those with at least two votes; the others do not count.
        votes: of these units.
    """

    alpha: float | None
    low: float | None
    high: float | None
    level: float
    units: int
    votes: int


@dataclass(frozen=True, slots=True)
class Fit:
    """A test of counts against shares.

    Attributes:
        p_value: None where nothing was counted, or only one value is possible.
        method: `exact`, `chi-square` or `monte-carlo`.
        n: how many were counted.
    """

    p_value: float | None
    method: str
    n: int


@dataclass(frozen=True, slots=True)
class Variation:
    """How far shares are from those wanted: total variation distance, the mean over properties.

    Attributes:
        estimate: of the shares seen; chance makes it too large.
        corrected: the distance of which estimates are as often below the one seen as above.
        low, high: ends of the interval; None, as `corrected`, with more than 1,000 values.
        level: confidence level.
    """

    estimate: float
    corrected: float | None
    low: float | None
    high: float | None
    level: float
