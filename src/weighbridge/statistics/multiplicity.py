"""Many comparisons at once: p-values adjusted for their number, and the groups of runs that cannot
be told apart. Loading this loads numpy."""

from collections.abc import Iterable, Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979, A simple sequentially rejective multiple test
    procedure), which keeps the chance of even one false finding among all at alpha, however the
    tests hang together.

    Written out, because statsmodels' `multipletests` runs the garbage collector at each call, which
    holds up a whole server for 0.1 s and more; the tests hold it to that.

    Args:
        p_values: one per comparison; none give none.

    Returns:
        the adjusted ones in the same order: to be compared with alpha itself.

    Raises:
        ValueError: a p-value that is not between 0 and 1.
    """
    given = np.asarray(p_values, dtype=np.float64)
    if given.size == 0:
        return []
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"p-values lie between 0 and 1: {list(p_values)}")
    order = np.argsort(given)
    times = np.arange(given.size, 0, -1)
    adjusted = np.empty(given.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * times), 1)
    return [float(p) for p in adjusted]


def letters(names: Sequence[str], different: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The compact letter display: two names share a letter exactly when they are not significantly
    different.

    Insert-and-absorb of Piepho (2004), An algorithm for a letter-based representation of
    all-pairwise comparisons, Journal of Computational and Graphical Statistics 13: begin with one
    group of all; for each pair that differs, split every group that holds both into one without the
    first and one without the second; drop groups that lie within another. What remains are the
    largest sets of which no two differ. Their number, and so the time, can double with each pair
    that is added in the worst case; significant differences of real means seldom give more groups
    than names.

    Args:
        names: in the order of the report, best first; the first gets an `a`.
        different: the pairs that differ significantly, in either order.

    Returns:
        name → its letters, such as `ab`; after `z` comes `A`, after `Z` `aa.`, `bb.` and so on.

    Raises:
        ValueError: a name twice, a pair with an unknown name, or a name that differs from itself.
    """
    rank = {name: place for place, name in enumerate(names)}
    if len(rank) != len(names):
        raise ValueError(f"a name stands twice among {list(names)}")
    groups = [frozenset(names)] if names else []
    for one, other in different:
        if one not in rank or other not in rank or one == other:
            raise ValueError(f"a pair that differs is of two names given, not ({one!r}, {other!r})")
        groups = _split(groups, one, other)
    groups.sort(key=lambda group: sorted(rank[name] for name in group))
    return {
        name: "".join(_letter(i) for i, group in enumerate(groups) if name in group)
        for name in names
    }


def _split(groups: list[frozenset[str]], one: str, other: str) -> list[frozenset[str]]:
    kept = [group for group in groups if not {one, other} <= group]
    torn = [group for group in groups if {one, other} <= group]
    for part in [group - {name} for group in torn for name in (one, other)]:
        if not any(part <= group for group in kept):
            kept = [group for group in kept if not group <= part]
            kept.append(part)
    return kept


def _letter(place: int) -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    times, letter = divmod(place, len(alphabet))
    return alphabet[letter] if times == 0 else alphabet[letter] * (times + 1) + "."
