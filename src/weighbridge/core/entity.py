"""A piece of personal data in a text."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A piece of personal data.

    Attributes:
        start, end: where it is, in characters; `end` is the first behind it.
        label: of which type it is.
        score: how sure it is, 0 to 1.
    """

    start: int
    end: int
    label: str
    score: float


def merged(entities: Iterable[Entity]) -> list[Entity]:
    """The same places without overlaps, in their order: what overlaps becomes one, with the label
    of the longest of them and the score of the surest."""
    found: list[list[Entity]] = []
    reach = -1
    for one in sorted(entities, key=lambda it: (it.start, -it.end)):
        if one.start < reach:
            found[-1].append(one)
        elif one.end > one.start:
            found.append([one])
        reach = max(reach, one.end)
    return [_joined(group) for group in found]


def _joined(group: list[Entity]) -> Entity:
    longest = max(group, key=lambda it: (it.end - it.start, it.score))
    score = max(it.score for it in group)
    return Entity(group[0].start, max(it.end for it in group), longest.label, score)


def outside(text: str, entities: Iterable[Entity]) -> Iterable[tuple[str, Entity | None]]:
    """A text in pieces: those between entities, and those that are entities.

    Args:
        entities: without overlaps, in their order.
    """
    at = 0
    for one in itertools.chain(entities, [None]):
        start = len(text) if one is None else one.start
        if start > at:
            yield text[at:start], None
        if one is not None:
            yield text[one.start : one.end], one
            at = one.end
