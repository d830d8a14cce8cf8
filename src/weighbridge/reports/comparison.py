"""Two or more runs on the same cases: what differs between them, by how much, and how sure that is.

Cases are matched by their id, of which 64 bits of a hash are kept: a million cases hold two with
the same hash with a chance of 3 · 10⁻⁸. So runs over different data sets can be compared as far as
their ids agree; that a case was changed between the two, but not its id, cannot be seen here.

Memory is 21 bytes a case and run with one scorer, 9 more for each other scorer, 8 more for
clusters, and 4 for each answer's latency.
"""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray

from weighbridge.core.evaluation import Reducer
from weighbridge.core.outcome import Status
from weighbridge.core.scale import Bounds
from weighbridge.reports.metrics import cluster_number, reduce_scores
from weighbridge.statistics import PairedComparison, compare_paired, holm, letters

Grade: TypeAlias = float | Status
"""A score, or why there is none: `Status.UNGRADED` or `Status.FAILED`."""

Places: TypeAlias = NDArray[np.intp] | slice
"""Which of a run's cases: as an array of places, or, where it is all of them, without copying."""

_SCORED, _UNGRADED, _FAILED = range(3)
_STATES = {Status.UNGRADED: _UNGRADED, Status.FAILED: _FAILED}


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds that answers took.

    Attributes:
        mean_s, p50_s, p95_s: mean, median, and what 95 of 100 answers took at most.
    """

    mean_s: float
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, eq=False)
class RunScores:
    """The scores of one run, a place for each case of which anything is known.

    Attributes:
        ids: hash of each case's id, in the order of the data set, shape (n,).
        positions: 0-based place of each case in the data set, ascending, shape (n,).
        clusters: number of each case's cluster, shape (n,); None without clusters.
        values: scorer key → score of each case, its repeats reduced; 0 where there is none.
        states: scorer key → 0 scored, 1 ungraded, 2 failed.
        latencies: over all answers; None without any.
        first_id: id of the case that comes first in the data set, for messages; None without cases.
    """

    ids: NDArray[np.uint64]
    positions: NDArray[np.uint32]
    clusters: NDArray[np.uint64] | None
    values: Mapping[str, NDArray[np.float64]]
    states: Mapping[str, NDArray[np.uint8]]
    latencies: Latencies | None
    first_id: str | None

    def __len__(self) -> int:
        return len(self.ids)


class RunScoresBuilder:
    """Takes the rows of one run in order, gives its scores.

    A case with repeats is reduced over those of its epochs that have a score. Without any it counts
    as failed if one of them failed, else as ungraded: as in `reports.metrics`.

    Args:
        scorers: keys, in the order in which the grades of a row come.
        reducer: what becomes of repeats. epochs: how many there are of each case.
        clustered: whether the evaluation names a cluster column.
    """

    def __init__(
        self,
        scorers: Sequence[str],
        *,
        reducer: Reducer = Reducer.MEAN,
        epochs: int = 1,
        clustered: bool = False,
    ) -> None:
        self._scorers = tuple(scorers)
        self._reducer = reducer
        self._ids = array("Q")
        self._positions = array("I")
        self._clusters = array("Q") if clustered else None
        self._values = [array("d") for _ in scorers]
        self._states = [bytearray() for _ in scorers]
        self._latencies = array("f")
        self._first_id: str | None = None
        self._last = -1
        self._columns = list(zip(self._values, self._states, strict=True))
        # Most runs have nothing to reduce, and a million cases to take in.
        self._at_once = epochs == 1 and reducer is not Reducer.PASS_AT_K
        self._repeats: list[Sequence[Grade]] = []

    def add(
        self,
        position: int,
        case_id: str,
        cluster: str | None,
        latency_s: float | None,
        grades: Sequence[Grade],
    ) -> None:
        """Take one row, in the order of (position, epoch).

        Args:
            position: 0-based place of the case.
            case_id, cluster: of the case.
            latency_s: of its answer; None when there is none.
            grades: one for each scorer.

        Raises:
            ValueError: the row does not come after the one before, or of a case that needs no
                reducing a second one.
        """
        if position != self._last or self._at_once:
            if position <= self._last:
                raise ValueError(f"case {position} came after case {self._last}")
            if self._repeats:
                self._close_case()
            self._last = position
            if self._first_id is None:
                self._first_id = case_id
            self._ids.append(xxhash.xxh3_64_intdigest(case_id.encode("utf-8", "surrogatepass")))
            self._positions.append(position)
            if self._clusters is not None:
                self._clusters.append(cluster_number(position, cluster))
        if self._at_once:
            for (values, states), grade in zip(self._columns, grades, strict=True):
                if isinstance(grade, float):
                    values.append(grade)
                    states.append(_SCORED)
                else:
                    values.append(0.0)
                    states.append(_STATES[grade])
        else:
            self._repeats.append(grades)
        if latency_s is not None:
            self._latencies.append(latency_s)

    def finish(self) -> RunScores:
        """The scores of the run. Call once, after the last row."""
        if self._repeats:
            self._close_case()
        latencies, self._latencies = self._latencies, array("f")
        clusters = self._clusters
        return RunScores(
            ids=np.frombuffer(self._ids, dtype=np.uint64),
            positions=np.frombuffer(self._positions, dtype=np.uint32),
            clusters=None if clusters is None else np.frombuffer(clusters, dtype=np.uint64),
            values={
                key: np.frombuffer(values, dtype=np.float64)
                for key, values in zip(self._scorers, self._values, strict=True)
            },
            states={
                key: np.frombuffer(states, dtype=np.uint8)
                for key, states in zip(self._scorers, self._states, strict=True)
            },
            latencies=_summarised(latencies),
            first_id=self._first_id,
        )

    def _close_case(self) -> None:
        for place, (values, states) in enumerate(self._columns):
            value, state = _reduced([grades[place] for grades in self._repeats], self._reducer)
            values.append(value)
            states.append(state)
        self._repeats.clear()


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Cases that did not enter a difference, by reason. A case may be counted for both runs.

    Attributes:
        only_a, only_b: cases of which only one run knows anything.
        failed_a, failed_b: of the cases in both: without an answer (or a call to its judge).
        ungraded_a, ungraded_b: of the cases in both: answered, without a usable verdict.
    """

    only_a: int
    only_b: int
    failed_a: int
    failed_b: int
    ungraded_a: int
    ungraded_b: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs by one scorer.

    Attributes:
        a, b: places of the runs among those compared; `b` comes later.
        matched: cases that both runs know.
        mean_a, mean_b: over the cases scored in both; None without any.
        binary: whether all their scores are 0 or 1.
        paired: the difference, B less A, with interval and test.
        p_adjusted: its p-value after Holm's correction for all tests of this comparison.
        different: whether that is at most 1 - level; None when there was nothing to test.
        up, down, equal: of the cases scored in both, how many score higher in B, lower, the same.
        unmatched: the cases that did not enter.
        clusters_disagree: cases that are in different clusters in the two runs (A's were taken).
    """

    a: int
    b: int
    scorer: str
    matched: int
    mean_a: float | None
    mean_b: float | None
    binary: bool
    paired: PairedComparison
    p_adjusted: float | None
    different: bool | None
    up: int
    down: int
    equal: int
    unmatched: Unmatched
    clusters_disagree: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs by several scorers.

    Attributes:
        differences: scorer by scorer, all pairs of runs; those with the first run come first.
        groups: scorer → for each run the letters of its groups. Two runs share a letter exactly
            when the tests did not tell them apart.
        level: of the intervals; a difference is significant at an adjusted p of 1 - level.
    """

    differences: tuple[Difference, ...]
    groups: Mapping[str, tuple[str, ...]]
    level: float


def compare_runs(
    runs: Sequence[RunScores],
    scorers: Sequence[str],
    level: float = 0.95,
    bounds: Mapping[str, Bounds] | None = None,
) -> Comparison:
    """Compare every two of these runs by every scorer.

    The p-values of all pairs and scorers are one family for Holm's correction, as whoever looks at
    the table looks at all of it.

    Args:
        runs: two or more; each knows all the scorers.
        level: of the intervals.
        bounds: scorer → within which the score of a case lies, where that is known.

    Returns:
        the comparison; a pair without common scored cases is in it, without a value.
    """
    found = []
    for a, b in combinations(range(len(runs)), 2):
        matched = match(runs[a], runs[b])
        found += [
            _difference(runs[a], runs[b], matched, (a, b), key, level, (bounds or {}).get(key))
            for key in scorers
        ]
    place = {key: number for number, key in enumerate(scorers)}
    found.sort(key=lambda one: (place[one.scorer], one.a, one.b))
    tested = [one for one in found if one.paired.p_value is not None]
    adjusted = holm([one.paired.p_value for one in tested if one.paired.p_value is not None])
    by_pair = {(one.scorer, one.a, one.b): p for one, p in zip(tested, adjusted, strict=True)}
    differences = tuple(
        replace(one, p_adjusted=p, different=p <= 1 - level)
        if (p := by_pair.get((one.scorer, one.a, one.b))) is not None
        else one
        for one in found
    )
    groups = {key: _letters(runs, key, differences) for key in scorers}
    return Comparison(differences, groups, level)


def match(a: RunScores, b: RunScores) -> tuple[Places, Places]:
    """Places of the cases that both runs know, in `a` and in `b`, in the order of `a`."""
    if np.array_equal(a.ids, b.ids):  # the same data, as most often: nothing to look up or copy
        return slice(len(a)), slice(len(a))
    if not len(a) or not len(b):
        return slice(0), slice(0)
    order = np.argsort(b.ids)
    places = np.searchsorted(b.ids, a.ids, sorter=order)
    np.minimum(places, len(b) - 1, out=places)
    places = order[places]
    in_a = np.flatnonzero(b.ids[places] == a.ids)
    return in_a, places[in_a]


def n_matched(a: RunScores, b: RunScores) -> int:
    """How many cases both runs know."""
    return len(a.ids[match(a, b)[0]])


@dataclass(frozen=True, slots=True)
class Flipped:
    """A case whose score is not the same in two runs.

    Attributes:
        a, b: its 0-based position in the data set of each.
        score_a, score_b: its score in each, repeats reduced.
    """

    a: int
    b: int
    score_a: float
    score_b: float


def flipped(
    a: RunScores,
    b: RunScores,
    scorer: str,
    *,
    up: bool = True,
    down: bool = True,
    after: int = -1,
    limit: int = 50,
) -> list[Flipped]:
    """The first cases whose scores differ, in the order of A's data set.

    Args:
        up, down: whether those that score higher, or lower, in B are wanted.
        after: 0-based position in A; only cases behind it.
        limit: the most cases.
    """
    in_a, in_b = match(a, b)
    at_a, at_b = a.positions[in_a], b.positions[in_b]
    scores_a, scores_b = a.values[scorer][in_a], b.values[scorer][in_b]
    both = (a.states[scorer][in_a] == _SCORED) & (b.states[scorer][in_b] == _SCORED)
    both &= at_a.astype(np.int64) > after
    moved = (scores_b > scores_a) & up | (scores_b < scores_a) & down
    return [
        Flipped(int(at_a[i]), int(at_b[i]), float(scores_a[i]), float(scores_b[i]))
        for i in np.flatnonzero(both & moved)[:limit]
    ]


def _difference(
    a: RunScores,
    b: RunScores,
    matched: tuple[Places, Places],
    pair: tuple[int, int],
    scorer: str,
    level: float,
    bounds: Bounds | None,
) -> Difference:
    in_a, in_b = matched
    states_a, states_b = a.states[scorer][in_a], b.states[scorer][in_b]
    unmatched = Unmatched(
        only_a=len(a) - len(states_a),
        only_b=len(b) - len(states_b),
        failed_a=int(np.count_nonzero(states_a == _FAILED)),
        failed_b=int(np.count_nonzero(states_b == _FAILED)),
        ungraded_a=int(np.count_nonzero(states_a == _UNGRADED)),
        ungraded_b=int(np.count_nonzero(states_b == _UNGRADED)),
    )
    both = (states_a == _SCORED) & (states_b == _SCORED)
    scores_a, scores_b = a.values[scorer][in_a], b.values[scorer][in_b]
    clusters = others = None
    if a.clusters is not None and b.clusters is not None:
        clusters, others = a.clusters[in_a], b.clusters[in_b]
    if not both.all():
        scores_a, scores_b = scores_a[both], scores_b[both]
        if clusters is not None and others is not None:
            clusters, others = clusters[both], others[both]
    disagree = 0 if clusters is None else int(np.count_nonzero(clusters != others))
    paired = compare_paired(scores_a, scores_b, clusters=clusters, level=level, bounds=bounds)
    up = int(np.count_nonzero(scores_b > scores_a))
    down = int(np.count_nonzero(scores_b < scores_a))
    return Difference(
        a=pair[0],
        b=pair[1],
        scorer=scorer,
        matched=len(states_a),
        mean_a=float(scores_a.mean()) if scores_a.size else None,
        mean_b=float(scores_b.mean()) if scores_b.size else None,
        binary=paired.only_a is not None,
        paired=paired,
        p_adjusted=None,
        different=None,
        up=up,
        down=down,
        equal=len(scores_a) - up - down,
        unmatched=unmatched,
        clusters_disagree=disagree,
    )


def _letters(
    runs: Sequence[RunScores], scorer: str, differences: Sequence[Difference]
) -> tuple[str, ...]:
    best_first = sorted(range(len(runs)), key=lambda place: -_mean(runs[place], scorer))
    found = letters(
        [str(place) for place in best_first],
        [(str(one.a), str(one.b)) for one in differences if one.scorer == scorer and one.different],
    )
    return tuple(found[str(place)] for place in range(len(runs)))


def _mean(run: RunScores, scorer: str) -> float:
    scored = run.values[scorer][run.states[scorer] == _SCORED]
    return float(scored.mean()) if scored.size else -math.inf


def _reduced(repeats: Sequence[Grade], reducer: Reducer) -> tuple[float, int]:
    """Score and state of one case from the grades of its repeats (one at least)."""
    if len(repeats) == 1 and reducer is not Reducer.PASS_AT_K:
        [grade] = repeats
        return (0.0, _STATES[grade]) if isinstance(grade, Status) else (grade, _SCORED)
    scores = [grade for grade in repeats if not isinstance(grade, Status)]
    if scores:
        return reduce_scores(scores, reducer), _SCORED
    return 0.0, _FAILED if Status.FAILED in repeats else _UNGRADED


def _summarised(latencies: "array[float]") -> Latencies | None:
    if not latencies:
        return None
    seconds = np.frombuffer(latencies, dtype=np.float32)
    median, most = np.quantile(seconds, [0.5, 0.95])
    return Latencies(float(seconds.mean(dtype=np.float64)), float(median), float(most))
