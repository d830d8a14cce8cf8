"""What scorers of similarity share: a threshold, from which on an answer counts as right."""

import math
from typing import Literal, TypeAlias

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Scored
from weighbridge.scorers.options import OptionError

Kind: TypeAlias = Literal["accuracy", "mean"]


def check_threshold(value: float | None, least: float = 0.0) -> None:
    """Raises:
    OptionError: `value` is neither None nor a number from `least` to 1.
    """
    if value is not None and not (math.isfinite(value) and least <= value <= 1):
        raise OptionError("threshold", f"must be {least:g} to 1, not {value}")


def kind_of(threshold: float | None) -> Kind:
    """The kind of metric that `verdict` makes."""
    return "mean" if threshold is None else "accuracy"


def verdict(
    similarity: float, threshold: float | None, details: JsonObject | None = None
) -> Scored:
    """A similarity as a score; with a threshold 1 from it on, else 0, and what was measured beside
    it in the explanation and in `details.similarity`."""
    if threshold is None:
        return Scored(similarity, details=details)
    right = similarity >= threshold
    return Scored(
        float(right),
        None,
        f"similarity {similarity:.3f}, {'at least' if right else 'below'} {threshold:g}",
        details={**(details or {}), "similarity": similarity},
    )
