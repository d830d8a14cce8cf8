"""How alike samples are: to each other, and to the seeds that they were made after.

Two texts are the same when their words are, whatever their case and punctuation; they are nearly
the same from a similarity of `NEAR` on (the share of letters that they have in common in order:
the normalised indel similarity of `rapidfuzz`, over the first `EXCERPT` letters). Who is compared
with whom is chosen by the likeness of the texts as a whole (`generation.novelty`): each with the
`_CANDIDATES` most like it of those before it, and of the seeds. So the time grows with the square
of the number of samples, but only in multiplications of matrices, a block at a time, and memory
with the number.

How different samples are is told by the mean distance between any two of them, by the share of
words and pairs of words that are new (distinct-1 and distinct-2 of Li et al. 2016, A
diversity-promoting objective function for neural conversation models), and by their vocabulary.
Such shares fall with the length of what is looked at: seeds and samples are compared by as many
words of each.
"""

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from weighbridge.core.json import Json, JsonObject
from weighbridge.generation.novelty import Likenesses
from weighbridge.statistics import proportion_interval

NEAR = 0.9
"""Similarity from which two texts are nearly the same."""
EXCERPT = 1_500
"""Letters of each text that are compared."""
MOST_PAIRS = 20
"""Pairs that are listed: the most alike."""
MOST_WORDS = 2_000_000
"""Words that are counted, of all samples together."""

