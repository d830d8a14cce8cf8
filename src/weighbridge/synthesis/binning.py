"""Numbers, dates and lengths as a handful of classes with names that people read."""

import math
from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

MOST_BINS = 5
MOST_PERIODS = 12

_PER_BIN = 3  # values at least, so that a bin is more than a value of its own
_DIGITS = 4
_EXACT = 10**15
_LENGTHS: tuple[tuple[str, ...], ...] = (("short", "long"), ("short", "medium", "long"))
_FROM_THREE = 9  # texts, so that there are three classes of lengths
_ALIKE = 1.25  # times as long as the shortest: all are about as long


def number_labels(values: Sequence[float]) -> tuple[list[str], list[str]]:
    """Numbers by bins that hold about as many of them each, between limits that are round where
    that is possible.

    Args:
        values: at least one, finite.

    Returns:
        the names of the bins, ascending, each of which holds something; and the bin of each value.
    """
    found = np.asarray(values, dtype=np.float64)
    whole = bool(np.all(found == np.floor(found))) and float(np.abs(found).max()) < 2**53
    edges = _edges(found, whole=whole)
    places = np.searchsorted(edges[1:], found, side="right")
    names = _names(edges, float(found.max()), whole=whole)
    taken = [names[int(place)] for place in places]
    used = set(taken)
    return [name for name in names if name in used], taken


def length_labels(lengths: Sequence[int], unit: str) -> tuple[list[str], list[str]]:
    """Lengths by classes: short, medium, long, with their limits.

    Args:
        lengths: at least one, not negative. unit: what is counted, as `words`.

    Returns:
        as `number_labels`; one class where all are about as long, or there are too few of them.
    """
    found = np.asarray(lengths, dtype=np.int64)
    low, high = int(found.min()), int(found.max())
    if high <= max(low, 1) * _ALIKE or len(lengths) < 2:
        name = f"{_range(low, high)} {unit}"
        return [name], [name] * len(lengths)
    words = _LENGTHS[len(lengths) >= _FROM_THREE]
    edges = _edges(found.astype(np.float64), whole=True, most=len(words))
    names = _names(edges, float(high), whole=True)
    if len(names) != len(words):
        words = _LENGTHS[0] if len(names) == len(_LENGTHS[0]) else tuple(names)
    shown = [
        f"{word} ({name} {unit})" if word != name else f"{name} {unit}"
        for word, name in zip(words, names, strict=True)
    ]
    places = np.searchsorted(edges[1:], found, side="right")
    taken = [shown[int(place)] for place in places]
    used = set(taken)
    return [name for name in shown if name in used], taken


def period_labels(days: Sequence[date]) -> tuple[list[str], list[str]]:
    """Days by the finest periods of which there are not too many: days, weeks, months, quarters,
    years, decades or centuries.

    Args:
        days: at least one.

    Returns:
        as `number_labels`, earliest first.
    """
    taken: list[str] = []
    for name in _PERIODS:
        taken = [name(day) for day in days]
        if len(set(taken)) <= MOST_PERIODS:
            break
    order = dict.fromkeys(label for _, label in sorted(zip(days, taken, strict=True)))
    return list(order), taken


def shown_number(value: float) -> str:
    """A number as people write it: without a fraction that it does not have."""
    if abs(value) < _EXACT and (value == math.floor(value) or abs(value) >= 10**_DIGITS):
        return str(round(value))
    return f"{value:.{_DIGITS}g}"


def _edges(found: NDArray[np.float64], *, whole: bool, most: int = MOST_BINS) -> list[float]:
    """Where bins begin, ascending; the first begins at the smallest value."""
    bins = max(2, min(most, len(found) // _PER_BIN))
    low, high = float(found.min()), float(found.max())
    edges = [low]
    for cut in np.quantile(found, [place / bins for place in range(1, bins)], method="higher"):
        edge = next(
            (it for it in _rounded(float(cut), whole=whole) if edges[-1] < it <= high), None
        )
        if edge is not None and bool(np.any((found >= edges[-1]) & (found < edge))):
            edges.append(edge)
    if len(edges) == 1 and high > low:  # most of them are the smallest
        edges.append(float(found[found > low].min()))
    return edges


def _rounded(cut: float, *, whole: bool) -> list[float]:
    """A limit, the roundest first, itself last."""
    if cut == 0:
        return [0.0]
    size = math.floor(math.log10(abs(cut)))
    rounded = [round(cut, digits - 1 - size) for digits in (1, 2, 3)]
    near = [it for it in rounded if abs(it - cut) <= abs(cut) * 0.05]
    return [float(round(it)) if whole else it for it in (*near, cut)]


def _names(edges: Sequence[float], high: float, *, whole: bool) -> list[str]:
    ends = [*edges[1:], high]
    last = len(edges) - 1
    names = []
    for place, (start, end) in enumerate(zip(edges, ends, strict=True)):
        if whole:
            names.append(_range(int(start), int(end) if place == last else int(end) - 1))
        elif place == last:
            names.append(_span(start, end))
        else:
            names.append(f"{shown_number(start)} to under {shown_number(end)}")
    return _distinct(names)


def _range(start: int, end: int) -> str:
    return str(start) if start == end else f"{start} to {end}"


def _span(start: float, end: float) -> str:
    first, last = shown_number(start), shown_number(end)
    return first if first == last else f"{first} to {last}"


def _distinct(names: list[str]) -> list[str]:
    """Names that are not the same though they look so with a few digits."""
    taken: dict[str, int] = {}
    found = []
    for name in names:
        taken[name] = taken.get(name, 0) + 1
        found.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return found


def _week(day: date) -> str:
    monday = date.fromordinal(max(1, day.toordinal() - day.weekday()))
    return f"week of {monday.isoformat()}"


def _decade(day: date) -> str:
    return f"{day.year // 10 * 10}s"


def _century(day: date) -> str:
    start = day.year // 100 * 100
    return f"{start} to {start + 99}"


def _millennium(day: date) -> str:
    start = day.year // 1000 * 1000
    return f"{start} to {start + 999}"


_PERIODS: tuple[Callable[[date], str], ...] = (
    lambda day: day.isoformat(),
    _week,
    lambda day: f"{day.year:04}-{day.month:02}",
    lambda day: f"{day.year:04}-Q{(day.month + 2) // 3}",
    lambda day: f"{day.year:04}",
    _decade,
    _century,
    _millennium,
)
