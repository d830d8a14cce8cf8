"""Sentence vectors from the word table that ships in the `wordllama` wheel (Miller 2024).

The package itself is not imported: it would look for its files in the wrong folder, and then on
the network. Only its two data files are read.
"""

from functools import cache
from importlib.util import find_spec
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


def embed(texts: list[str]) -> tuple[NDArray[np.float32], int]:
    """The mean of the vectors of each text's tokens, scaled to length 1.

    Args:
        texts: any number; an empty text gives a vector of zeros.

    Returns:
        An array of shape (len(texts), 256), and the number of tokens in all texts.

    Raises:
        Invalid: the package is not installed.
    """
    table, tokenizer = _load()
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    total = 0
    for start in range(0, len(texts), _AT_ONCE):  # what is encoded takes far more room than texts
        encoded = tokenizer.encode_batch_fast(
            texts[start : start + _AT_ONCE], add_special_tokens=False
        )
        for row, encoding in enumerate(encoded, start=start):
            ids = encoding.ids
            total += len(ids)
            if ids:
                # What `mean` and `norm` do, without what they look at before.
                mean = np.add.reduce(table.take(ids, axis=0), axis=0) / np.float32(len(ids))
                length = np.sqrt(mean.dot(mean))
                if length > 0:
                    vectors[row] = mean / length
    return vectors, total


@cache
def _load() -> tuple[NDArray[np.float32], Tokenizer]:
    spec = find_spec("wordllama")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        weights, vocabulary = Path(folder) / _WEIGHTS, Path(folder) / _TOKENIZER
        if weights.is_file() and vocabulary.is_file():
            table = load_file(weights)[_TENSOR].astype(np.float32)
            tokenizer = Tokenizer.from_file(str(vocabulary))
            tokenizer.no_padding()
            tokenizer.no_truncation()
            return table, tokenizer
    raise Invalid(f"the embedded vectors need wordllama; run: {INSTALL_EMBEDDED}")
