"""Intervals that hold however often one looks: what may stop a run early. Pure arithmetic, nothing
heavy to load; the memory does not grow with the values."""

import math
from collections.abc import Callable, Iterable

from weighbridge.statistics.intervals import Interval, check_level

TUNED_FOR = 1_000
_BISECTIONS = 60


class ConfidenceSequence:
    """A confidence interval of a mean of values from 0 to 1, valid at all times at once.

    An ordinary 95 % interval that is looked at after each case misses the truth at some look far
    more often than in 5 % of runs. Of this one, the chance that it *ever* misses is at most 5 %, so
    that a run may stop at any moment and for any reason, such as "narrow enough".

    Two constructions, both without approximation at any n:

    - `beta-binomial`: the means m for which the likelihood q^S (1 - q)^(n - S) of n values of sum
      S, averaged over q from Beta(k m + ½, k (1 - m) + ½), is less than 1 / alpha times that of
      q = m. For 0 and 1 this ratio is a martingale if m is the mean, and Ville's inequality does
      the rest (Robbins 1970, Statistical methods related to the law of the iterated logarithm;
      Howard, Ramdas, McAuliffe & Sekhon 2021, Time-uniform, nonparametric, nonasymptotic confidence
      sequences, Annals of Statistics 49, the two-sided beta-binomial mixture). For any values in
      [0, 1] it is a supermartingale, since e^(λx) ≤ 1 - x + x e^λ (Hoeffding 1963), so it holds
      for those as well, but takes them to spread as 0 and 1 do.
    - `empirical-bernstein`: Waudby-Smith & Ramdas (2024), Estimating means of bounded random
      variables by betting, JRSS B 86, theorem 2, with bets as in its predictable plug-in, c = ½.
      It sees that graded scores spread less.

    For 0 and 1 the first alone is used; for graded scores both, each with half of alpha, and what
    lies in both. Written out: no kept library of them installs without a compiler.

    Any k and any bets that do not look ahead hold at every n. They are chosen so that the interval
    is narrowest, about 1.55 times an ordinary one, near n = `tuned_for`, and not much wider
    elsewhere (1.6 to 2.5 times from 20 to 1,000,000 cases).

    The values must come in an order that has nothing to do with how they turn out: shuffle the
    cases. The mean is that of the population the cases are drawn from.
    """

    __slots__ = ("_bernstein", "_n", "_precision", "_total", "level")

    def __init__(
        self, level: float = 0.95, *, binary: bool = True, tuned_for: int = TUNED_FOR
    ) -> None:
        """Args:
            level: of the whole sequence.
            binary: whether all values will be 0 or 1. To be known before the first value.
            tuned_for: about how many values there will be, at least 1; `cases_until_narrow` tells
                for a wanted width. To be known before the first value.

        Raises:
            ValueError: `level` or `tuned_for` out of range.
        """
        check_level(level)
        self.level = level
        self._precision = _precision(tuned_for)
        self._n = 0
        self._total = 0.0
        self._bernstein = None if binary else _EmpiricalBernstein((1 - level) / 2, tuned_for)

    @property
    def n(self) -> int:
        """How many values there are."""
        return self._n

    @property
    def mean(self) -> float | None:
        """Of the values; None without any."""
        return self._total / self._n if self._n else None

    def add(self, values: Iterable[float]) -> None:
        """Take in more values, in the order in which they came.

        Raises:
            ValueError: a value outside of 0 to 1, or other than 0 and 1 where `binary` was said;
                then none of these is taken in.
        """
        numbers = [float(value) for value in values]
        for number in numbers:
            if not 0 <= number <= 1:
                raise ValueError(f"a confidence sequence is for values from 0 to 1, not {number}")
            if self._bernstein is None and number not in (0.0, 1.0):
                raise ValueError(f"this sequence is for values 0 and 1, not {number}")
        if self._bernstein is not None:
            self._bernstein.add(numbers)
        self._n += len(numbers)
        self._total += sum(numbers)

    def interval(self) -> Interval:
        """The interval now: 0 to 1 without values."""
        return Interval(*self._ends())

    def narrow_enough(self, half_width: float) -> bool:
        """Whether a run that wants its mean to within ± `half_width` may stop."""
        low, high, _ = self._ends()
        return high - low <= 2 * half_width

    def _ends(self) -> tuple[float, float, str]:
        if self._bernstein is None:
            low, high = _beta_binomial(self._total, self._n, self._precision, 1 - self.level)
            return low, high, "beta-binomial"
        half = (1 - self.level) / 2
        low, high = _beta_binomial(self._total, self._n, self._precision, half)
        other_low, other_high = self._bernstein.ends()
        if max(low, other_low) <= min(high, other_high):
            low, high = max(low, other_low), min(high, other_high)
        return low, high, "empirical-bernstein"


