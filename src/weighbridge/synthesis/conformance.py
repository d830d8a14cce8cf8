"""How well samples conform to what was asked for: a score with its interval, tests, agreement.

`docs/statistics.md`, section "Samples and their spec", says what each number means.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

import numpy as np

from weighbridge.core.synthesis import Blueprint, Property
from weighbridge.statistics import (
    Interval,
    Variation,
    goodness_of_fit,
    holm,
    mean_variation,
    proportion_interval,
    shift_test,
)
from weighbridge.synthesis.drawing import expected_shares, matching
from weighbridge.synthesis.shares import OTHER, percentages, tally

LEVEL = 0.95
ALPHA = 0.05
MARGIN = 0.1
"""A property conforms when its distance to what was asked is, to 95 %, at most this."""

Seen: TypeAlias = Mapping[str, str | None]
_Key = TypeVar("_Key", bound=Hashable)


class Verdict(StrEnum):
    """What can be said of a property."""

    CONFORMS = "conforms"
    """no deviation beyond chance, and none of over 10 points is likely"""
    DEVIATES = "deviates"
    """chance alone gives such a deviation in less than 5 % of evaluations"""
    UNDECIDED = "undecided"
    """no deviation beyond chance, but too few samples to rule out one of over 10 points"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether samples show the values they were drawn to show.

    Attributes:
        n: samples whose value was seen. agreed: of these, those that show what was drawn.
        share: agreed / n; None without any.
        interval: of the share, Wilson's.
        confusion: (drawn, seen) → samples.
        shift_p_value: of the disagreements going both ways alike: a small one says that some values
            are shown more often than drawn, and others less; None without a disagreement.
        shift_adjusted: the same, adjusted by Holm for the number of properties.
    """

    n: int
    agreed: int
    share: float | None
    interval: Interval
    confusion: Mapping[tuple[str, str], int]
    shift_p_value: float | None
    shift_adjusted: float | None


@dataclass(frozen=True, slots=True)
class Conditional:
    """The samples for which a condition is the first that holds, by the values seen.

    Attributes:
        when: the condition's; None: the samples for which none holds.
        requested, evaluated: value → percent.
        n: how many samples.
        distance: total variation distance between the two, 0 to 1; None without samples.
        p_value: of the test of fit; None where there is nothing to test.
        adjusted: the same, adjusted by Holm for all conditions of all properties.
    """

    when: Mapping[str, str] | None
    requested: Mapping[str, float]
    evaluated: Mapping[str, float]
    n: int
    distance: float | None
    p_value: float | None
    adjusted: float | None


@dataclass(frozen=True, slots=True)
class PropertyConformance:
    """How one property conforms.

    Attributes:
        requested: value → percent, as the blueprint implies them for samples in general.
        expected: of the values drawn for the samples that were read.
        evaluated: of the values seen; what is not in the list is `other`.
        n: samples whose value was seen. unknown: samples that were read, but not for this.
        others: samples with a value that is not in the list.
        distance: total variation distance from evaluated to expected, 0 to 1; None with n = 0.
        distance_to_requested: from evaluated to requested.
        corrected, low, high: `distance_to_requested` without what chance adds, and its interval;
            None with n = 0.
        p_value, test: of the values seen being drawn from `requested`; None where there is nothing
            to test.
        adjusted: the p-value, adjusted by Holm for the number of properties.
        verdict: by `adjusted` and `high`; None with n = 0.
        agreement: of drawn and seen, sample by sample.
        conditionals: one for each condition and one for the rest; empty without conditions.
    """

    name: str
    requested: Mapping[str, float]
    expected: Mapping[str, float]
    evaluated: Mapping[str, float]
    n: int
    unknown: int
    others: int
    distance: float | None
    distance_to_requested: float | None
    corrected: float | None
    low: float | None
    high: float | None
    p_value: float | None
    test: str
    adjusted: float | None
    verdict: Verdict | None
    agreement: Agreement
    conditionals: tuple[Conditional, ...]


@dataclass(frozen=True, slots=True)
class Conformance:
    """How samples conform to a blueprint.

    Attributes:
        score: 100 · mean over properties of (1 - distance), 0 to 100; None when nothing was seen.
            Chance makes it too low, most with few samples and many values.
        corrected: the estimate of the generator's true conformance, without what chance takes.
        low, high: ends of the interval of that conformance; None with more than 1,000 values in
            all, or when nothing was seen.
        level: confidence level.
        samples: how many there are. read: those of which at least one value was seen.
        properties: in the order of the blueprint.
    """

    score: float | None
    corrected: float | None
    low: float | None
    high: float | None
    level: float
    samples: int
    read: int
    properties: tuple[PropertyConformance, ...]


def conformance(
    blueprint: Blueprint,
    drawn: Sequence[Mapping[str, str]],
    seen: Sequence[Seen | None],
    seed: int = 0,
) -> Conformance:
    """Compare the values that samples show with those drawn for them, and with the blueprint.

    What is estimated is the generator's conformance: 100 · mean over properties of (1 - total
    variation distance between how often the values occur in what it makes and how often the
    blueprint asks for them), as the number of samples grows without end. Its interval is by
    `statistics.mean_variation`, the test of each property by `statistics.goodness_of_fit`.

    Args:
        drawn: property → value, for each sample.
        seen: the same as it was found to be, in the same order; None for a sample that was not
            read, None for a value that could not be told.
        seed: of the resampling; the same samples and seed give the same result.

    Raises:
        ValueError: `drawn` and `seen` of different length.
    """
    if len(drawn) != len(seen):
        raise ValueError(f"{len(drawn)} samples drawn, {len(seen)} seen")
    requested = expected_shares(blueprint)
    pairs = [(tags, found) for tags, found in zip(drawn, seen, strict=True) if found is not None]
    columns = {
        prop.name: _Column(prop, requested[prop.name], pairs) for prop in blueprint.properties
    }
    known = [column for column in columns.values() if column.n]
    tests = {column.prop.name: goodness_of_fit(*column.counts(), seed) for column in known}
    adjusted = _adjusted({name: fit.p_value for name, fit in tests.items()})
    agreements = {name: column.agreement(seed) for name, column in columns.items()}
    shifts = _adjusted({name: one.shift_p_value for name, one in agreements.items()})
    conditionals = _conditionals(blueprint, [found for _, found in pairs], seed)
    properties = []
    for name, column in columns.items():
        fit = tests.get(name)
        properties.append(
            column.result(
                fit.p_value if fit else None,
                fit.method if fit else "",
                adjusted.get(name),
                replace(agreements[name], shift_adjusted=shifts.get(name)),
                conditionals[name],
                seed,
            )
        )
    whole = _variation(known, seed)
    distances = [one.distance for one in properties if one.distance is not None]
    return Conformance(
        score=100 * (1 - sum(distances) / len(distances)) if distances else None,
        corrected=_score(whole.corrected if whole else None),
        low=_score(whole.high if whole else None),
        high=_score(whole.low if whole else None),
        level=LEVEL,
        samples=len(drawn),
        read=int(np.any([column.codes >= 0 for column in columns.values()], axis=0).sum()),
        properties=tuple(properties),
    )


class _Column:
    """One property of the samples that were read."""

    __slots__ = (
        "_codes",
        "_drawn_codes",
        "_wanted",
        "drawn",
        "n",
        "prop",
        "requested",
        "seen",
        "values",
    )

    def __init__(
        self,
        prop: Property,
        requested: Mapping[str, float],
        pairs: Sequence[tuple[Mapping[str, str], Seen]],
    ) -> None:
        self.prop = prop
        self.requested = requested
        self.drawn = [tags.get(prop.name) for tags, _ in pairs]
        raw = [found.get(prop.name) for _, found in pairs]
        known = set(prop.values)
        self.seen = [value if value is None or value in known else OTHER for value in raw]
        self.values = (*prop.values, *({OTHER} - known if OTHER in self.seen else ()))
        self.n = sum(value is not None for value in self.seen)
        places = {value: place for place, value in enumerate(self.values)}
        self._codes = np.array(
            [-1 if value is None else places[value] for value in self.seen], dtype=np.intp
        )
        self._drawn_codes = np.array(
            [places.get(value, -1) if value is not None else -1 for value in self.drawn],
            dtype=np.intp,
        )
        self._wanted = np.array([requested.get(value, 0.0) / 100 for value in self.values])
        self._wanted /= self._wanted.sum()

    @property
    def codes(self) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
        """Place of the value of each sample; -1: not known."""
        return self._codes

    @property
    def drawn_codes(self) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
        """Place of the value that was drawn for each sample; -1: none of the list."""
        return self._drawn_codes

    @property
    def wanted(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """How often each value should occur; adds up to 1."""
        return self._wanted

    def counts(self) -> tuple[list[int], list[float]]:
        """How often each value was seen, and should be."""
        known = self._codes[self._codes >= 0]
        return np.bincount(known, minlength=len(self.values)).tolist(), self._wanted.tolist()

    def result(
        self,
        p_value: float | None,
        test: str,
        adjusted: float | None,
        agreement: Agreement,
        conditionals: tuple[Conditional, ...],
        seed: int,
    ) -> PropertyConformance:
        """What there is to say of the property."""
        counted, wanted = self.counts()
        variation = _variation([self], seed) if self.n else None
        expected = tally(self.drawn, self.values)
        listed = set(self.prop.values)
        return PropertyConformance(
            name=self.prop.name,
            requested=self.requested,
            expected=percentages(self.drawn, self.prop.values),
            evaluated=percentages(self.seen, self.prop.values),
            n=self.n,
            unknown=len(self.seen) - self.n,
            others=sum(value is not None and value not in listed for value in self.seen),
            distance=_distance(counted, list(expected.values())),
            distance_to_requested=_distance(counted, wanted),
            corrected=variation.corrected if variation else None,
            low=variation.low if variation else None,
            high=variation.high if variation else None,
            p_value=p_value,
            test=test,
            adjusted=adjusted,
            verdict=_verdict(adjusted, variation),
            agreement=agreement,
            conditionals=conditionals,
        )

    def agreement(self, seed: int) -> Agreement:
        """Drawn and seen, sample by sample."""
        confusion = {
            (before, after): times
            for (before, after), times in Counter(zip(self.drawn, self.seen, strict=True)).items()
            if before is not None and after is not None
        }
        n = sum(confusion.values())
        agreed = sum(times for (before, after), times in confusion.items() if before == after)
        places = {value: place for place, value in enumerate((*self.values, OTHER))}
        times = list(confusion.values())
        shift = (
            shift_test(
                np.repeat(
                    [places.get(it, len(self.values)) for it, _ in confusion], times
                ).tolist(),
                np.repeat([places[it] for _, it in confusion], times).tolist(),
                seed,
            )
            if n
            else None
        )
        return Agreement(
            n=n,
            agreed=agreed,
            share=agreed / n if n else None,
            interval=proportion_interval(agreed, n, LEVEL),
            confusion=confusion,
            shift_p_value=shift,
            shift_adjusted=None,
        )


def _variation(columns: Sequence[_Column], seed: int) -> Variation | None:
    if not columns:
        return None
    found: Variation = mean_variation(
        [column.codes for column in columns],
        [column.wanted for column in columns],
        drawn=[column.drawn_codes for column in columns],
        level=LEVEL,
        seed=seed,
    )
    return found


def _conditionals(
    blueprint: Blueprint, seen: Sequence[Seen], seed: int
) -> dict[str, tuple[Conditional, ...]]:
    """Property → its conditions beside the samples for which they hold."""
    found: dict[tuple[str, int], Conditional] = {}
    for prop in blueprint.properties:
        for place, one in enumerate(_groups_of(prop, seen, seed)):
            found[prop.name, place] = one
    adjusted = _adjusted({place: one.p_value for place, one in found.items()})
    result: dict[str, tuple[Conditional, ...]] = {prop.name: () for prop in blueprint.properties}
    for (name, place), one in found.items():
        result[name] = (*result[name], replace(one, adjusted=adjusted.get((name, place))))
    return result


def _groups_of(prop: Property, seen: Sequence[Seen], seed: int) -> list[Conditional]:
    """Each condition of a property, and the rest, beside the samples for which it holds: those in
    which everything that conditions look at is known."""
    if not prop.conditions:
        return []
    looked_at = {name for condition in prop.conditions for name in condition.when}
    members: dict[int | None, list[str | None]] = {}
    for found in seen:
        if all(found.get(name) is not None for name in looked_at):
            members.setdefault(matching(prop, found), []).append(found.get(prop.name))
    groups = []
    for place in (*range(len(prop.conditions)), None):
        condition = None if place is None else prop.conditions[place]
        wanted = condition.shares if condition else prop.shares
        values = members.get(place, [])
        counts = tally(values, prop.values)
        asked = [wanted.get(value, 0.0) if value in prop.values else 0.0 for value in counts]
        groups.append(
            Conditional(
                when=condition.when if condition else None,
                requested=wanted,
                evaluated=percentages(values, prop.values),
                n=sum(counts.values()),
                distance=_distance(list(counts.values()), asked),
                p_value=goodness_of_fit(list(counts.values()), asked, seed).p_value,
                adjusted=None,
            )
        )
    return groups


def _adjusted(p_values: "Mapping[_Key, float | None]") -> "dict[_Key, float]":
    """Those that are there, adjusted for their number."""
    there = {key: p for key, p in p_values.items() if p is not None}
    return dict(zip(there, holm(list(there.values())), strict=True))


def _distance(counts: Sequence[float], wanted: Sequence[float]) -> float | None:
    """Total variation distance of two distributions given in any units."""
    total, whole = sum(counts), sum(wanted)
    if not total or not whole:
        return None
    pairs = zip(counts, wanted, strict=True)
    return sum(abs(count / total - share / whole) for count, share in pairs) / 2


def _verdict(adjusted: float | None, variation: Variation | None) -> Verdict | None:
    if variation is None:
        return None
    if adjusted is not None and adjusted < ALPHA:
        return Verdict.DEVIATES
    high = variation.high if variation.high is not None else 1.0
    return Verdict.CONFORMS if high <= MARGIN else Verdict.UNDECIDED


def _score(distance: float | None) -> float | None:
    return None if distance is None else 100 * (1 - distance)
