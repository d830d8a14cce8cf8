"""Cases × runs: which cases are worth looking at, and how the scores of two runs lie together.

The rows are the cases of the first run, the baseline, in the order of its data. Everything here is
one pass over columns for each run, so that a mode that finds few cases among many costs no more
than one that finds them at once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray

from weighbridge.reports.comparison import Places, RunScores, match

SCORED, UNGRADED, FAILED, MISSING = range(4)
BINS = 50
MOST_POINTS = 2_000
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spot:
    """One case in one run.

    Attributes:
        position: its 0-based place in that run's data; None: the run does not know it.
        state: 0 scored, 1 ungraded, 2 failed, 3 not there.
        value: its score, repeats reduced; None without one.
    """

    position: int | None
    state: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Sieve:
    """Which cases are wanted, and in which order.

    Attributes:
        scorer: by whose scores.
        mode: `all`; `different`: not the same score, or a score in one run and none in another;
            `regressions`: a worse score than in the baseline in any other run; `failures`: without
            a score, or below `passing`, in any run that has the case.
        passing: the least score that is a pass; None: no score is a failure.
        lower_is_better: whether low scores are the good ones.
        among: positions in the baseline's data; only these cases. None: all.
        largest_first: those that got worse by most come first; else in the order of the data.
    """

    scorer: str
    mode: str = "all"
    passing: float | None = 0.5
    lower_is_better: bool = False
    among: Collection[int] | None = None
    largest_first: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """Some of the cases that are wanted.

    Attributes:
        rows: for each case, what it is in each run.
        counts: how many cases there are by mode.
        more: whether others follow.
    """

    rows: tuple[tuple[Spot, ...], ...]
    counts: Mapping[str, int]
    more: bool


def pick(
    runs: Sequence[RunScores], sieve: Sieve, *, after: int | None = None, limit: int = 50
) -> Picked:
    """The next cases.

    Args:
        runs: the baseline first.
        after: position of the case in front of the first one.
        limit: the most cases.
    """
    base = runs[0]
    matched = [match(base, run) for run in runs[1:]]
    masks, order = _ordered(runs, matched, sieve)
    start = 0 if after is None else _neighbours(order, base.positions, after, sieve)[1]
    chosen = order[start : start + limit]
    columns = [_spots(base, sieve.scorer, chosen)]
    columns += [
        _spots(run, sieve.scorer, _looked_up(places, chosen))
        for run, places in zip(runs[1:], matched, strict=True)
    ]
    return Picked(
        rows=tuple(zip(*columns, strict=True)),
        counts={name: int(np.count_nonzero(mask)) for name, mask in masks.items()},
        more=start + limit < len(order),
    )


def beside(runs: Sequence[RunScores], sieve: Sieve, position: int) -> tuple[int | None, int | None]:
    """Positions of the cases before and behind one; None: there is none."""
    matched = [match(runs[0], run) for run in runs[1:]]
    _, order = _ordered(runs, matched, sieve)
    before, behind = _neighbours(order, runs[0].positions, position, sieve)
    at = runs[0].positions[order]
    return (
        int(at[before - 1]) if before > 0 else None,
        int(at[behind]) if behind < len(at) else None,
    )


def position_of(run: RunScores, case_id: str) -> int | None:
    """Where the case with this id stands in the run's data; None: the run does not know it."""
    hashed = xxhash.xxh3_64_intdigest(case_id.encode("utf-8", "surrogatepass"))
    [found] = np.nonzero(run.ids == np.uint64(hashed))
    return int(run.positions[found[0]]) if found.size else None


def spots_at(runs: Sequence[RunScores], scorer: str, position: int) -> tuple[Spot, ...] | None:
    """One case in each run, by its position in the baseline's data; None: the baseline does not
    know it."""
    base = runs[0]
    place = int(np.searchsorted(base.positions, position))
    if place >= len(base) or base.positions[place] != position:
        return None
    chosen = np.array([place])
    found = _spots(base, scorer, chosen)
    for run in runs[1:]:
        found += _spots(run, scorer, _looked_up(match(base, run), chosen))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Together:
    """The scores of two runs on the cases that both scored.

    Attributes:
        n: how many cases.
        binary: whether each of them is 0 or 1 in both.
        table: with `binary`: cases by (score in A, score in B); else empty.
        points: (position in A's data, score in A, score in B), of a few cases; empty for many.
        edges_a, edges_b: of the bins, ascending.
        bins: cases by bin, a row for each bin of B; the bins of A run along it.
        differences: (least, greatest, cases) of each bin of the difference B less A.
    """

    n: int
    binary: bool
    table: Mapping[tuple[int, int], int]
    points: tuple[tuple[int, float, float], ...]
    edges_a: tuple[float, ...]
    edges_b: tuple[float, ...]
    bins: tuple[tuple[int, ...], ...]
    differences: tuple[tuple[float, float, int], ...]


