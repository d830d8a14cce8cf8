"""A conformance as it is kept and shown: its numbers and what they say, as JSON."""

from collections.abc import Mapping
from typing import Any

from weighbridge.core.json import JsonObject
from weighbridge.synthesis.conformance import (
    Agreement,
    Conditional,
    Conformance,
    PropertyConformance,
)
from weighbridge.synthesis.words import words

MOST_SWAPS = 30
"""Pairs of a value drawn and another one seen that are listed of each property."""


def conformance_to_json(found: Conformance) -> JsonObject:
    """`{score, corrected, low, high, level, samples, read, explanation, conformant,
    non_conformant, properties}`."""
    said = words(found)
    return {
        "score": found.score,
        "corrected": found.corrected,
        "low": found.low,
        "high": found.high,
        "level": found.level,
        "samples": found.samples,
        "read": found.read,
        "explanation": said.explanation,
        "conformant": said.conformant,
        "non_conformant": said.non_conformant,
        "properties": [_property(it) for it in found.properties],
    }


def _property(found: PropertyConformance) -> dict[str, Any]:
    return {
        "name": found.name,
        "requested": _rounded(found.requested),
        "expected": _rounded(found.expected),
        "evaluated": _rounded(found.evaluated),
        "n": found.n,
        "unknown": found.unknown,
        "others": found.others,
        "distance": found.distance,
        "distance_to_requested": found.distance_to_requested,
        "corrected": found.corrected,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "test": found.test or None,
        "adjusted": found.adjusted,
        "verdict": found.verdict.value if found.verdict else None,
        "agreement": _agreement(found.agreement),
        "conditionals": [_conditional(it) for it in found.conditionals],
    }


def _agreement(found: Agreement) -> dict[str, Any]:
    swaps = sorted(
        (pair for pair in found.confusion if pair[0] != pair[1]),
        key=lambda pair: (-found.confusion[pair], pair),
    )
    return {
        "n": found.n,
        "agreed": found.agreed,
        "share": found.share,
        "low": found.interval.low,
        "high": found.interval.high,
        "shift_p_value": found.shift_p_value,
        "shift_adjusted": found.shift_adjusted,
        "swaps": [
            {"drawn": drawn, "seen": seen, "n": found.confusion[drawn, seen]}
            for drawn, seen in swaps[:MOST_SWAPS]
        ],
    }


def _conditional(found: Conditional) -> dict[str, Any]:
    return {
        "when": None if found.when is None else dict(found.when),
        "requested": _rounded(found.requested),
        "evaluated": _rounded(found.evaluated),
        "n": found.n,
        "distance": found.distance,
        "p_value": found.p_value,
        "adjusted": found.adjusted,
    }


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {value: round(share, 1) for value, share in shares.items()}
