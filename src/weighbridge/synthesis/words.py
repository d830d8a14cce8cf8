"""What a conformance says, in sentences: from the numbers alone, each with how many samples."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from weighbridge.synthesis.conformance import (
    ALPHA,
    MARGIN,
    Conditional,
    Conformance,
    PropertyConformance,
    Verdict,
)

MAX_TEXT = 4_000
"""The longest text, in characters."""

_MOST_VALUES = 6
_MOST_NAMES = 8
_MOST_NAME = 60


@dataclass(frozen=True, slots=True)
class Words:
    """A conformance in sentences, each text at most `MAX_TEXT` characters.

    Attributes:
        explanation: the score, what it is of, how sure it is, how many properties deviate.
        conformant: what is as it was asked for, as far as can be told.
        non_conformant: what deviates by more than chance.
    """

    explanation: str
    conformant: str
    non_conformant: str


def words(found: Conformance) -> Words:
    """The three texts of a conformance."""
    if found.score is None:
        nothing = f"No value could be told of any of the {_count(found.samples)} samples"
        return Words(f"{nothing}, so there is no score.", "", "")
    return Words(
        _joined(_explanation(found)), _joined(_conformant(found)), _joined(_non_conformant(found))
    )


def _explanation(found: Conformance) -> Iterator[str]:
    seen = [one for one in found.properties if one.n]
    properties = _plural(len(seen), "property", "properties")
    score = found.score or 0.0
    yield (
        f"The score is {score:.1f} of 100: over {properties}, the values seen in "
        f"{_count(found.read)} of {_plural(found.samples, 'sample')} are on average "
        f"{100 - score:.1f} points (total variation distance) from those drawn for them."
    )
    if found.low is not None and found.high is not None and found.corrected is not None:
        level = f"{100 * found.level:.0f} %"
        yield (
            f"Of ever more samples of this kind, {found.low:.1f} to {found.high:.1f} would be the "
            f"conformance with what the spec asks for ({level} interval; best estimate "
            f"{found.corrected:.1f}, without what chance alone takes from the score)."
        )
    for verdict, said in (
        (Verdict.DEVIATES, "by more than chance"),
        (Verdict.CONFORMS, f"to within {100 * MARGIN:.0f} points"),
        (Verdict.UNDECIDED, "either way, for lack of samples"),
    ):
        names = [_cut(one.name) for one in found.properties if one.verdict is verdict]
        if names:
            verb = {
                Verdict.DEVIATES: ("deviates", "deviate"),
                Verdict.CONFORMS: ("conforms", "conform"),
                Verdict.UNDECIDED: ("is undecided", "are undecided"),
            }[verdict][len(names) != 1]
            yield f"{_count(len(names))} of {properties} {verb} {said}: {_listed(names)}."
    shown = sum(one.agreement.n for one in seen)
    if shown:
        agreed = sum(one.agreement.agreed for one in seen)
        yield f"{_percent(100 * agreed / shown)} of the values seen are those drawn for the sample."
    unseen = [_cut(one.name) for one in found.properties if not one.n]
    if unseen:
        yield f"Seen in no sample, and not in the score: {_listed(unseen)}."


def _conformant(found: Conformance) -> Iterator[str]:
    sure = [one for one in found.properties if one.verdict is Verdict.CONFORMS]
    unsure = [one for one in found.properties if one.verdict is Verdict.UNDECIDED]
    if not sure:
        yield f"No property is sure to conform to within {100 * MARGIN:.0f} points."
    for one in sorted(sure, key=lambda one: one.high or 0.0):
        yield f"{_compared(one)}{_at_most(one)}."
    if unsure:
        yield "No deviation beyond chance, but too few samples to rule one out:"
    for one in sorted(unsure, key=lambda one: one.high or 0.0):
        yield f"{_compared(one)}{_at_most(one)}."
    for one, group in _conditions(found, lambda p: p >= ALPHA):
        yield (
            f"{_where(one, group)}, no deviation beyond chance: asked for "
            f"{_shares(group.requested)}, seen {_shares(group.evaluated)}."
        )


def _non_conformant(found: Conformance) -> Iterator[str]:
    said = False
    wrong = [one for one in found.properties if one.verdict is Verdict.DEVIATES]
    for one in sorted(wrong, key=lambda one: -(one.distance_to_requested or 0.0)):
        said = True
        times = _plural(sum(other.p_value is not None for other in found.properties), "test")
        yield (
            f"{_cut(one.name)} ({_plural(one.n, 'sample')}): {_deviations(one)}; more than chance "
            f"(p {_p(one.adjusted)}, adjusted for {times})."
        )
    for one in found.properties:
        if one.others:
            said = True
            values = "a value" if one.others == 1 else "values"
            share = _percent(100 * one.others / one.n)
            yield (
                f"{_cut(one.name)}: {_plural(one.others, 'sample')} of {_count(one.n)} ({share}) "
                f"with {values} that the spec does not list."
            )
    for one, group in _conditions(found, lambda p: p < ALPHA):
        said = True
        yield (
            f"{_where(one, group)}, asked for {_shares(group.requested)}, seen "
            f"{_shares(group.evaluated)}; more than chance (p {_p(group.adjusted)})."
        )
    for one in found.properties:
        lean = one.agreement.shift_adjusted
        if lean is not None and lean < ALPHA:
            said = True
            yield (
                f"{_cut(one.name)}: {_count(one.agreement.n - one.agreement.agreed)} of "
                f"{_plural(one.agreement.n, 'sample')} show another value than was drawn for them, "
                f"and not to and fro alike (p {_p(lean)}): most often {_swap(one)}."
            )
    if not said:
        yield "No property deviates from the spec by more than chance."


def _compared(one: PropertyConformance) -> str:
    return (
        f"{_cut(one.name)} ({_plural(one.n, 'sample')}): asked for {_shares(one.requested)}; "
        f"seen {_shares(one.evaluated)}"
    )


def _at_most(one: PropertyConformance) -> str:
    distance = f"; {100 * (one.distance_to_requested or 0.0):.1f} points apart"
    return distance if one.high is None else f"{distance}, {100 * one.high:.1f} at most (95 %)"


def _deviations(one: PropertyConformance) -> str:
    """The values that are furthest off, furthest first."""
    off = {
        value: share - one.requested.get(value, 0.0)
        for value, share in one.evaluated.items()
        if value in one.requested
    }
    furthest = sorted(off, key=lambda value: -abs(off[value]))[:3]
    parts = [
        f"{_cut(value)} asked for in {_percent(one.requested[value])} and seen in "
        f"{_percent(one.evaluated[value])}"
        for value in furthest
        if abs(off[value]) >= 0.05
    ]
    return ", ".join(parts) or f"{100 * (one.distance_to_requested or 0.0):.1f} points apart"


def _conditions(
    found: Conformance, wanted: Callable[[float], bool]
) -> Iterator[tuple[PropertyConformance, Conditional]]:
    for one in found.properties:
        for group in one.conditionals:
            if group.adjusted is not None and wanted(group.adjusted):
                yield one, group


def _where(one: PropertyConformance, group: Conditional) -> str:
    if group.when is None:
        where = "where no condition holds"
    else:
        where = "where " + " and ".join(
            f"{_cut(name)} is {_cut(value)}" for name, value in group.when.items()
        )
    return f"{_cut(one.name)} {where} ({_plural(group.n, 'sample')})"


def _swap(one: PropertyConformance) -> str:
    swaps = {pair: times for pair, times in one.agreement.confusion.items() if pair[0] != pair[1]}
    (drawn, seen), times = max(
        swaps.items(), key=lambda swap: swap[1] - swaps.get((swap[0][1], swap[0][0]), 0)
    )
    back = swaps.get((seen, drawn), 0)
    return (
        f"{_cut(seen)} instead of {_cut(drawn)} ({_count(times)}, the other way round "
        f"{_count(back)})"
    )


def _shares(shares: Mapping[str, float]) -> str:
    """The most frequent values, most frequent first."""
    values = sorted(shares, key=lambda value: -shares[value])
    named = [f"{_cut(value)} {_percent(shares[value])}" for value in values[:_MOST_VALUES]]
    rest = sum(shares[value] for value in values[_MOST_VALUES:])
    if len(values) > _MOST_VALUES:
        more = _plural(len(values) - _MOST_VALUES, "more value")
        named.append(f"{more} {_percent(rest)}")
    return ", ".join(named)


def _listed(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join([*names[:_MOST_NAMES], *([f"{rest} more"] if rest > 0 else [])])


def _joined(sentences: Iterable[str]) -> str:
    """As many sentences as there is room for."""
    whole = list(sentences)
    for kept in range(len(whole), 0, -1):
        left = len(whole) - kept
        text = "\n".join([*whole[:kept], *([f"And {left} more."] if left else [])])
        if len(text) <= MAX_TEXT:
            return text
    return whole[0][:MAX_TEXT] if whole else ""


def _percent(share: float) -> str:
    return f"{share:.1f}".removesuffix(".0") + " %"


def _p(p_value: float | None) -> str:
    if p_value is None:
        return "unknown"
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{_count(count)} {one if count == 1 else many or one + 's'}"


def _count(number: int) -> str:
    return f"{number:,}"


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _MOST_NAME else f"{plain[: _MOST_NAME - 1]}…"
