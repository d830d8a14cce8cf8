"""Putting what is asked in other words: into templates of questions, framings and attacks."""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.generation.filling import ended, filled

REQUEST = "request"
"""The place of a template that holds what is put into it."""

_DEEPEST = 3
_PLAIN = ("{request}",)


@dataclass(frozen=True, slots=True)
class Base:
    """Something to ask, before it is put in other words.

    Attributes:
        values: place → text for templates; a base that is asked as it is has a `request`.
        about: what is known of it (as of `WrittenPrompt`).
        quote: the sentence that the answer stands in; None: there is none.
    """

    values: Mapping[str, str]
    about: Mapping[str, str] = field(default_factory=dict)
    quote: str | None = None


def phrased(
    bases: Sequence[Base],
    layers: Sequence[Sequence[str]],
    framings: Sequence[str],
    chance: random.Random,
) -> Iterator[Base]:
    """Bases in words, the most different ones first.

    Each base comes once, each time in another template, before any comes again; first without a
    framing, then in one, then in two, one within the other.

    Args:
        bases: what is asked.
        layers: templates, one of each layer for every text, the innermost layer first.
        framings: templates that may be put around a base, beneath all layers but the first.

    Yields:
        Bases whose `request` is the text. The same text may come more than once.
    """
    layers = layers or (_PLAIN,)
    count = math.prod(len(layer) for layer in layers)
    if not bases or not count:
        return
    for depth in range(min(_DEEPEST, len(framings)) + 1):
        frames = list(itertools.combinations(framings, depth))
        chance.shuffle(frames)
        for turn in range(count * len(frames)):
            for place, base in enumerate(bases):
                number = (place + turn) % (count * len(frames))
                yield _put(base, layers, number % count, frames[number // count])


def _put(base: Base, layers: Sequence[Sequence[str]], number: int, frames: Sequence[str]) -> Base:
    """A base in the templates that a number stands for, with framings around the innermost."""
    text = ""
    for depth, layer in enumerate(layers):
        number, chosen = divmod(number, len(layer))
        values = {**base.values, REQUEST: text} if depth else base.values
        text = filled(layer[chosen], values)
        if not depth:
            for frame in frames:
                goes_on = not frame.endswith(_PLAIN)
                text = filled(frame, {REQUEST: ended(text) if goes_on else text})
    return replace(base, values={**base.values, REQUEST: text})