def cases_until_narrow(half_width: float, mean: float = 0.5, level: float = 0.95) -> int:
    """How many cases a `ConfidenceSequence` of 0 and 1, tuned for that many, takes about to be
    narrow enough.

    Args:
        half_width: wanted, between 0 and ½.
        mean: of the values, as far as one can guess; ½ takes most.

    Raises:
        ValueError: an argument out of range.
    """
    check_level(level)
    if not 0 < half_width < 0.5 or not 0 <= mean <= 1:
        raise ValueError(f"half a width of {half_width} around a mean of {mean}")

    def narrow(n: int) -> bool:
        low, high = _beta_binomial(mean * n, n, _precision(n), 1 - level)
        return high - low <= 2 * half_width

    enough = 1
    while not narrow(enough):
        enough *= 2
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if narrow(middle) else (middle, enough)
    return enough


def log_evidence(mean: float, total: float, n: int, precision: float) -> float:
    """Logarithm of the evidence of n values of this sum against this mean, which lies strictly
    between 0 and 1: the ratio in the docstring of `ConfidenceSequence`, with `precision` for k."""
    rest = max(0.0, n - total)
    prior, other = precision * mean + 0.5, precision * (1 - mean) + 0.5
    mixture = _log_beta(prior + total, other + rest) - _log_beta(prior, other)
    return mixture - total * math.log(mean) - rest * math.log1p(-mean)


def _precision(tuned_for: int) -> float:
    """The k that makes the interval narrowest at this n: n / 8 by trial, for all means alike."""
    if tuned_for < 1:
        raise ValueError(f"tuned for {tuned_for} values")
    return tuned_for / 8


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def _beta_binomial(total: float, n: int, precision: float, alpha: float) -> tuple[float, float]:
    if n == 0:
        return 0.0, 1.0
    estimate, limit = min(1.0, total / n), -math.log(alpha)

    def refuted(mean: float) -> bool:
        return log_evidence(mean, total, n, precision) >= limit

    low = 0.0 if estimate <= 0 else _border(refuted, 0.0, estimate)
    high = 1.0 if estimate >= 1 else _border(refuted, 1.0, estimate)
    return low, high


def _border(refuted: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where means begin to be refuted, on their side of the estimate: the outer end of the last
    bisection, so that rounding widens."""
    for _ in range(_BISECTIONS):
        middle = (outside + inside) / 2
        if middle in (outside, inside):
            break
        if refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside


class _EmpiricalBernstein:
    """Bets λ, ψ_E(λ) = (-log(1 - λ) - λ) / 4 and v = 4 (x - mean before)² are the paper's. Its bets
    shrink as 1 / √(n log n) from the start; here they do so from n = `tuned_for` on."""

    __slots__ = (
        "_bets",
        "_log",
        "_n",
        "_penalty",
        "_scale",
        "_squares",
        "_total",
        "_tuned",
        "_won",
    )

    def __init__(self, alpha: float, tuned_for: int) -> None:
        self._log = math.log(2 / alpha)
        self._tuned = tuned_for
        self._scale = math.log1p(tuned_for)
        self._n = 0
        self._total = self._squares = self._bets = self._won = self._penalty = 0.0

    def add(self, values: list[float]) -> None:
        n, total, squares = self._n, self._total, self._squares
        for value in values:
            mean = (0.5 + total) / (n + 1)
            variance = (0.25 + squares) / (n + 1)
            n += 1
            horizon = max(self._tuned, n * math.log1p(n) / self._scale)
            bet = min(0.5, math.sqrt(2 * self._log / (variance * horizon)))
            self._penalty += (value - mean) ** 2 * (-math.log1p(-bet) - bet)
            self._bets += bet
            self._won += bet * value
            total += value
            squares += (value - (0.5 + total) / (n + 1)) ** 2
        self._n, self._total, self._squares = n, total, squares

    def ends(self) -> tuple[float, float]:
        if self._n == 0:
            return 0.0, 1.0
        centre = self._won / self._bets
        half = (self._log + self._penalty) / self._bets
        return max(0.0, centre - half), min(1.0, centre + half)
