"""Whether a judge can be relied on: beside people, and judges among each other. Loading this loads
scipy and statsmodels."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from statsmodels.stats.inter_rater import cohens_kappa

from weighbridge.statistics.arrays import Floats
from weighbridge.statistics.intervals import (
    STANDARD_NORMAL,
    Interval,
    check_level,
    proportion_interval,
)
from weighbridge.statistics.results import Agreement, LabelAgreement, Reliability

Scale: TypeAlias = Literal["nominal", "ordinal", "interval"]
Vote: TypeAlias = str | float | bool | None
# The votes on a unit, sorted.
Pattern: TypeAlias = tuple[str | float, ...]

RESAMPLES: Final = 1_000
# Kinds of units (which votes, in any order) beyond which resampling them takes too long.
_MOST_PATTERNS = 20_000
_MOST_VALUES = 200


def judge_agreement(
    confusion: Mapping[tuple[str, str], int],
    *,
    labels: Sequence[str] | None = None,
    weights: Literal["linear", "quadratic"] | None = None,
    level: float = 0.95,
) -> Agreement:
    """A judge's agreement with people.

    Accuracy, precision and recall with Wilson's interval. Cohen's kappa by statsmodels, with the
    large-sample standard error of Fleiss, Cohen & Everitt (1969), Large sample standard errors of
    kappa and weighted kappa, Psychological Bulletin 72; trust it from about 50 cases on. When
    they agree throughout, that error is nought, and the lower end is instead the kappa of the
    accuracy at Wilson's lower end.

    Args:
        confusion: (people's label, the judge's) → cases, as a `Counter` gathers them.
        labels: all of them in order, for weights and for the order in the result; sorted if None.
        weights: for labels in order, such as 1 to 5: how much worse it is to be farther off.
        level: confidence level of all intervals.

    Raises:
        ValueError: a negative count, a label that is not among `labels`, or `level` out of range.
    """
    check_level(level)
    names = sorted({label for pair in confusion for label in pair}) if labels is None else [*labels]
    place = {name: i for i, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    for (human, judge), cases in confusion.items():
        if human not in place or judge not in place:
            raise ValueError(f"({human!r}, {judge!r}) is not of the labels {names}")
        if cases < 0:
            raise ValueError(f"{cases} cases of ({human!r}, {judge!r})")
        table[place[human], place[judge]] += cases
    n, right = int(table.sum()), int(np.trace(table))
    kappa, kappa_interval = _kappa(table, weights, level)
    return Agreement(
        n=n,
        accuracy=right / n if n else None,
        accuracy_interval=proportion_interval(right, n, level),
        kappa=kappa,
        kappa_interval=kappa_interval,
        confusion=dict(confusion),
        labels=tuple(_label(name, table, i, level) for name, i in place.items()),
    )


class Jury:
    """Krippendorff's alpha of votes that come in unit by unit, some of them missing.

    Krippendorff (2011), Computing Krippendorff's alpha-reliability: 1 - D_o / D_e of the
    disagreements observed within units and expected between them. Units with the same votes are
    counted, not kept, so that the memory grows with the kinds of units (35 for three judges giving
    1 to 5) and not with their number.

    Written out: the one kept package of it is under a licence we cannot ship and wants all votes in
    one matrix. The tests hold it to Krippendorff's own worked examples and to the definition.
    """

    __slots__ = ("_patterns",)

    def __init__(self) -> None:
        self._patterns: Counter[Pattern] = Counter()

    def add(self, votes: Iterable[Vote], times: int = 1) -> None:
        """One unit (or `times` such units): the vote of each judge, None where it gave none.

        Raises:
            ValueError: a vote that is not a finite number.
        """
        given = [vote for vote in votes if vote is not None]
        for vote in given:
            if not isinstance(vote, str) and not math.isfinite(vote):
                raise ValueError(f"a vote of {vote}")
        if len(given) >= 2:
            self._patterns[tuple(sorted(given, key=_order))] += times

    def reliability(
        self,
        scale: Scale = "nominal",
        *,
        order: Sequence[str] | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> Reliability:
        """Alpha, with the percentile bootstrap interval over units.

        Args:
            scale: `nominal` (labels), `ordinal` (only the order of the values counts) or `interval`
                (numbers, whose squared distance counts).
            order: for `ordinal`, of votes that are words; numbers have theirs.
            level: confidence level; seed: of the resampling.

        Raises:
            ValueError: words on an `interval` scale, or on an `ordinal` one without `order`, words
                and numbers mixed, or `level` out of range.
        """
        check_level(level)
        values = _values(self._patterns, scale, order)
        units, votes = sum(self._patterns.values()), self._votes()
        if len(values) < 2:
            return Reliability(None, None, None, level, units, votes)
        times = np.array(list(self._patterns.values()), dtype=np.float64)
        pairs = _coincidences(list(self._patterns), {value: i for i, value in enumerate(values)})
        numbers = np.array(values, dtype=np.float64) if scale == "interval" else None
        alpha = _alphas(pairs, times[None, :], scale, numbers)[0]
        low = high = None
        if len(times) <= _MOST_PATTERNS and len(values) <= _MOST_VALUES and units > 1:
            drawn = _resample(pairs, times, scale, numbers, seed)
            low, high = (
                float(x) for x in np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
            )
        return Reliability(float(alpha), low, high, level, units, votes)

    def _votes(self) -> int:
        return sum(len(pattern) * times for pattern, times in self._patterns.items())


def _kappa(
    table: Floats, weights: Literal["linear", "quadratic"] | None, level: float
) -> tuple[float | None, Interval]:
    used = (table.sum(axis=0) > 0) | (table.sum(axis=1) > 0)
    if used.sum() < 2:
        return None, Interval(None, None, "kappa")
    right, n = int(np.trace(table)), int(table.sum())
    if right == n:
        chance = float(((table.sum(axis=0) / n) ** 2).sum())
        low = proportion_interval(right, n, level).low or 0.0
        return 1.0, Interval((low - chance) / (1 - chance), 1.0, "kappa")
    with np.errstate(divide="ignore", invalid="ignore"):  # of a z value that nobody asks for
        found = cohens_kappa(table, wt=weights)
    half = STANDARD_NORMAL.inv_cdf((1 + level) / 2) * math.sqrt(max(0.0, float(found.var_kappa)))
    kappa = float(found.kappa)
    return kappa, Interval(max(-1.0, kappa - half), min(1.0, kappa + half), "kappa")


def _label(name: str, table: Floats, i: int, level: float) -> LabelAgreement:
    right, human, judge = int(table[i, i]), int(table[i].sum()), int(table[:, i].sum())
    return LabelAgreement(
        label=name,
        precision=right / judge if judge else None,
        precision_interval=proportion_interval(right, judge, level),
        recall=right / human if human else None,
        recall_interval=proportion_interval(right, human, level),
        f1=2 * right / (human + judge) if human + judge else None,
        human=human,
        judge=judge,
    )


def _order(vote: str | float) -> tuple[bool, str | float]:
    return (isinstance(vote, str), vote)


def _values(
    patterns: Iterable[Pattern], scale: Scale, order: Sequence[str] | None
) -> list[str | float]:
    seen = {vote for pattern in patterns for vote in pattern}
    words = {vote for vote in seen if isinstance(vote, str)}
    if order is not None:
        if not seen <= set(order):
            raise ValueError(f"votes other than {list(order)}: {sorted(map(str, seen - {*order}))}")
        return [value for value in order if value in seen]
    if words and scale != "nominal":
        raise ValueError(f"votes that are words have no {scale} scale" + _HINT[scale])
    if words and words != seen:
        raise ValueError("votes are all words or all numbers")
    return sorted(seen, key=_order)


_HINT = {"ordinal": " without an order", "interval": ""}


def _coincidences(
    patterns: list[tuple[str | float, ...]], place: dict[str | float, int]
) -> csr_array:
    """What one unit of each pattern adds to the coincidence matrix, shape (patterns, values²):
    each ordered pair of its m votes, 1 / (m - 1)."""
    size = len(place)
    rows, columns, shares = [], [], []
    for row, pattern in enumerate(patterns):
        counts = Counter(place[vote] for vote in pattern)
        for one, times in counts.items():
            for other, again in counts.items():
                pairs = times * (again - (one == other))
                if pairs:
                    rows.append(row)
                    columns.append(one * size + other)
                    shares.append(pairs / (len(pattern) - 1))
    return csr_array((shares, (rows, columns)), shape=(len(patterns), size * size))


def _alphas(
    pairs: csr_array, times: Floats, scale: Scale, numbers: Floats | None
) -> NDArray[np.float64]:
    """Alpha for each row of `times`, shape (rows, patterns); NaN where only one value occurs."""
    size = math.isqrt(pairs.shape[1])
    matrix = (times @ pairs).reshape(-1, size, size)
    margins = matrix.sum(axis=2)
    if numbers is not None:
        distance = (numbers[:, None] - numbers[None, :])[None] ** 2
    elif scale == "ordinal":
        # Between two values lie half of those with each and all of those with one between.
        middle = margins.cumsum(axis=1) - margins / 2
        distance = (middle[:, :, None] - middle[:, None, :]) ** 2
    else:
        distance = 1 - np.eye(size)[None]
    total = margins.sum(axis=1)
    observed = (matrix * distance).sum(axis=(1, 2))
    expected = (margins[:, :, None] * margins[:, None, :] * distance).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        alphas: Floats = np.where(expected > 0, 1 - (total - 1) * observed / expected, np.nan)
    return alphas


def _resample(
    pairs: csr_array, times: Floats, scale: Scale, numbers: Floats | None, seed: int
) -> Floats:
    random = np.random.default_rng(seed)
    batch = max(1, min(RESAMPLES, 2_000_000 // max(pairs.shape)))
    drawn: list[Floats] = []
    for start in range(0, RESAMPLES, batch):
        rows = min(batch, RESAMPLES - start)
        counts = random.multinomial(int(times.sum()), times / times.sum(), size=rows)
        drawn.append(_alphas(pairs, counts.astype(np.float64), scale, numbers))
    found = np.concatenate(drawn)
    # A sample in which only one value occurs shows no disagreement.
    return np.where(np.isnan(found), 1.0, found)
