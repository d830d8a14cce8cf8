"""Generators of samples that keep to a spec, or do not, for simulations."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPECS = {2: (0.6, 0.4), 3: (0.5, 0.3, 0.2), 5: (0.3, 0.25, 0.2, 0.15, 0.1)}
"""Shares of properties with so many values."""


@dataclass(frozen=True)
class Generator:
    """Makes samples.

    Attributes:
        asked, made: shares of each property, as they should be and as they are.
        together: how often a property follows the first instead of its own mind.
    """

    asked: list[Floats]
    made: list[Floats]
    together: float = 0.0

    @property
    def distance(self) -> float:
        """The true one: the mean total variation distance."""
        pairs = zip(self.asked, self.made, strict=True)
        return float(np.mean([np.abs(p - q).sum() / 2 for p, q in pairs]))

    def samples(self, n: int, rounds: int, seed: int) -> Iterator[list[NDArray[np.intp]]]:
        """For each property the values of n samples, as places; so many times."""
        random = np.random.default_rng(seed)
        for _ in range(rounds):
            luck = random.random((len(self.made), n))
            luck = np.where(random.random(luck.shape) < self.together, luck[0], luck)
            yield [
                np.searchsorted(np.cumsum(p)[:-1], own).astype(np.intp)
                for p, own in zip(self.made, luck, strict=True)
            ]


def keeping(*sizes: int, together: float = 0.0) -> Generator:
    """One that keeps to its spec, of properties with so many values."""
    asked = [np.array(SPECS[size]) for size in sizes]
    return Generator(asked, asked, together)


def moving(points: float, *sizes: int, together: float = 0.0) -> Generator:
    """One that makes the first value of each property rarer, the last more frequent."""
    asked = [np.array(SPECS[size]) for size in sizes]
    made = [q.copy() for q in asked]
    for p in made:
        p[0] -= points
        p[-1] += points
    return Generator(asked, made, together)


def scattering(points: float, *sizes: int) -> Generator:
    """One in which all values are off, by turns upwards and downwards."""
    asked = [np.array(SPECS[size]) for size in sizes]
    made = []
    for q in asked:
        down = np.arange(q.size) % 2 == 0
        made.append(q + points * np.where(down, -1 / down.sum(), 1 / (~down).sum()))
    return Generator(asked, made)
