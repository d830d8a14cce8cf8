"""How different texts are from each other.

By the distance of their sentence vectors, where the package with the word table is installed;
otherwise by the letters that they share, three at a time.
"""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weighbridge.errors import Invalid
from weighbridge.generation.replies import form

NEAR = 0.92
"""Likeness above which two texts are taken to ask the same."""
SAME = 0.985
"""Likeness above which nothing but the spelling differs."""

BY_VECTORS, BY_LETTERS = "cosine of sentence vectors", "cosine of counted trigrams"
"""How likeness was measured."""

_BLOCK = 256
_BUCKETS = 2_048
_ROUGH = 64


@dataclass(frozen=True, slots=True)
class Spread:
    """How far apart texts are, each from each other; a distance is 1 less their likeness.

    Attributes:
        median, nearest: 0 (equal) to 1 and more; None: there are fewer than two texts.
        measure: `BY_VECTORS` or `BY_LETTERS`.
    """

    median: float | None
    nearest: float | None
    measure: str


class Likenesses:
    """How alike texts are: 1 the same, 0 nothing in common.

    Args:
        texts: any number.

    Attributes:
        measure: `BY_VECTORS` or `BY_LETTERS`.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        found = _vectors(texts)
        self._vectors = _trigrams(texts) if found is None else found
        self.measure = BY_LETTERS if found is None else BY_VECTORS

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Rows of the table of all against all, some at a time: the number of the first row, and
        an array of shape (rows, texts)."""
        for start in range(0, len(self._vectors), _BLOCK):
            yield start, self._vectors[start : start + _BLOCK] @ self._vectors.T

    def rough_blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The same by fewer numbers of each text, so less exactly and faster, and of each row only
        the texts up to the last of its block: for finding who is worth comparing."""
        rough = _fewer(self._vectors)
        for start in range(0, len(rough), _BLOCK):
            rows = rough[start : start + _BLOCK]
            yield start, rows @ rough[: start + len(rows)].T

    def mean(self, part: slice) -> float | None:
        """How alike two of these texts are on the average; None: there are fewer than two."""
        vectors = self._vectors[part]
        n = len(vectors)
        if n < 2:
            return None
        # The square of the sum, less the squares, which are 1 (or 0 of an empty text).
        together = float((vectors.sum(axis=0, dtype=np.float64) ** 2).sum())
        return (together - int(np.count_nonzero(vectors.any(axis=1)))) / (n * (n - 1))

    def to_last(self) -> NDArray[np.float32]:
        """How alike the last text and each of the others are, in their order."""
        found: NDArray[np.float32] = self._vectors[:-1] @ self._vectors[-1]
        return found


def nearest_before(texts: Sequence[str]) -> list[float]:
    """Of each text, its likeness to the most alike of those before it that are not left out
    themselves for being near (`NEAR`) to one before them; 0 where there is none."""
    kept = np.zeros(len(texts), dtype=bool)
    found: list[float] = []
    for start, block in Likenesses(texts).blocks():
        for row, alike in enumerate(block):
            place = start + row
            before = alike[:place][kept[:place]]
            most = float(before.max()) if before.size else 0.0
            kept[place] = most <= NEAR
            found.append(most)
    return found


def spread_of(texts: Sequence[str]) -> Spread:
    """How far apart texts are."""
    likenesses = Likenesses(texts)
    parts = [
        np.concatenate([alike[start + row + 1 :] for row, alike in enumerate(block)])
        for start, block in likenesses.blocks()
    ]
    pairs = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
    if not pairs.size:
        return Spread(None, None, likenesses.measure)
    apart = np.clip(1 - pairs, 0, None)
    median, nearest = float(np.median(apart)), float(apart.min())
    return Spread(round(median, 4), round(nearest, 4), likenesses.measure)


def most_alike(text: str, others: Sequence[str]) -> list[int]:
    """Places of other texts, the one most like a text first."""
    if not others:
        return []
    alike = Likenesses([*others, text]).to_last()
    return [int(place) for place in np.argsort(-alike, kind="stable")]


def _vectors(texts: Sequence[str]) -> NDArray[np.float32] | None:
    try:
        features: Any = importlib.import_module("weighbridge.embedded.features")
        found: NDArray[np.float32] = features.vectors(list(texts))
    except (ImportError, Invalid):  # what they need is not installed
        return None
    return found


def _fewer(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sentence vectors cut off (they are made to be cut), or buckets put together; of length 1."""
    rough: NDArray[np.float32] = np.ascontiguousarray(vectors[:, :_ROUGH])
    if vectors.shape[1] == _BUCKETS:
        rough = vectors.reshape(len(vectors), -1, _ROUGH * 4).sum(axis=1)
    rough /= np.maximum(np.linalg.norm(rough, axis=1, keepdims=True), 1e-9)
    return rough


def _trigrams(texts: Sequence[str]) -> NDArray[np.float32]:
    """How often each three bytes in a row stand in each text, counted in buckets, length 1."""
    rows = np.zeros((len(texts), _BUCKETS), dtype=np.float32)
    for row, text in enumerate(texts):
        letters = np.frombuffer(f" {form(text)} ".encode(), dtype=np.uint8).astype(np.int64)
        codes = (letters[:-2] * 961 + letters[1:-1] * 31 + letters[2:]) % _BUCKETS
        rows[row] = np.bincount(codes, minlength=_BUCKETS)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
    return rows
