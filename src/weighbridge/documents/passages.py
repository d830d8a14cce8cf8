"""Cutting a text into passages that fit into a prompt, at its paragraphs and sentences."""

import re
from collections.abc import Iterator

LENGTH = 2_000
"""Characters that a passage has at most."""

LEAST = 80
"""Characters under which a passage says too little to be asked about."""

_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+")


def passages(text: str, length: int = LENGTH) -> list[str]:
    """The passages of a text, in order; each as long as whole paragraphs allow.

    A paragraph that is too long is cut between sentences, a sentence that is too long between
    words, a word that is too long anywhere.

    Args:
        length: the most characters of a passage.

    Returns:
        Passages of 1 to `length` characters; all of the text but its white space is in them.
    """
    found: list[str] = []
    here = ""
    for piece, joint in _pieces(text, length):
        joined = f"{here}{joint}{piece}" if here else piece
        if len(joined) <= length:
            here = joined
        else:
            found.append(here)
            here = piece
    return [*found, here] if here else found


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order; headings and the like are some, too."""
    return [
        sentence.strip()
        for paragraph in _PARAGRAPH.split(text)
        for line in _SENTENCE.split(paragraph)
        for sentence in (" ".join(line.split()),)
        if sentence
    ]


def _pieces(text: str, length: int) -> Iterator[tuple[str, str]]:
    """Pieces that fit, each with what stands before it when it follows another."""
    for paragraph in _PARAGRAPH.split(text):
        joint = "\n\n"
        for sentence in _fitting(paragraph.strip(), length):
            yield sentence, joint
            joint = " "


def _fitting(paragraph: str, length: int) -> Iterator[str]:
    if len(paragraph) <= length:
        if paragraph:
            yield paragraph
        return
    for sentence in _SENTENCE.split(paragraph):
        while len(sentence) > length:
            cut = sentence.rfind(" ", 1, length + 1)
            cut = cut if cut > 0 else length
            if head := sentence[:cut].rstrip():
                yield head
            sentence = sentence[cut:].lstrip()
        if sentence:
            yield sentence
