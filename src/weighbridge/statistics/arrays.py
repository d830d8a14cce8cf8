"""What callers may hand in as values and clusters, and how it is checked."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64] | Sequence[float]
Clusters: TypeAlias = NDArray[np.integer] | Sequence[int]
Floats: TypeAlias = NDArray[np.float64]
Groups: TypeAlias = NDArray[np.intp]


def as_values(values: Values, what: str = "values") -> Floats:
    """The values as an array of shape (n,), without a copy where that can be.

    Raises:
        ValueError: more than one dimension, or a value that is not a finite number.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{what} of shape {array.shape}, where one dimension is wanted")
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{what}: number {place} is {array[place]}, which is not a finite number")
    return array


def as_groups(clusters: Clusters, n: int) -> Groups:
    """The clusters numbered from 0, shape (n,).

    Raises:
        ValueError: not one whole number for each of the n values.
    """
    names = np.asarray(clusters)
    if names.shape != (n,):
        raise ValueError(f"{n} values, clusters of shape {names.shape}")
    _, groups = np.unique(names, return_inverse=True)
    return groups


def is_binary(values: Floats) -> bool:
    """Whether every value is 0 or 1."""
    return bool(((values == 0) | (values == 1)).all())
