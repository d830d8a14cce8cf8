"""Passages of a text marked in it: what a judge quotes, what a scorer found."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from markupsafe import Markup

from weighbridge.web.hostile import LONGEST_SHOWN, visible

Span: TypeAlias = tuple[int, int]
"""Characters of a text: the first, and the one behind the last."""

_MOST_QUOTES = 40
_MOST_QUOTE = 1_000
_MOST_SPANS = 500
_AROUND = "\"'“”‘’«»`… "


def spans_of(text: str, quotes: Iterable[str]) -> list[Span]:
    """Where quotes stand in a text, each at its first place; blanks and case are taken lightly, as
    judges take them."""
    found = []
    for quote in list(quotes)[:_MOST_QUOTES]:
        words = quote[:_MOST_QUOTE].strip(_AROUND).split()
        if not words:
            continue
        place = text.find(quote)
        if place >= 0:
            found.append((place, place + len(quote)))
            continue
        pattern = r"\s+".join(re.escape(word) for word in words)
        match = re.search(pattern, text, re.IGNORECASE)
        if match is not None:
            found.append(match.span())
    return found


def marked(text: str, spans: Sequence[Span], longest: int = LONGEST_SHOWN) -> Markup:
    """The beginning of a text, with the passages marked; those that overlap are one."""
    text = text[:longest]
    pieces: list[Markup] = []
    end = 0
    for start, stop in _joined(spans, len(text)):
        pieces += (
            visible(text[end:start]),
            Markup("<mark>{}</mark>").format(visible(text[start:stop])),
        )
        end = stop
    return Markup("").join([*pieces, visible(text[end:])])


def _joined(spans: Sequence[Span], length: int) -> list[Span]:
    joined: list[Span] = []
    for start, stop in sorted(spans)[:_MOST_SPANS]:
        start, stop = max(0, start), min(stop, length)
        if start >= stop:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
