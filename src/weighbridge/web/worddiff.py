"""What one text has and another has not, word by word."""

import re
from dataclasses import dataclass

from markupsafe import Markup
from rapidfuzz.distance import Indel

from weighbridge.web import hostile

LONGEST = hostile.LONGEST_SHOWN
"""Characters of each text that are looked at."""
MOST_WORDS = 5_000
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class WordDiff:
    """The second text, with what was taken out of the first and put into it marked.

    Attributes:
        cut: whether only their beginnings are compared.
        same: whether nothing differs, as far as they are compared.
    """

    html: Markup
    cut: bool
    same: bool


def word_diff(before: str, after: str) -> WordDiff:
    """Compare two texts by words, blanks and signs."""
    one, cut_one = _words(before)
    other, cut_other = _words(after)
    pieces: list[Markup] = []
    gone: list[str] = []
    come: list[str] = []

    def close() -> None:
        if gone:
            pieces.append(Markup("<del>{}</del>").format(hostile.visible("".join(gone))))
        if come:
            pieces.append(Markup("<ins>{}</ins>").format(hostile.visible("".join(come))))
        gone.clear()
        come.clear()

    for step in Indel.opcodes(one, other):
        if step.tag == "equal":
            kept = "".join(one[step.src_start : step.src_end])
            if kept.isspace() and "\n" not in kept and gone and come:
                # A blank between two changed words is no place to rest the eye.
                gone.append(kept)
                come.append(kept)
                continue
            close()
            pieces.append(hostile.visible(kept))
        else:
            gone += one[step.src_start : step.src_end]
            come += other[step.dest_start : step.dest_end]
    close()
    return WordDiff(Markup("").join(pieces), cut_one or cut_other, one == other)


def _words(text: str) -> tuple[list[str], bool]:
    words: list[str] = []
    for found in _WORD.finditer(text[:LONGEST]):
        if len(words) == MOST_WORDS:
            return words, True
        words.append(found[0])
    return words, len(text) > LONGEST
