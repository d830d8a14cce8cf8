"""Rows that were made beside the rows of the seeds: column by column, and pair by pair.

A column of numbers is compared by the Kolmogorov-Smirnov statistic (the largest distance between
the two cumulative distributions), one of few values by total variation distance (half the sum of
the differences between the shares), and one of longer texts by how many words they have. How two
columns hang together is told by Spearman's rank correlation where both are numbers, else by
Cramér's V with Bergsma's correction (2013, A bias-correction for Cramér's V and Tschuprow's T),
numbers in fifths of the seeds; what is compared is the difference of the two.

All distances are 0 (alike) to 1. Chance alone makes them larger than 0, by about `by_chance`. The
p-values are of the two-sample Kolmogorov-Smirnov test and of the chi-square test of homogeneity,
adjusted by Holm. Where a spec asks for other shares than the seeds have, columns differ on purpose.
"""

import importlib
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.json import Json, JsonObject
from weighbridge.generation.replies import words
from weighbridge.statistics import holm
from weighbridge.synthesis.association import cramers_v
from weighbridge.synthesis.sample_form import Column, to_cell

MOST_COLUMNS = 60
"""Columns that are compared: the first."""
MOST_IN_PAIRS = 20
"""Columns that are compared in pairs: the first of those that can be."""
FEW = 50
"""Values of a column at most, so that it counts as one of few values."""

_LONGEST = 200
_FIFTHS = (0.2, 0.4, 0.6, 0.8)
_LEAST = 8  # rows on either side, so that anything is said
_LEAST_EXPECTED = 5.0  # rows with a value, so that the chi-square test looks at it by itself
_KS_MEAN = math.sqrt(math.pi / 2) * math.log(2)  # of the Kolmogorov distribution
_LISTED = 12
_MISSING = -1


