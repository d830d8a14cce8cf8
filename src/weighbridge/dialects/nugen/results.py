"""The arithmetic of this dialect's results, as it was observed: population standard deviation,
values of a comparison to 4 decimals, improvements to 2, and 0 where the base is 0."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIGURES = ("mean", "std", "min", "max")
"""What is told of each metric, in this order."""


@dataclass(slots=True)
class Spread:
    """Mean, standard deviation and ends of the values of one metric, taken in one at a time
    (Welford 1962, "Note on a method for calculating corrected sums of squares and products").

    Attributes:
        n: how many values were taken in.
    """

    n: int = 0
    _mean: float = 0.0
    _squares: float = 0.0
    _least: float = math.inf
    _most: float = -math.inf

    def add(self, value: float) -> None:
        """Take in a value."""
        self.n += 1
        before = value - self._mean
        self._mean += before / self.n
        self._squares += before * (value - self._mean)
        self._least = min(self._least, value)
        self._most = max(self._most, value)

    def figures(self) -> dict[str, float | None]:
        """By `FIGURES`; all None without a value. The deviation is that of the population."""
        if not self.n:
            return dict.fromkeys(FIGURES)
        deviation = math.sqrt(max(0.0, self._squares) / self.n)
        told = (self._mean, deviation, self._least, self._most)
        return dict(zip(FIGURES, told, strict=True))


def flat(spreads: Mapping[str, Spread]) -> dict[str, float | None]:
    """`{metric}_{figure}` → value, for all metrics."""
    return {
        f"{metric}_{figure}": value
        for metric, spread in spreads.items()
        for figure, value in spread.figures().items()
    }


def comparison(
    base: Mapping[str, float | None], evaluated: Mapping[str, float | None]
) -> dict[str, Any]:
    """What the second model's figures are beside the first's.

    Args:
        base, evaluated: as `flat` gives them, with the same keys.

    Returns:
        `metrics`, a list of `{metric, base, evaluated, improvement_%}`, and `summary` over all of
        their improvements. A figure without a value has none, and no improvement.
    """
    rows: list[dict[str, Any]] = []
    for key, before in base.items():
        after = evaluated[key]
        rows.append(
            {
                "metric": key,
                "base": _rounded(before, 4),
                "evaluated": _rounded(after, 4),
                "improvement_%": improvement(before, after),
            }
        )
    return {"metrics": rows, "summary": _summary(row["improvement_%"] for row in rows)}


def improvement(before: float | None, after: float | None) -> float | None:
    """By how many per cent `after` is more than `before`, to 2 decimals; 0 where that is 0."""
    if before is None or after is None:
        return None
    return 0.0 if before == 0 else _rounded((after - before) / before * 100, 2)


def _summary(improvements: Iterable[float | None]) -> dict[str, float | None]:
    known: Sequence[float] = [it for it in improvements if it is not None]
    if not known:
        return dict.fromkeys(("avg_improvement", "max_improvement", "min_improvement"))
    return {
        "avg_improvement": _rounded(math.fsum(known) / len(known), 2),
        "max_improvement": max(known),
        "min_improvement": min(known),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    # Zero has no sign here.
    return None if value is None else round(value, digits) + 0.0