def together(a: RunScores, b: RunScores, scorer: str, *, bins: int = BINS) -> Together:
    """How the scores of two runs lie together."""
    in_a, in_b = match(a, b)
    both = (a.states[scorer][in_a] == SCORED) & (b.states[scorer][in_b] == SCORED)
    one, other = a.values[scorer][in_a][both], b.values[scorer][in_b][both]
    n = int(one.size)
    if not n or _binary(one, other):
        table = {
            (x, y): int(np.count_nonzero((one == x) & (other == y))) for x in (0, 1) for y in (0, 1)
        }
        return Together(n, True, table if n else {}, (), (), (), (), ())
    low, high = float(min(one.min(), other.min())), float(max(one.max(), other.max()))
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges_a, edges_b = np.histogram2d(one, other, bins=bins, range=((low, high),) * 2)
    points: tuple[tuple[int, float, float], ...] = ()
    if n <= MOST_POINTS:
        positions = a.positions[in_a][both]
        points = tuple(
            (int(at), float(x), float(y)) for at, x, y in zip(positions, one, other, strict=True)
        )
    return Together(
        n,
        False,
        {},
        points,
        tuple(float(edge) for edge in edges_a),
        tuple(float(edge) for edge in edges_b),
        tuple(tuple(int(count) for count in row) for row in counts.T),
        _histogram(other - one),
    )


def _binary(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return all(bool(((values == 0) | (values == 1)).all()) for values in (one, other))


def _histogram(differences: NDArray[np.float64]) -> tuple[tuple[float, float, int], ...]:
    reach = float(np.abs(differences).max()) or 1.0
    # An odd number of bins: the middle one is that of no difference.
    counts, edges = np.histogram(differences, bins=31, range=(-reach, reach))
    return tuple(
        (float(edges[place]), float(edges[place + 1]), int(count))
        for place, count in enumerate(counts)
    )


def _ordered(
    runs: Sequence[RunScores], matched: Sequence[tuple[Places, Places]], sieve: Sieve
) -> tuple[dict[str, Mask], NDArray[np.intp]]:
    """Which cases each mode has, and places of those of the wanted one in order."""
    masks, worst = _sift(runs, matched, sieve)
    among = sieve.among
    if among is not None:
        wanted = np.fromiter(among, dtype=np.uint32, count=len(among))
        found = np.isin(runs[0].positions, wanted)
        masks = {name: mask & found for name, mask in masks.items()}
    order = np.flatnonzero(masks[sieve.mode])
    if sieve.largest_first:
        order = order[np.argsort(worst[order], kind="stable")]
    return masks, order


def _neighbours(
    order: NDArray[np.intp], positions: NDArray[np.uint32], position: int, sieve: Sieve
) -> tuple[int, int]:
    """How many of the ordered cases stand before a case, and how many up to it; the case itself
    need not be among them."""
    at = positions[order]
    if not sieve.largest_first:
        left, right = (np.searchsorted(at, position, side=side) for side in ("left", "right"))
        return int(left), int(right)
    [found] = np.nonzero(at == position)
    return (int(found[0]), int(found[0]) + 1) if found.size else (0, 0)


def _sift(
    runs: Sequence[RunScores],
    matched: Sequence[tuple[Places, Places]],
    sieve: Sieve,
) -> tuple[dict[str, Mask], NDArray[np.float64]]:
    """Which cases each mode has, and by how much each got worse, at most 0."""
    base, scorer, passing = runs[0], sieve.scorer, sieve.passing
    sign = -1.0 if sieve.lower_is_better else 1.0
    scored, values = base.states[scorer] == SCORED, base.values[scorer]
    every = np.ones(len(base), dtype=bool)
    different, worse = np.zeros(len(base), dtype=bool), np.zeros(len(base), dtype=bool)
    failed = ~_passed(scored, values, sign, passing)
    worst = np.zeros(len(base))
    for run, (in_a, in_b) in zip(runs[1:], matched, strict=True):
        theirs, their_values = run.states[scorer][in_b] == SCORED, run.values[scorer][in_b]
        moved = np.where(scored[in_a] & theirs, (their_values - values[in_a]) * sign, 0.0)
        different[in_a] |= (moved != 0) | (scored[in_a] != theirs)
        worse[in_a] |= moved < 0
        failed[in_a] |= ~_passed(theirs, their_values, sign, passing)
        worst[in_a] = np.minimum(worst[in_a], moved)
    masks = {"all": every, "different": different, "regressions": worse, "failures": failed}
    return masks, worst


def _passed(scored: Mask, values: NDArray[np.float64], sign: float, passing: float | None) -> Mask:
    if passing is None:
        return scored
    return scored & (values * sign >= passing * sign)


def _looked_up(matched: tuple[Places, Places], chosen: NDArray[Any]) -> NDArray[np.intp]:
    """Places in the other run of these places of the baseline; -1 where there is none."""
    in_a, in_b = matched
    if isinstance(in_a, slice) or isinstance(in_b, slice):
        most = in_a.stop if isinstance(in_a, slice) else 0
        return np.where(chosen < most, chosen, -1)
    if not in_a.size:
        return np.full(chosen.shape, -1, dtype=np.intp)
    at = np.minimum(np.searchsorted(in_a, chosen), in_a.size - 1)
    return np.where(in_a[at] == chosen, in_b[at], -1)


def _spots(run: RunScores, scorer: str, places: NDArray[Any]) -> list[Spot]:
    states, values = run.states[scorer], run.values[scorer]
    return [
        Spot(None, MISSING, None)
        if place < 0
        else Spot(
            int(run.positions[place]),
            int(states[place]),
            float(values[place]) if states[place] == SCORED else None,
        )
        for place in places
    ]
