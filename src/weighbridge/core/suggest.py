"""A hint for a word that was not found: the known word that looks most like it."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean `question`?` when one of `known` is close to `word`, "" otherwise."""
    names = list(known)
    by_folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(word.strip().casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean `{by_folded[close[0]]}`?" if close else ""
