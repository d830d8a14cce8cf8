"""How far distributions of values are from what was asked for: total variation with an interval,
and tests of fit. Loading this loads numpy and `scipy.special`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, gammaln

from weighbridge.statistics.arrays import Floats
from weighbridge.statistics.intervals import check_level, proportion_interval
from weighbridge.statistics.results import Fit, Variation

MAX_VALUES = 1_000
"""The most values, of all properties together, for which there is an interval."""

_DRAWS = 4_000
_CELLS = 200_000
_BISECTIONS = 13
_MAX_TABLES = 25_000
_TEST_DRAWS = 9_999
_ENOUGH_EXPECTED = 5
_ROWS = 2_000
_BALANCINGS = 8
_PARTS = 16
_TINY = 1e-12
_INDEPENDENT = 4
_INDEPENDENT_SCATTER = 0.8
_FAR = 1e4
# The least deviation, in standard errors, that the upper end supposes of every value.
_PUSH = 1.0


def mean_variation(
    seen: Sequence[NDArray[np.intp]],
    shares: Sequence[Floats],
    *,
    drawn: Sequence[NDArray[np.intp]] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Variation:
    """The mean, over properties, of the total variation distance between how often their values
    occur and how often they should: D = mean of ½ Σ |p - q|, from 0 (as wanted) to 1.

    The samples are taken as drawn independently; their properties may hang together in any way.
    D as computed from the samples (`estimate`) is too large: chance alone moves each share a
    little, and each move counts. Where nothing is wrong, that is √(q (1 - q) / (2 π n)) for each
    value on average; where something is, less. No estimate is without that bias, as |p - q| has a
    corner at p = q (Cai & Low 2011, Testing composite hypotheses, Hermite polynomials and optimal
    estimation of a nonsmooth functional, Annals of Statistics 39).

    So the interval is found by hybrid resampling (Chuang & Lai 2000, Hybrid resampling methods for
    confidence intervals, Statistica Sinica 10): it holds each D under which estimates beyond the
    one seen are not rarer than (1 - level) / 2, on either side. For each D tried, samples are drawn
    from shares that have just this D and are like those seen; so their estimates have the same
    bias. What "like those seen" is cannot be known of values that are off by less than about two
    standard errors, and each end supposes what is the safer for it:

    - the lower end, that deviations are few: a deviation seen of x standard errors becomes one of
      x (1 - (c / x)³), or none;
    - the upper end, that they are many: one standard error is added to each, in squares, and all
      are scaled. Those of less than one may be to either side; they are put where they scatter D
      most.

    At D = 0 nothing is left to suppose: the lower end is 0 in (1 + level) / 2 of all samples.
    Estimates are drawn from the normal distribution with the covariance of the counts, within a
    property that of the multinomial, between properties as seen. Where deviations are clear, or
    none, the interval holds as often as it says; where many are neither, more often, as it must if
    it is to hold in both cases. `docs/statistics.md` has the figures, by which the third power and
    the one standard error were chosen, too.

    Samples need not be independent: where values were drawn beforehand, in balance, and samples
    keep to them, counts scatter less than this supposes, and an estimate is as low as chance alone
    would not have it. How much less is seen within the samples of the same drawn value. Is it below
    0.8 of the variance of independent ones, on average over properties, then

    - the lower end and `corrected` suppose that variance, four independent samples added;
    - the upper end takes no bias away, and is at most the mean distance of drawn and wanted plus
      the upper end of the share of samples that do not show what was drawn (Wilson's, each for its
      own property, averaged), as the distance of two tallies is at most the share of pairs that
      differ. It then holds in more than it says.

    Args:
        seen: for each property, for each sample, the place of its value; -1: not known. Each
            property is known of at least one sample.
        drawn: the same for the values that samples were to show; None: there are none.
        shares: for each property, how often each value should occur; they add up to 1.
        level: confidence level of the interval.
        seed: of the resampling.

    Raises:
        ValueError: no property, one without a sample, or `level` out of range.
    """
    check_level(level)
    model = _Model(seen, shares, seed)
    estimate = model.distance(model.off)
    if model.q.size > MAX_VALUES:
        return Variation(estimate, None, None, None, level)
    tail = (1 - level) / 2
    kept = None if drawn is None else _kept_to(seen, drawn, shares, level)
    if kept is None:
        corrected, low = model.shrunk_to(0.5, 1 - tail)
        high = model.spread_to(tail)
    else:
        high = min(model.spread_to(tail, folded=False), kept.most)
        model.scatter_less(kept.scatter)
        corrected, low = model.shrunk_to(0.5, 1 - tail)
    return Variation(estimate, corrected, min(low, corrected), max(high, corrected), level)


@dataclass(frozen=True, slots=True)
class _Kept:
    """How samples keep to what was drawn for them.

    Attributes:
        scatter: of each property the variance of its shares, as a part of that of independent ones.
        most: the greatest distance that goes with the samples which do not show what was drawn.
    """

    scatter: Floats
    most: float


def _kept_to(
    seen: Sequence[NDArray[np.intp]],
    drawn: Sequence[NDArray[np.intp]],
    shares: Sequence[Floats],
    level: float,
) -> _Kept | None:
    """None: they scatter like independent ones."""
    scatter, found, most = [], [], []
    for own, before, wanted in zip(seen, drawn, shares, strict=True):
        known = (own >= 0) & (before >= 0)
        n = int(known.sum())
        table = np.zeros((wanted.size, wanted.size))
        np.add.at(table, (before[known], own[known]), 1)
        total, groups = table.sum(axis=0), table.sum(axis=1)
        within = n - (table**2 / np.where(groups > 0, groups, 1)[:, None]).sum()
        spare = n - (groups > 0).sum()
        alone = (n - (total**2).sum() / max(1, n)) / max(1, n)
        part = min(1.0, within / spare / alone) if spare > 0 and alone > 0 else 0.0
        scatter.append(part)
        found.append((part * n + _INDEPENDENT) / (n + _INDEPENDENT))
        differ = proportion_interval(n - int(np.trace(table)), n, level).high
        off = np.abs(groups / max(1, n) - wanted).sum() / 2
        most.append(1.0 if differ is None else min(1.0, differ + off))
    if np.mean(scatter) >= _INDEPENDENT_SCATTER:
        return None
    return _Kept(np.array(found), float(np.mean(most)))


@dataclass(slots=True)
class _Model:
    """Shares wanted and seen of all properties, one after the other, and how counts scatter.

    Attributes:
        starts: where each property begins. owner: property of each value.
        q: wanted. off: seen less wanted. error: standard error of a share.
        noise: standard normal draws, a row for each value, correlated between properties.
        root: of n, for each value. scratch: room for estimates, of the shape of the noise.
    """

    starts: NDArray[np.intp]
    owner: NDArray[np.intp]
    q: Floats
    off: Floats
    error: Floats
    root: Floats
    noise: Floats
    scratch: Floats

    def __init__(
        self, seen: Sequence[NDArray[np.intp]], shares: Sequence[Floats], seed: int
    ) -> None:
        sizes = [len(part) for part in shares]
        counts = [
            np.bincount(codes[codes >= 0], minlength=size).astype(np.float64)
            for codes, size in zip(seen, sizes, strict=True)
        ]
        totals = np.array([part.sum() for part in counts])
        if not totals.size or not totals.all():
            raise ValueError("total variation is of at least one property, each with a sample")
        self.starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        self.owner = np.repeat(np.arange(len(sizes)), sizes)
        self.q = np.concatenate(shares)
        p = np.concatenate(counts) / totals[self.owner]
        self.off = p - self.q
        self.root = np.sqrt(totals)[self.owner]
        middle = (p + self.q) / 2
        self.error = np.sqrt(middle * (1 - middle)) / self.root
        if self.q.size > MAX_VALUES:
            self.noise = self.scratch = np.zeros((0, 0))
            return
        draws = max(1_000, min(_DRAWS, _CELLS // self.q.size))
        self.noise = np.random.default_rng(seed).standard_normal((draws, self.q.size))
        if len(sizes) > 1:
            self.noise = self.noise @ self._between(seen, p)
        # A value a row: what is added up is whole rows then, several times as fast.
        self.noise = np.ascontiguousarray(self.noise.T)
        self.scratch = np.empty_like(self.noise)

    def distance(self, off: Floats) -> float:
        """D of these deviations."""
        return float(np.abs(off).sum() / 2 / self.starts.size)

    def shrunk_to(self, *chances: float) -> list[float]:
        """For each chance the D whose estimates are below the one seen with it, if deviations are
        few."""
        at_0 = self._below(np.zeros_like(self.q))
        far = float((np.abs(self.off) / np.maximum(self.error, _TINY)).max())
        # Shifts that make deviations add up to 0 can keep some alive.
        while at_0 > min(chances) and self.distance(self._shrunk(far)) > 0 and far < _FAR:
            far *= 2
        tried: dict[float, float] = {}  # all begin in the same way
        found = []
        for chance in chances:
            least, most = 0.0, far
            for _ in range(_BISECTIONS if at_0 > chance else 0):
                middle = (least + most) / 2
                if middle not in tried:
                    tried[middle] = self._below(self._shrunk(middle))
                if tried[middle] > chance:
                    most = middle
                else:
                    least = middle
            found.append(self.distance(self._shrunk((least + most) / 2)) if at_0 > chance else 0.0)
        return found

    def scatter_less(self, part: Floats) -> None:
        """Let counts of each property have this part of the variance they have."""
        self.noise = self.noise * np.sqrt(part)[self.owner, None]

    def spread_to(self, chance: float, folded: bool = True) -> float:
        """The D whose estimates are below the one seen with this chance, if deviations are many.

        Args:
            folded: whether a deviation that chance turns round counts as it then is, and not
                against the others.
        """
        shape = self._spread()
        if not shape.any():
            return 0.0
        # Estimates lie on a grid: the one seen stands for all up to half way to the next.
        half_way = 1 / float((self.root**2).mean())
        least, most = 0.0, 1.5
        while self._below(self._possible(shape * most), half_way, folded) >= chance and most < _FAR:
            least, most = most, most * 1.6
        for _ in range(_BISECTIONS):
            middle = (least + most) / 2
            if self._below(self._possible(shape * middle), half_way, folded) < chance:
                most = middle
            else:
                least = middle
        return self.distance(self._possible(shape * most))

    def _below(self, off: Floats, more: float = 0.0, folded: bool = True) -> float:
        """How often estimates from such shares are below the one seen, or this and so much `more`
        (in sums of deviations); ties count half."""
        p = self.q + off
        drawn = np.multiply(self.noise, (np.sqrt(p) / self.root)[:, None], out=self.scratch)
        for start, end in zip(self.starts, [*self.starts[1:], p.size], strict=True):
            drawn[start:end] -= p[start:end, None] * drawn[start:end].sum(axis=0)
        drawn += off[:, None]
        found = np.abs(drawn, out=drawn).sum(axis=0) if folded else np.sign(off) @ drawn
        limit = float(np.abs(self.off).sum()) + more
        slack = 1e-9 * max(1.0, limit)
        return float((found < limit - slack).mean() + (np.abs(found - limit) <= slack).mean() / 2)

    def _shrunk(self, by: float) -> Floats:
        """Deviations moved towards 0, those of less than `by` standard errors onto it, after a
        shift in each property that makes them add up to 0."""
        error = np.maximum(self.error, _TINY)
        square, limit = error**2, by * error
        reach = float(np.abs(self.off).max() / square[self.error > 0].min()) + 1
        low, width = np.full(self.starts.size, -reach), 2 * reach
        for _ in range(_BALANCINGS):
            # Four bisections at once: the shifts at which they would look, side by side.
            width /= _PARTS
            shifts = low + width * np.arange(1, _PARTS)[:, None]
            too_much = self._sums(_cut(self.off - shifts[:, self.owner] * square, limit)) > 0
            low = low + width * too_much.sum(axis=0)
        return self._possible(_cut(self.off - (low + width / 2)[self.owner] * square, limit))

    def _spread(self) -> Floats:
        sign = self._signs()
        shape = np.sqrt(self.off**2 + (_PUSH * self.error) ** 2)
        more, less = self._sums(shape * (sign > 0)), self._sums(shape * (sign < 0))
        both = np.sqrt(more * less)
        scale = np.where(
            sign > 0,
            (both / np.where(more > 0, more, 1))[self.owner],
            (both / np.where(less > 0, less, 1))[self.owner],
        )
        return sign * shape * scale

    def _signs(self) -> Floats:
        """Upwards or downwards, as seen; of values off by less than a standard error such that in
        each property those upwards have a share near one half, which scatters most."""
        sign = np.where(self.off > 0, 1.0, -1.0)
        p = self.q + self.off
        for first in self.starts:
            own = np.flatnonzero(self.owner == self.owner[first])
            unsure = own[np.abs(self.off[own]) <= _PUSH * self.error[own]]
            sign[unsure] = -1.0
            upwards = float(p[own][sign[own] > 0].sum())
            for place in unsure[np.argsort(-p[unsure], kind="stable")]:
                if abs(upwards + p[place] - 0.5) < abs(upwards - 0.5):
                    sign[place] = 1.0
                    upwards += p[place]
        return sign

    def _possible(self, off: Floats) -> Floats:
        """Deviations cut so that shares are at least 0, and scaled so that they add up to 1."""
        p = np.maximum(0.0, self.q + off)
        scaled: Floats = p / self._sums(p)[self.owner] - self.q
        return scaled

    def _sums(self, values: Floats) -> Floats:
        summed: Floats = np.add.reduceat(values, self.starts, axis=-1)
        return summed

    def _between(self, seen: Sequence[NDArray[np.intp]], p: Floats) -> Floats:
        """The root of the correlations of counts, of which those within a property are left to
        `_below`."""
        square = np.zeros((p.size, p.size))
        unit = 1 / (np.sqrt(np.where(p > 0, p, 1)) * self.root)
        for start in range(0, len(seen[0]), _ROWS):
            rows = np.zeros((len(seen[0][start : start + _ROWS]), p.size))
            for first, codes in zip(self.starts, seen, strict=True):
                part = codes[start : start + _ROWS]
                known = np.flatnonzero(part >= 0)
                own = self.owner == self.owner[first]
                rows[np.ix_(known, np.flatnonzero(own))] = -p[own]
                rows[known, first + part[known]] += 1
            rows *= unit
            square += rows.T @ rows
        within = self.owner[:, None] == self.owner
        square[within] = 0.0
        np.fill_diagonal(square, 1.0)
        values, vectors = np.linalg.eigh(square)
        root: Floats = (vectors * np.sqrt(np.maximum(0.0, values))) @ vectors.T
        return root


def _cut(off: Floats, limit: Floats) -> Floats:
    """Deviations moved towards 0, those of less than their limit onto it."""
    part = np.minimum(1.0, limit / np.maximum(np.abs(off), 1e-15))
    kept: Floats = off * (1 - part * part * part)
    return kept


def goodness_of_fit(counts: Sequence[int], shares: Sequence[float], seed: int = 0) -> Fit:
    """Whether counts are what shares give by chance.

    - `exact`, where at most 25,000 tables have this n: the chance of a table whose likelihood
      ratio is at least as large.
    - `chi-square`, where each value is expected at least 5 times (Cochran 1954, Some methods for
      strengthening the common χ² tests, Biometrics 10): Pearson's.
    - `monte-carlo`, else: as `exact`, over 9,999 drawn tables, the one seen counted among them
      (Davison & Hinkley 1997, Bootstrap Methods and their Application, section 4.2).

    A value that was seen though its share is 0 gives p = 0: the shares cannot be those of its
    source.

    Args:
        counts: of each value, not negative.
        shares: how often each should occur, in any unit, not negative.
        seed: of the drawing.

    Returns:
        the test; without p-value where nothing was counted or nothing can differ.

    Raises:
        ValueError: counts and shares of different length, negative ones, or shares all 0.
    """
    observed = np.asarray(counts, dtype=np.int64)
    wanted = np.asarray(shares, dtype=np.float64)
    if observed.shape != wanted.shape or (observed < 0).any() or not (wanted >= 0).all():
        raise ValueError(f"{len(counts)} counts for {len(shares)} shares, none of them negative")
    if not wanted.sum() > 0:
        raise ValueError("shares of which none is above 0")
    n = int(observed.sum())
    possible = wanted > 0
    if n and observed[~possible].any():
        return Fit(0.0, "exact", n)
    observed, wanted = observed[possible], wanted[possible] / wanted.sum()
    if not n or observed.size < 2:
        return Fit(None, "exact", n)
    if math.comb(n + observed.size - 1, observed.size - 1) <= _MAX_TABLES:
        return Fit(_exact(observed, wanted, n), "exact", n)
    expected = n * wanted
    if expected.min() >= _ENOUGH_EXPECTED:
        statistic = float(((observed - expected) ** 2 / expected).sum())
        return Fit(float(chdtrc(observed.size - 1, statistic)), "chi-square", n)
    drawn = np.random.default_rng(seed).multinomial(n, wanted, _TEST_DRAWS)
    beyond = int((_ratios(drawn, wanted, n) >= _ratios(observed, wanted, n) - 1e-9).sum())
    return Fit((beyond + 1) / (_TEST_DRAWS + 1), "monte-carlo", n)


def shift_test(before: Sequence[int], after: Sequence[int], seed: int = 0) -> float | None:
    """Whether pairs of values lean: whether `after` has some values more often, and others less,
    than `before`, beyond what mistakes to and fro explain.

    A permutation test of marginal homogeneity: if they do not lean, a pair (a, b) is as likely as
    (b, a); so pairs are turned at random, and the squared differences of both tallies compared,
    9,999 times and with what was seen. Of two values it is McNemar's exact test.

    Args:
        before, after: for each pair the number of its values, from 0.

    Returns:
        the p-value; None where no pair differs.
    """
    one, two = np.asarray(before, dtype=np.intp), np.asarray(after, dtype=np.intp)
    differ = one != two
    if not differ.any():
        return None
    size = int(max(one.max(), two.max())) + 1
    table = np.zeros((size, size), dtype=np.int64)
    np.add.at(table, (one[differ], two[differ]), 1)
    first, second = np.nonzero(np.triu(table + table.T))
    there, back = table[first, second], table[second, first]

    random = np.random.default_rng(seed)
    turned = np.zeros((size, _TEST_DRAWS))
    for a, b, pairs in zip(first, second, there + back, strict=True):
        net = 2.0 * random.binomial(pairs, 0.5, _TEST_DRAWS) - pairs
        turned[a] -= net
        turned[b] += net
    lean = np.zeros(size)
    np.add.at(lean, first, back - there)
    np.add.at(lean, second, there - back)
    beyond = int(((turned**2).sum(axis=0) >= (lean**2).sum() - 1e-9).sum())
    return (beyond + 1) / (_TEST_DRAWS + 1)


def _exact(observed: NDArray[np.int64], wanted: Floats, n: int) -> float:
    tables = _tables(n, observed.size)
    chances = gammaln(n + 1) - gammaln(tables + 1).sum(axis=1) + tables @ np.log(wanted)
    beyond = _ratios(tables, wanted, n) >= _ratios(observed, wanted, n) - 1e-9
    return min(1.0, float(np.exp(chances[beyond]).sum()))


def _ratios(tables: NDArray[np.int64], wanted: Floats, n: int) -> Floats:
    """Twice the logarithm of the likelihood ratio of each table."""
    parts = tables * np.log(np.where(tables > 0, tables, 1) / (n * wanted))
    ratios: Floats = 2 * np.where(tables > 0, parts, 0.0).sum(axis=-1)
    return ratios


def _tables(n: int, size: int) -> NDArray[np.int64]:
    """All ways to share n among so many values."""
    tables = np.zeros((1, 0), dtype=np.int64)
    for _ in range(size - 1):
        room = n - tables.sum(axis=1)
        rows = np.repeat(np.arange(len(tables)), room + 1)
        firsts = np.cumsum(room + 1) - (room + 1)
        added = np.arange(rows.size) - firsts[rows]
        tables = np.column_stack([tables[rows], added])
    return np.column_stack([tables, n - tables.sum(axis=1)])
