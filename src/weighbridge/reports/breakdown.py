"""What stands behind a run's metrics: who judged, with which verdicts, taken for what, how sure,
and how far several judges agree. Made in the same pass over the rows, in bounded memory."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Outcome, Scored, Ungraded
from weighbridge.statistics import Jury

Scale: TypeAlias = Literal["nominal", "ordinal", "interval"]

MOST_LABELS = 100
OTHER = "(other)"
"""Stands for all labels beyond the first `MOST_LABELS`."""

_RARE = frozenset({"repaired", "evidence_dropped", "position_bias", "items"})
_DECIMAL = re.compile(r"\d+\.\d+")
_MOST_REASONS = 20
_MOST_REASON = 200
_MOST_PATTERNS = 50_000


class BreakdownBuilder:
    """Takes the outcomes of one run, gives its breakdown.

    Everything is counted over outcomes, a case with repeats once for each. A scorer of whose
    verdicts nothing but the value is known (`exact`, say) has no breakdown.

    Args:
        scorers: keys, in the order they are reported.
        scales: key of each jury → what kind of votes it has: labels without an order (`nominal`),
            scores of levels (`ordinal`), or shares (`interval`).
        level: confidence level of the agreement's interval.
    """

    def __init__(
        self,
        scorers: Iterable[str],
        scales: Mapping[str, Scale] | None = None,
        *,
        level: float = 0.95,
    ) -> None:
        scales = scales or {}
        self._parts = {key: _Part(scales.get(key, "nominal")) for key in scorers}
        self._level = level

    def add(self, outcomes: Mapping[str, Outcome] | None) -> None:
        """Take the outcomes of one row, by the scorer's key; None where there is no answer."""
        if outcomes is None:
            return
        for key, part in self._parts.items():
            outcome = outcomes.get(key)
            if isinstance(outcome, Scored):
                if outcome.details is not None:
                    part.take(outcome, outcome.details)
            elif isinstance(outcome, Ungraded):
                # Two reasons that differ in a probability only are one.
                reason = _DECIMAL.sub("…", outcome.reason)[:_MOST_REASON]
                _count(part.reasons, reason, _MOST_REASONS)

    def finish(self) -> dict[str, JsonObject]:
        """Scorer's key → what is known of its verdicts; those of which nothing is are left out.

        Of one scorer, each only where there is something to say: `judges` (who gave verdicts) and
        `labels`, with how often; `confusion` (expected → got → how often); `confidence` (mean);
        `repairs` (`json`: replies that were mended, `retry`: judges asked again);
        `evidence_dropped` (quotes that are not in the text); `position_bias` (of a pairwise judge
        that went by the place); `items` (of checklists, how often met); `agreement` (of a jury,
        Krippendorff's alpha with its interval); `ungraded` (reasons, with how often).
        """
        found = {key: part.plain(self._level) for key, part in self._parts.items()}
        return {key: plain for key, plain in found.items() if plain}


class _Part:
    """Counts of one scorer."""

    def __init__(self, scale: Scale) -> None:
        self._scale: Scale = scale
        self._judges: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._confusion: dict[str, Counter[str]] = {}
        self._confidence, self._sure = 0.0, 0
        self._repairs: Counter[str] = Counter()
        self._dropped = 0
        self._bias: Counter[str] = Counter()
        self._met: Counter[str] = Counter()
        self._items: Counter[str] = Counter()
        self._patterns: Counter[tuple[str | float, ...]] = Counter()
        self._countless = False
        self.reasons: Counter[str] = Counter()

    def take(self, outcome: Scored, details: JsonObject) -> None:
        """Add a verdict."""
        if "votes" in details:
            self._take_votes(details["votes"])
        elif "judge" in details:
            _count(self._judges, str(details["judge"]), MOST_LABELS)
        if outcome.label is not None:
            _count(self._labels, outcome.label, MOST_LABELS)
            if "expected" in details:
                self._compare(details["expected"], outcome.label)
        if outcome.confidence is not None:
            self._confidence += outcome.confidence
            self._sure += 1
        if not _RARE.isdisjoint(details):
            self._take_rare(details)

    def _take_rare(self, details: JsonObject) -> None:
        if isinstance(repaired := details.get("repaired"), str):
            self._repairs[repaired] += 1
        if isinstance(dropped := details.get("evidence_dropped"), int):
            self._dropped += dropped
        if isinstance(bias := details.get("position_bias"), str):
            _count(self._bias, bias, MOST_LABELS)
        if isinstance(items := details.get("items"), Mapping):
            for name, met in items.items():
                _count(self._items, name, MOST_LABELS)
                if met:
                    _count(self._met, name, MOST_LABELS)

    def _take_votes(self, votes: Json) -> None:
        if not isinstance(votes, (list, tuple)):
            return
        pattern: list[str | float] = []
        for vote in votes:
            if not isinstance(vote, Mapping) or "value" not in vote:
                continue
            _count(self._judges, str(vote.get("judge")), MOST_LABELS)
            by_label = self._scale == "nominal" and isinstance(vote.get("label"), str)
            pattern.append(vote["label"] if by_label else float(vote["value"]))
            if isinstance(repaired := vote.get("repaired"), str):
                self._repairs[repaired] += 1
        kind = tuple(sorted(pattern, key=lambda vote: (isinstance(vote, str), vote)))
        if kind in self._patterns or len(self._patterns) < _MOST_PATTERNS:
            self._patterns[kind] += 1
        else:
            self._countless = True

    def _compare(self, expected: Json, label: str) -> None:
        if isinstance(expected, (list, tuple)) and expected:
            expected = label if label in expected else expected[0]
        if not isinstance(expected, str):
            return
        row = expected
        if row not in self._confusion and len(self._confusion) >= MOST_LABELS:
            row = OTHER
        _count(self._confusion.setdefault(row, Counter()), label, MOST_LABELS)

    def plain(self, level: float) -> JsonObject:
        """What there is to say."""
        found: dict[str, Any] = {
            "judges": _plain(self._judges),
            "labels": _plain(self._labels),
            "confusion": {row: _plain(counts) for row, counts in self._confusion.items()},
            "confidence": self._confidence / self._sure if self._sure else None,
            "repairs": _plain(self._repairs),
            "evidence_dropped": self._dropped,
            "position_bias": _plain(self._bias),
            "items": {name: {"met": self._met[name], "of": n} for name, n in self._items.items()},
            "agreement": self._agreement(level),
            "ungraded": _plain(self.reasons),
        }
        return {name: value for name, value in found.items() if value}

    def _agreement(self, level: float) -> JsonObject | None:
        if not self._patterns or self._countless:
            return None
        jury = Jury()
        for pattern, times in self._patterns.items():
            jury.add(pattern, times)
        found = jury.reliability(self._scale, level=level)
        return {
            "alpha": found.alpha,
            "low": found.low,
            "high": found.high,
            "level": found.level,
            "scale": self._scale,
            "cases": found.units,
            "votes": found.votes,
        }


def _count(counter: Counter[str], name: str, most: int) -> None:
    if name in counter:
        counter[name] += 1
    else:
        counter[name if len(counter) < most else OTHER] += 1


def _plain(counter: Counter[str]) -> dict[str, int]:
    return dict(counter.most_common())
