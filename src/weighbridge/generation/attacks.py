"""Attacks without a model: a query put into the template of a technique."""

import base64
import codecs

from weighbridge.generation.filling import filled
from weighbridge.suites.techniques import Technique


def attack(technique: Technique, query: str) -> str:
    """A query as that technique puts it."""
    first, second = _halves(query)
    values = {
        "request": query,
        "base64": base64.b64encode(query.encode("utf-8", "replace")).decode(),
        "rot13": codecs.encode(query, "rot13"),
        "spaced": "  ".join(" ".join(word) for word in query.split()),
        "first": first,
        "second": second,
    }
    return filled(technique.template, values)


def _halves(text: str) -> tuple[str, str]:
    """A text cut between two words, about in the middle."""
    words = text.split(" ")
    middle = (len(words) + 1) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])