@dataclass(slots=True)
class _Compared:
    """A column, and what it holds on both sides.

    Attributes:
        kind: `number`, `values`, `length` or `key` (which names rows, and is not compared).
        codes: value → its number; of `values`.
        seeds, samples: numbers, nan where there is none; or codes, -1 where there is none.
    """

    name: str
    kind: str
    codes: dict[str, int] = field(default_factory=dict)
    seeds: "array[float]" = field(default_factory=lambda: array("d"))
    samples: "array[float]" = field(default_factory=lambda: array("d"))

    def read(self, cell: Json) -> float:
        if self.kind == "values":
            if isinstance(cell, str) and cell in self.codes:  # most are written as before
                return self.codes[cell]
            text = _text(cell)
            return _MISSING if not text else self.codes.setdefault(text, len(self.codes))
        if self.kind == "number":
            number = _number(cell)
            return math.nan if number is None else number
        return math.nan if cell is None else float(len(words(to_cell(cell))))

    def known(self, side: "array[float]") -> NDArray[np.float64]:
        values = np.frombuffer(side, dtype=np.float64) if side else np.zeros(0)
        return values[self.there(values)]

    def there(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return values >= 0 if self.kind == "values" else ~np.isnan(values)


class TableComparison:
    """Compares rows with the rows of seeds. Fed one at a time.

    Args:
        columns: of the seeds. rows: of the seeds, at least one.
    """

    def __init__(self, columns: Sequence[Column], rows: Sequence[JsonObject]) -> None:
        self._columns = [_Compared(it.name, _kind(it, rows)) for it in list(columns)[:MOST_COLUMNS]]
        self._left_out = max(0, len(columns) - MOST_COLUMNS)
        for row in rows:
            for column in self._columns:
                column.seeds.append(column.read(row.get(column.name)))
        self._rows = (len(rows), 0)

    @property
    def keys(self) -> frozenset[str]:
        """Columns that only name rows."""
        return frozenset(it.name for it in self._columns if it.kind == "key")

    def add(self, row: Mapping[str, Json]) -> None:
        """Another row that was made."""
        for column in self._columns:
            column.samples.append(column.read(row.get(column.name)))
        self._rows = (self._rows[0], self._rows[1] + 1)

    def finish(self) -> JsonObject:
        """`{columns, pairs, column_distance, pair_distance, …}`."""
        compared = [it for it in self._columns if it.kind != "key"]
        columns = [_of_column(it) for it in compared]
        tested = [it for it in columns if it["p_value"] is not None]
        for one, adjusted in zip(tested, holm([it["p_value"] for it in tested]), strict=True):
            one["adjusted"] = adjusted
        able = [it for it in compared if it.kind != "length"][:MOST_IN_PAIRS]
        pairs = [found for one, other in combinations(able, 2) if (found := _of_pair(one, other))]
        pairs.sort(key=lambda it: -it["distance"])
        return {
            "seeds": self._rows[0],
            "samples": self._rows[1],
            "columns": columns,
            "column_distance": _mean(it["distance"] for it in columns),
            "pairs": pairs[:_LISTED],
            "pairs_compared": len(pairs),
            "pair_distance": _mean(it["distance"] for it in pairs),
            "keys": sorted(self.keys),
            "columns_left_out": self._left_out,
        }


def _kind(column: Column, rows: Sequence[JsonObject]) -> str:
    cells = [row.get(column.name) for row in rows]
    there = [cell for cell in cells if _text(cell)]
    distinct = len({_text(cell) for cell in there})
    if column.kind in {"integer", "number"}:
        numbers = [number for cell in there if (number := _number(cell)) is not None]
        steps = {after - before for before, after in pairwise(numbers)}
        return "key" if len(numbers) > 2 and steps == {1.0} else "number"
    if column.kind == "boolean" or (distinct <= FEW and 2 * distinct <= max(2, len(there))):
        return "values"
    if all(len(words(_text(cell))) <= 1 for cell in there):
        return "key"
    return "length"


def _of_column(column: _Compared) -> dict[str, Any]:
    seeds, samples = column.known(column.seeds), column.known(column.samples)
    found: dict[str, Any] = {
        "column": column.name,
        "kind": column.kind,
        "missing_in_seeds": _share(len(column.seeds) - len(seeds), len(column.seeds)),
        "missing_in_samples": _share(len(column.samples) - len(samples), len(column.samples)),
        "distance": None,
        "by_chance": None,
        "p_value": None,
        "adjusted": None,
    }
    if len(seeds) < _LEAST or len(samples) < _LEAST:
        return found
    compare = _values_apart if column.kind == "values" else _numbers_apart
    return {**found, **compare(column, seeds, samples)}


def _numbers_apart(
    column: _Compared,  # noqa: ARG001 (as `_values_apart`)
    seeds: NDArray[np.float64],
    samples: NDArray[np.float64],
) -> dict[str, Any]:
    where = np.concatenate([seeds, samples])
    risen = [
        np.searchsorted(np.sort(side), where, side="right") / len(side) for side in (seeds, samples)
    ]
    distance = float(np.abs(risen[0] - risen[1]).max())
    size = math.sqrt((len(seeds) + len(samples)) / (len(seeds) * len(samples)))
    special: Any = importlib.import_module("scipy.special")  # takes its time to load
    return {
        "distance": distance,
        "by_chance": min(1.0, _KS_MEAN * size),
        "p_value": float(special.kolmogorov(distance / size)),
        "median_of_seeds": float(np.median(seeds)),
        "median_of_samples": float(np.median(samples)),
    }


def _values_apart(
    column: _Compared, seeds: NDArray[np.float64], samples: NDArray[np.float64]
) -> dict[str, Any]:
    size = len(column.codes)
    table = np.stack(
        [np.bincount(side.astype(np.int64), minlength=size) for side in (seeds, samples)]
    )
    shares = table / table.sum(axis=1, keepdims=True)
    pooled = table.sum(axis=0) / table.sum()
    spread = np.sqrt(2 / np.pi * pooled * (1 - pooled) * (1 / len(seeds) + 1 / len(samples)))
    names = list(column.codes)
    furthest = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")[:_LISTED]
    return {
        "distance": float(np.abs(shares[0] - shares[1]).sum() / 2),
        "by_chance": min(1.0, float(spread.sum() / 2)),
        "p_value": _homogeneity(table),
        "shares": [
            {
                "value": names[place],
                "seeds": float(shares[0, place]),
                "samples": float(shares[1, place]),
            }
            for place in furthest
        ],
        "not_in_seeds": float(shares[1, table[0] == 0].sum()),
    }


def _homogeneity(table: NDArray[np.int64]) -> float | None:
    """The p-value of two rows being of one distribution; rare values count as one."""
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    rare = expected.min(axis=0) < _LEAST_EXPECTED
    kept = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    kept = kept[:, kept.sum(axis=0) > 0]
    if kept.shape[1] < 2:
        return None
    expected = np.outer(kept.sum(axis=1), kept.sum(axis=0)) / kept.sum()
    statistic = float(((kept - expected) ** 2 / expected).sum())
    special: Any = importlib.import_module("scipy.special")
    return float(special.chdtrc(kept.shape[1] - 1, statistic))


def _of_pair(one: _Compared, other: _Compared) -> dict[str, Any] | None:
    """How two columns hang together on both sides; None: too few rows tell."""
    if one.kind == other.kind == "number":
        measure, found = "Spearman", [_ranks(one, other, side) for side in ("seeds", "samples")]
    else:
        measure = "Cramér's V"
        found = [_association(one, other, side) for side in ("seeds", "samples")]
    seeds, samples = found
    if seeds is None or samples is None:
        return None
    span = 2 if measure == "Spearman" else 1
    return {
        "columns": [one.name, other.name],
        "measure": measure,
        "seeds": seeds,
        "samples": samples,
        "distance": abs(seeds - samples) / span,
    }


def _both(
    one: _Compared, other: _Compared, side: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rows in which both columns hold something."""
    first, second = (np.frombuffer(getattr(it, side), dtype=np.float64) for it in (one, other))
    there = one.there(first) & other.there(second)
    return first[there], second[there]


def _ranks(one: _Compared, other: _Compared, side: str) -> float | None:
    first, second = _both(one, other, side)
    if len(first) < _LEAST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(_ranked(first), _ranked(second))[0, 1])


def _ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2)[places]
    return ranks


def _association(one: _Compared, other: _Compared, side: str) -> float | None:
    first, second = _both(one, other, side)
    if len(first) < _LEAST:
        return None
    codes = [_coded(it, values) for it, values in ((one, first), (other, second))]
    width = int(codes[1].max()) + 1
    cells = np.bincount(codes[0] * width + codes[1], minlength=(int(codes[0].max()) + 1) * width)
    table = cells.reshape(-1, width)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return 0.0
    return cramers_v(table)[0]


def _coded(column: _Compared, values: NDArray[np.float64]) -> NDArray[np.int64]:
    if column.kind == "values":
        return values.astype(np.int64)
    edges = np.quantile(column.known(column.seeds), _FIFTHS)
    return np.searchsorted(np.unique(edges), values, side="right").astype(np.int64)


def _text(cell: Json) -> str:
    """A cell as a value, without what no database keeps."""
    text = to_cell(cell).strip()[:_LONGEST]
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _number(cell: Json) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _mean(values: Iterable[float | None]) -> float | None:
    there = [it for it in values if it is not None]
    return sum(there) / len(there) if there else None
