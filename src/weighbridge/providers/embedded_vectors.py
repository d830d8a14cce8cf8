"""Sentence vectors from the word table that ships in the `wordllama` wheel (Miller 2024).

The package itself is not imported: it would look for its files in the wrong folder, and then on
the network. Only its two data files are read.
"""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from weighbridge.errors import Invalid
from weighbridge.providers.catalog import INSTALL_EMBEDDED

DIMENSIONS = 256

_WEIGHTS = Path("weights", "l2_supercat_256.safetensors")
_TOKENIZER = Path("tokenizers", "l2_supercat_tokenizer_config.json")
_TENSOR = "embedding.weight"
_AT_ONCE = 256
_MOST_WORDS = 50_000
_LONGEST_WORD = 40


def embed(texts: list[str]) -> tuple[NDArray[np.float32], int]:
    """The mean of the vectors of each text's tokens, scaled to length 1.

    Args:
        texts: any number; an empty text gives a vector of zeros.

    Returns:
        An array of shape (len(texts), 256), and the number of tokens in all texts.

    Raises:
        Invalid: the package is not installed.
    """
    table, tokens = _load()
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    total = 0
    for start in range(0, len(texts), _AT_ONCE):  # what is encoded takes far more room than texts
        for row, ids in enumerate(tokens.of(texts[start : start + _AT_ONCE]), start=start):
            total += len(ids)
            if ids:
                # What `mean` and `norm` do, without what they look at before.
                mean = np.add.reduce(table.take(ids, axis=0), axis=0) / np.float32(len(ids))
                length = np.sqrt(mean.dot(mean))
                if length > 0:
                    vectors[row] = mean / length
    return vectors, total


class Tokens:
    """Which tokens texts are made of.

    No token of this tokenizer has a space anywhere but at its beginning, so a text is made of the
    tokens of its words. Those of words that came before are known, which is several times as fast.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def of(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of the tokens of each text."""
        known = self._known
        split = [_words_of(text) for text in texts]
        whole = [text for text, words in zip(texts, split, strict=True) if not words]
        new = {word for words in split for word in words if word not in known}
        if len(known) + len(new) > _MOST_WORDS:
            # Another dictionary, as there may be others who look into this one.
            known = self._known = {}
            new = {word for words in split for word in words}
        known.update(zip(new, self._encoded(list(new)), strict=True))
        others = iter(self._encoded(whole))
        return [
            [*chain.from_iterable(map(known.__getitem__, words))] if words else next(others)
            for words in split
        ]

    def _encoded(self, texts: list[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in found]


def _words_of(text: str) -> list[str]:
    """The words of a text; none where it is not just words, none of them long, with one space
    between each two, or holds what the tokenizer takes apart first or writes spaces as."""
    words = text.split(" ")
    if "" in words or "<" in text or "▁" in text or max(map(len, words)) > _LONGEST_WORD:
        return []
    return words


@cache
def _load() -> tuple[NDArray[np.float32], Tokens]:
    spec = find_spec("wordllama")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        weights, vocabulary = Path(folder) / _WEIGHTS, Path(folder) / _TOKENIZER
        if weights.is_file() and vocabulary.is_file():
            table = load_file(weights)[_TENSOR].astype(np.float32)
            tokenizer = Tokenizer.from_file(str(vocabulary))
            tokenizer.no_padding()
            tokenizer.no_truncation()
            return table, Tokens(tokenizer)
    raise Invalid(f"the embedded vectors need wordllama; run: {INSTALL_EMBEDDED}")
