"""Questions without anybody to write them: sentences of a text with a gap where a number or a name
was. What fills the gap stands in the sentence once, so that there is one right answer."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.documents.passages import sentences

GAP = "____"

_FEWEST_WORDS, _MOST_WORDS = 6, 45
_MOST_NAMES = 40
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
        with_gap: the sentence, with the gap.
    """

    question: str
    answer: str
    quote: str
    with_gap: str


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
            yield GapQuestion(question, answer, whole, with_gap)


def any_gap(text: str) -> GapQuestion | None:
    """A question where no number and no name can be asked for: the longest word that stands once in
    a sentence is left out; None: there is no sentence that is long enough."""
    for sentence in sentences(text):
        shown = " ".join(sentence.split()[:_MOST_WORDS])
        found = _WORD.findall(shown)
        for word in sorted(found, key=len, reverse=True):
            if len(found) >= _FEWEST_WORDS and len(word) > 3 and shown.count(word) == 1:
                with_gap = shown.replace(word, GAP)
                return GapQuestion(with_gap, word, shown, with_gap)
    return None


def names(text: str) -> list[str]:
    """What a text is about: the names in it, the most frequent first, each once; of a text without
    any, its longest words."""
    counted = Counter(name for sentence in sentences(text) for name in _names(sentence))
    if not counted:
        counted = Counter({word: len(word) for word in _TOKEN.findall(text)})
    return [name for name, _ in counted.most_common(_MOST_NAMES)]


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
