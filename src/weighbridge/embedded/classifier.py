"""A small linear classifier: what its file holds, and how it is asked.

The files are made by `scripts/train_heads.py` and are part of the package. Nothing but numpy is
needed to ask one.
"""

import hashlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import exp

import numpy as np
import orjson
from numpy.typing import NDArray

from weighbridge.embedded.features import buckets, vectors

_HEADS = files("weighbridge.embedded") / "heads"


@dataclass(frozen=True, slots=True)
class Classifier:
    """Tells two labels apart by a weighted sum of features.

    Attributes:
        name: the task. version: raised with every training whose verdicts differ.
        labels: the one it answers below `low`, the one it answers above `high`.
        low, high: probabilities of the second label between which it does not decide.
        max_words: length of the longest texts it was trained on; longer ones are not for it.
        about: weights of the sentence vector, shape (256,).
        wording: weights of the buckets, shape (4096,).
        bias: added to the sum.
        slope, offset: from the sum to log-odds (Platt 1999).
        sha256: of its file.
    """

    name: str
    version: int
    labels: tuple[str, str]
    low: float
    high: float
    max_words: int
    about: NDArray[np.float32] = field(repr=False)
    wording: NDArray[np.float32] = field(repr=False)
    bias: float
    slope: float
    offset: float
    sha256: str

    @property
    def judge(self) -> str:
        """Its name in reports, such as `embedded/harm-1`."""
        return f"embedded/{self.name}-{self.version}"

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """Of the second label, for each text, 0 to 1.

        Raises:
            Invalid: wordllama is not installed.
        """
        sums = vectors(texts) @ self.about
        return [
            self._probability(float(found), text) for found, text in zip(sums, texts, strict=True)
        ]

    def _probability(self, about: float, text: str) -> float:
        places, value = buckets(text)
        found = about + value * float(self.wording[places].sum()) + self.bias
        log_odds = max(-30.0, min(30.0, self.slope * found + self.offset))
        return 1 / (1 + exp(-log_odds))


@cache
def classifier(name: str) -> Classifier:
    """The classifier of a task, from its file in the package.

    Raises:
        FileNotFoundError: there is none of this name.
    """
    content = (_HEADS / f"{name}.json").read_bytes()
    stored = orjson.loads(content)
    steps = np.frombuffer(b64decode(stored["wording"]), dtype=np.int8)
    return Classifier(
        name=stored["name"],
        version=stored["version"],
        labels=tuple(stored["labels"]),
        low=stored["low"],
        high=stored["high"],
        max_words=stored["max_words"],
        about=np.frombuffer(b64decode(stored["about"]), dtype="<f4").astype(np.float32),
        wording=steps.astype(np.float32) * np.float32(stored["wording_step"]),
        bias=stored["bias"],
        slope=stored["slope"],
        offset=stored["offset"],
        sha256=hashlib.sha256(content).hexdigest(),
    )