_CANDIDATES = 3
_LIKELY = 0.75
_LEVEL = 0.95
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is kept of a text.

    Attributes:
        digest: equal for texts that are the same. form: the beginning of its words.
    """

    name: str
    digest: bytes
    form: str


def excerpt(name: str, text: str, words: Sequence[str]) -> Excerpt:
    """What is kept of a text.

    Args:
        words: of it, as `generation.replies.words` gives them.
    """
    whole = " ".join(words) or " ".join(text.split())
    return Excerpt(name, hashlib.sha256(whole.encode("utf-8", "replace")).digest(), whole[:EXCERPT])


class WordCount:
    """Counts words and pairs of words of texts.

    Args:
        texts: how many there will be; of each so many words are counted that all have their share.
    """

    def __init__(self, texts: int) -> None:
        self._each = max(20, MOST_WORDS // max(1, texts))
        # Hashes: only whether two are the same counts.
        self._ones = array("q")
        self._twos = array("q")
        self.total = 0

    def add(self, words: Sequence[str]) -> None:
        """Count those of one text."""
        self.total += len(words)
        if len(self._ones) < MOST_WORDS:
            taken = words[: self._each]
            self._ones.extend(map(hash, taken))
            self._twos.extend(map(hash, pairwise(taken)))

    def distinct(self, of: int | None = None) -> JsonObject:
        """Shares of words and of pairs that are new, and how many words there are.

        Args:
            of: only the first words; None: all that were counted.
        """
        ones, twos = _first(self._ones, of), _first(self._twos, of)
        return {
            "words": self.total,
            "counted": len(ones),
            "vocabulary": len(np.unique(ones)),
            "distinct_1": _share(len(np.unique(ones)), len(ones)),
            "distinct_2": _share(len(np.unique(twos)), len(twos)),
        }

    @property
    def counted(self) -> int:
        """How many words were counted."""
        return len(self._ones)


def resemblance(samples: Sequence[Excerpt], seeds: Sequence[Excerpt]) -> tuple[JsonObject, Json]:
    """Duplicates, and how far samples are from each other on the average.

    Returns:
        `{among_samples, against_seeds, among_seeds, near, measure}`, and the mean distances
        `{samples, seeds, measure}` (0 the same, 1 nothing in common; None: fewer than two).
    """
    whole = [*seeds, *samples]
    found = _Pairs(whole, len(seeds))
    n, m = len(samples), len(seeds)
    measure = ""
    means: tuple[float | None, float | None] = (None, None)
    if whole:
        likenesses = Likenesses([it.form for it in whole])
        for start, block in likenesses.rough_blocks():
            found.look(start, block)
        measure = likenesses.measure
        means = likenesses.mean(slice(m, None)), likenesses.mean(slice(0, m))
    twice = _repeats(samples)
    known = {it.digest for it in seeds}
    copied = sum(it.digest in known for it in samples)
    duplicates: dict[str, Json] = {
        "near": NEAR,
        "measure": measure,
        "among_samples": {
            "samples": n,
            "exact": _rate(twice, n),
            "near": _rate(len(found.near_before), n),
            "pairs": _listed(found.pairs, whole, "other"),
        },
        "against_seeds": {
            "samples": n,
            "seeds": m,
            "exact": _rate(copied, n if m else 0),
            "near": _rate(len(found.near_seed), n if m else 0),
            "pairs": _listed(found.copies, whole, "seed"),
        },
        # What is usual among the seeds themselves says what such shares among samples mean.
        "among_seeds": {
            "seeds": m,
            "exact": _rate(_repeats(seeds), m),
            "near": _rate(len(found.near_among_seeds), m),
        },
    }
    distances: dict[str, Json] = {
        "samples": _distance(means[0]),
        "seeds": _distance(means[1]),
        "measure": measure,
    }
    return duplicates, distances


class _Pairs:
    """Goes through the table of all texts against all, seeds first.

    Attributes:
        near_before: samples that are nearly, but not quite, one before them.
        near_seed: samples that are nearly, but not quite, a seed. near_among_seeds: likewise.
        pairs, copies: (similarity, sample, other) of the most alike.
    """

    def __init__(self, whole: Sequence[Excerpt], seeds: int) -> None:
        self._whole = whole
        self._seeds = seeds
        self.near_before: set[int] = set()
        self.near_seed: set[int] = set()
        self.near_among_seeds: set[int] = set()
        self.pairs: list[tuple[float, int, int]] = []
        self.copies: list[tuple[float, int, int]] = []

    def look(self, start: int, block: NDArray[np.float32]) -> None:
        """Go through some rows, the first of which has this number."""
        m = self._seeds
        # The texts themselves and those after them count as alike in nothing.
        alike = np.where(
            np.tri(len(block), block.shape[1], start - 1, dtype=np.bool_), block, np.float32(-1)
        )
        seeds = min(max(0, m - start), len(block))
        self._compare(
            start + seeds, m, _candidates(alike[seeds:, m:]), self.near_before, self.pairs
        )
        self._compare(start, 0, _candidates(alike[:seeds, :m]), self.near_among_seeds, [])
        self._compare(start + seeds, 0, _candidates(alike[seeds:, :m]), self.near_seed, self.copies)

    def _compare(
        self,
        row: int,
        column: int,
        candidates: tuple[NDArray[np.intp], NDArray[np.intp]],
        near: set[int],
        pairs: list[tuple[float, int, int]],
    ) -> None:
        """Compare texts in full; `candidates` are counted from this row and column."""
        ones, others = (candidates[0] + row).tolist(), (candidates[1] + column).tolist()
        firsts, seconds = ([self._whole[it] for it in side] for side in (ones, others))
        found = process.cpdist(
            [it.form for it in firsts],
            [it.form for it in seconds],
            scorer=fuzz.ratio,
            score_cutoff=100 * NEAR,
            dtype=np.float64,
        )
        for one, other, first, second, percent in zip(
            ones, others, firsts, seconds, found.tolist(), strict=True
        ):
            if first.digest == second.digest:
                pairs.append((1.0, one, other))
            elif percent / 100 >= NEAR:
                near.add(one)
                pairs.append((percent / 100, one, other))
        pairs.sort(key=lambda it: (-it[0], it[1], it[2]))
        del pairs[MOST_PAIRS:]


def _candidates(block: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each row the columns most like it that are likely enough: rows, and columns."""
    most = min(_CANDIDATES, block.shape[1])
    if not most:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    columns = np.argpartition(-block, most - 1, axis=1)[:, :most]
    values = np.take_along_axis(block, columns, axis=1)
    rows, places = np.nonzero(values >= _LIKELY)
    return rows, columns[rows, places]


def _repeats(texts: Sequence[Excerpt]) -> int:
    """Texts that are the same as one before them."""
    return len(texts) - len({it.digest for it in texts})


def _listed(
    pairs: Sequence[tuple[float, int, int]], whole: Sequence[Excerpt], others: str
) -> list[JsonObject]:
    return [
        {
            "similarity": round(alike, 4),
            "sample": whole[one].name,
            others: whole[other].name,
            "text": whole[one].form[:_SHOWN],
        }
        for alike, one, other in pairs
    ]


def _rate(count: int, n: int) -> JsonObject:
    """A share with its interval, Wilson's."""
    interval = proportion_interval(count, n, _LEVEL) if n else None
    return {
        "count": count,
        "share": _share(count, n),
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "level": _LEVEL,
    }


def _distance(likeness: float | None) -> float | None:
    return None if likeness is None else round(max(0.0, 1 - likeness), 4)


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _first(codes: "array[int]", of: int | None) -> NDArray[np.int64]:
    return np.frombuffer(codes, dtype=np.int64)[:of] if codes else np.zeros(0, dtype=np.int64)
