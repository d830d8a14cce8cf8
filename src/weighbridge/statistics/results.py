"""What the functions give back, apart from them, so that naming a result loads no numpy or scipy.
(`Interval` stands in `intervals`.)"""

from dataclasses import dataclass


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
