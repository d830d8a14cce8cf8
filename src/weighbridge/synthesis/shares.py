"""Percentages: of how often values occur, adding up to 100 to the last digit."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

OTHER = "other"
"""What values outside of a property's list count as."""

# The grid on which percentages of a blueprint lie: four decimals.
_GRID = 10_000


def shares(values: Sequence[str], weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """Percentages in proportion to weights, on a grid of four decimals that adds up to 100.

    Args:
        values: at least one, each once.
        weights: value → weight, not negative; a missing one weighs nothing. None, weights that are
            all the same, and weights that are all 0: each value as often as any other, without
            rounding.

    Returns:
        value → percent, for all values in their order.
    """
    given = [Fraction(weights.get(value, 0)) for value in values] if weights else []
    if len(set(given)) <= 1:
        return {value: 100 / len(values) for value in values}
    units = largest_remainder(100 * _GRID, given)
    return {value: unit / _GRID for value, unit in zip(values, units, strict=True)}


def largest_remainder(
    total: int, weights: Sequence[Fraction], order: Sequence[int] | None = None
) -> list[int]:
    """A whole number split in proportion to weights (Hamilton's rule): each part is its quota cut
    off; what is left goes, one each, to those with the largest remainders.

    Args:
        total: not negative.
        weights: not negative, not all 0.
        order: a permutation of their places that breaks ties; without it the first comes first.

    Returns:
        the parts, which add up to `total`; each less than 1 from its quota.
    """
    whole = sum(weights)
    quotas = [total * weight / whole for weight in weights]
    parts = [int(quota) for quota in quotas]
    by_remainder = sorted(
        range(len(weights)) if order is None else order,
        key=lambda place: parts[place] - quotas[place],
    )
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts


def percentages(values: Iterable[str | None], of: Sequence[str]) -> dict[str, float]:
    """How often each value was seen, in percent with one decimal, which add up to 100.

    Args:
        values: as they were seen; None was not seen, and does not count.
        of: the values that there should be, all of which are in the result.

    Returns:
        value → percent; all 0 where nothing was seen. Values that are not in `of` are together
        `other`, which is in the result only if there are such.
    """
    counts = tally(values, of)
    if not any(counts.values()):
        return dict.fromkeys(counts, 0.0)
    tenths = largest_remainder(1000, [Fraction(count) for count in counts.values()])
    return {value: tenth / 10 for value, tenth in zip(counts, tenths, strict=True)}


def tally(values: Iterable[str | None], of: Sequence[str]) -> dict[str, int]:
    """How often each value was seen: like `percentages`, in numbers of samples."""
    counts = dict.fromkeys(of, 0)
    for value, times in Counter(values).items():
        if value is None:
            continue
        known = value if value in counts else OTHER
        counts[known] = counts.get(known, 0) + times
    return counts
