"""Which traits of samples hang together, and how often values of one occur beside those of another.

Measured by Cramér's V with Bergsma's correction for its bias (2013), beside a chi-square test at a
level that is shared out among all pairs: traits that have nothing to do with each other are taken
for dependent in 1 of 100 data sets at most.
"""

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.synthesis import Condition
from weighbridge.synthesis.measuring import Trait
from weighbridge.synthesis.shares import shares

LEAST_V = 0.3
"""Cramér's V from which traits count as strongly associated."""
LEAST_SAMPLES = 30
"""Samples of which both traits are known, so that a pair is looked at."""
LEAST_GROUP = 10
"""Samples with a value of the one trait, so that the shares of the other among them are told."""

_LEVEL = 0.01
_LEAST_COLUMN = 5  # samples with a value, so that the test looks at it


@dataclass(frozen=True, slots=True)
class Association:
    """Two traits that hang together.

    Attributes:
        given, child: their places; `given` comes first.
        v: bias-corrected Cramér's V, 0 to 1.
        p: of the chi-square test that there is nothing between them, not corrected.
    """

    given: int
    child: int
    v: float
    p: float


def associations(traits: Sequence[Trait]) -> list[Association]:
    """The pairs of traits that are strongly associated, the strongest first."""
    pairs = list(combinations(range(len(traits)), 2))
    coded = [_coded(trait) for trait in traits]
    found = []
    for given, child in pairs:
        table = _table(coded[given], coded[child], len(traits[given].values))
        if table is None:
            continue
        v, p = cramers_v(table)
        if v >= LEAST_V and p < _LEVEL / len(pairs):
            found.append(Association(given, child, v, p))
    return sorted(found, key=lambda it: (-it.v, it.given, it.child))


def conditions(traits: Sequence[Trait]) -> list[tuple[Condition, ...]]:
    """For each trait, how often its values occur beside each value of the trait before it that it
    hangs together with most; none where there is no such trait.

    Values of that trait which fewer than `LEAST_GROUP` samples have are left out.
    """
    found: list[tuple[Condition, ...]] = [()] * len(traits)
    for it in associations(traits):
        if not found[it.child]:
            found[it.child] = _conditions(traits[it.given], traits[it.child])
    return found


def cramers_v(table: NDArray[np.int64]) -> tuple[float, float]:
    """Bias-corrected Cramér's V of a table of counts, and the p-value of its chi-square test.

    Args:
        table: rows by columns, without empty ones, at least 2 by 2.
    """
    total = int(table.sum())
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    rows, columns = table.shape
    freedom = (rows - 1) * (columns - 1)
    special: Any = importlib.import_module("scipy.special")  # takes its time to load
    p = float(special.chdtrc(freedom, statistic))
    phi = max(0.0, statistic / total - freedom / (total - 1))
    sides = [side - (side - 1) ** 2 / (total - 1) for side in (rows, columns)]
    span = min(sides) - 1
    return (min(1.0, math.sqrt(phi / span)) if span > 0 else 0.0), p


def _coded(trait: Trait) -> NDArray[np.int64]:
    """The place of each label among the values; -1: there is none."""
    places = {value: place for place, value in enumerate(trait.values)}
    return np.array(
        [-1 if label is None else places[label] for label in trait.labels], dtype=np.int64
    )


def _table(
    given: NDArray[np.int64], child: NDArray[np.int64], values: int
) -> NDArray[np.int64] | None:
    """Counts of both, without values that are too rare; None: there is too little to be seen."""
    known = (given >= 0) & (child >= 0)
    if int(known.sum()) < LEAST_SAMPLES:
        return None
    width = int(child.max()) + 1
    cells = np.bincount(given[known] * width + child[known], minlength=values * width)
    table = cells.reshape(values, width).astype(np.int64)
    table = table[table.sum(axis=1) >= LEAST_GROUP]
    table = table[:, table.sum(axis=0) >= _LEAST_COLUMN]
    return table if min(table.shape) >= 2 else None


def _conditions(given: Trait, child: Trait) -> tuple[Condition, ...]:
    made = []
    for value in given.values:
        seen = [
            label
            for label, beside in zip(child.labels, given.labels, strict=True)
            if beside == value and label is not None
        ]
        if len(seen) >= LEAST_GROUP:
            weights = {it: float(seen.count(it)) for it in child.values}
            made.append(Condition({given.name: value}, shares(child.values, weights)))
    return tuple(made)
