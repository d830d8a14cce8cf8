"""Questions without anybody to write them: sentences of a text with a gap where a number or a name
was. What fills the gap stands in the sentence once, so that there is one right answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.documents.passages import sentences

GAP = "____"

_FEWEST_WORDS, _MOST_WORDS = 6, 45
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,:]\d+)*%?(?![\w-])")
_TOKEN = re.compile(r"[^\W\d_]\w+(?:-\w+)*")
_BEGINS_AFTER = frozenset(".!?:;“”\"'(")
_WORD = re.compile(r"\w+")
_ENDS = (".", "!", "?", "…")
_LEADS_BACK = re.compile(r"(?:it|he|she|they|this|that|these|those|there|here)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GapQuestion:
    """A sentence with a gap.

    Attributes:
        question: what is asked. answer: what fills the gap. quote: the whole sentence.
    """

    question: str
    answer: str
    quote: str


def gap_questions(text: str, name: str) -> Iterator[GapQuestion]:
    """A question for each sentence of a text that has a number or a name in it, in order.

    Args:
        name: of the document; the question says it, as a sentence rarely does.
    """
    before = ""
    for sentence in sentences(text):
        # One that leads back (“It opened in…”) is understood with the one before it.
        whole = f"{before} {sentence}".strip() if _LEADS_BACK.match(sentence) else sentence
        before = sentence if sentence.endswith(_ENDS) else ""
        if not _FEWEST_WORDS <= len(_WORD.findall(whole)) <= _MOST_WORDS:
            continue
        answer = _answer(sentence, whole)
        if answer is not None:
            start = whole.rindex(answer)
            with_gap = f"{whole[:start]}{GAP}{whole[start + len(answer) :]}"
            question = f"In “{name}”, what belongs into the gap? “{with_gap}”"
            yield GapQuestion(question, answer, whole)


def _answer(sentence: str, whole: str) -> str | None:
    """What is taken out of a sentence: a number, else the longest name, that stands once in all
    that is shown."""
    names = sorted(_names(sentence), key=len, reverse=True)
    for found in (*_NUMBER.findall(sentence), *names):
        if whole.count(found) == 1:
            return str(found)
    return None


def _names(sentence: str) -> Iterator[str]:
    """Words that begin with a capital, and not because a sentence begins; such neighbours
    together."""
    begun: int | None = None
    end = 0
    for token in _TOKEN.finditer(sentence):
        between = sentence[end : token.start()]
        goes_on = begun is not None and between == " "
        if begun is not None and not (goes_on and token[0][0].isupper()):
            yield sentence[begun:end]
            begun = None
        opens = not end or bool(_BEGINS_AFTER & set(between))
        if begun is None and token[0][0].isupper() and not opens:
            begun = token.start()
        end = token.end()
    if begun is not None:
        yield sentence[begun:end]
