"""From a text to the numbers that the classifiers look at.

256 numbers say what it is about: its sentence vector from the word table of `wordllama`. 4,096 say
how it is put: which words and pairs of neighbouring words stand in it, hashed into buckets
(Weinberger et al. 2009, "Feature hashing"), so that "ignore previous" is more than both its words.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from weighbridge.providers.embedded_vectors import DIMENSIONS, embed

BUCKETS = 4096

# How much the buckets count beside the sentence vector, both of which have length 1 otherwise.
_BUCKETS_LENGTH = 0.5

_WORD = re.compile(r"[a-z][a-z'’-]*")
_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])


def normalise(text: str) -> str:
    """In one way of writing (NFKC), without invisible characters, each run of space as one."""
    if text.isascii():  # which is written in one way already
        return " ".join(text.split())
    return " ".join(unicodedata.normalize("NFKC", text).translate(_INVISIBLE).split())


def words(text: str) -> list[str]:
    """The words of a text in Latin letters, in lower case."""
    return _WORD.findall(text.lower())


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Sentence vectors, shape (len(texts), 256), each of length 1 (or 0 for an empty text).

    Raises:
        Invalid: wordllama is not installed.
    """
    return embed([normalise(text) for text in texts])[0]


def buckets(text: str) -> tuple[NDArray[np.int64], float]:
    """Which of the 4,096 buckets a text falls into, and the number that stands in each of these."""
    found = words(normalise(text))
    pairs = [f"{first} {second}" for first, second in itertools.pairwise(found)]
    places = {crc32(term.encode()) % BUCKETS for term in (*found, *pairs)}
    value = _BUCKETS_LENGTH / len(places) ** 0.5 if places else 0.0
    return np.fromiter(sorted(places), dtype=np.int64, count=len(places)), value


def matrix(texts: Sequence[str]) -> NDArray[np.float32]:
    """All features, shape (len(texts), 256 + 4,096): what the classifiers are fitted to."""
    rows = np.zeros((len(texts), DIMENSIONS + BUCKETS), dtype=np.float32)
    rows[:, :DIMENSIONS] = vectors(texts)
    for row, text in enumerate(texts):
        places, value = buckets(text)
        rows[row, DIMENSIONS + places] = value
    return rows
