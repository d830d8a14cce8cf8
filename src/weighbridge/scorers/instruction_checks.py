"""The checks behind the scorer `instructions`: one function for each kind of instruction.

Kinds, their names and their arguments are those of IFEval (Zhou et al. 2023,
https://arxiv.org/abs/2311.07911), and so is what counts as keeping to one, down to how things are
counted. A check never asks for judgement.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from weighbridge.core.json import Json
from weighbridge.scorers.sentences import count_sentences
from weighbridge.scorers.text import CompiledPattern, compile_pattern, encodable

Arguments: TypeAlias = Mapping[str, Json]
Check: TypeAlias = Callable[[str, Arguments], bool]


class UncheckableError(Exception):
    """An instruction that cannot be checked; the message says why."""


_WORD = re.compile(r"\w+")
_SPECIAL = re.compile(r"[!-/:-@\[-^`{-~]")
_CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")
_END_OF_FIRST_WORD = re.compile(r"[.,?!'\"]")
_MOSTLY = 0.9

# Where a word ends for the count of words in capitals; a hyphen or a slash does not end one.
_BETWEEN_CAPITALS = re.compile(r"[\s\[\](){}<>,:;@#$%&?!\"“”`]+|--+|\.{2,}")
_PARTS_OF_A_WORD = re.compile(
    r"(?<=[\w.])(?=(?:n['’]t|['’](?:s|m|d|ll|re|ve))\.?$)|(?<=^can)(?=not)", re.IGNORECASE
)


def _keywords(text: str, arguments: Arguments) -> bool:
    return all(_occurrences(text, word) for word in _texts(arguments, "keywords"))


def _keyword_frequency(text: str, arguments: Arguments) -> bool:
    count = _occurrences(text, _text(arguments, "keyword"))
    return _holds(count, arguments, "relation", "frequency")


def _forbidden_words(text: str, arguments: Arguments) -> bool:
    return not any(
        _compiled(rf"\b{_literal(word)}\b", True).search(text)
        for word in _texts(arguments, "forbidden_words")
    )


def _letter_frequency(text: str, arguments: Arguments) -> bool:
    letter = _text(arguments, "letter").lower()
    if len(letter) != 1:
        raise UncheckableError(f"`letter` is one character, not `{letter[:20]}`")
    return _holds(Counter(text.lower())[letter], arguments, "let_relation", "let_frequency")


def _language(_said: str, _arguments: Arguments) -> bool:
    raise UncheckableError("telling languages apart needs a detector, and none is installed")


def _sentences(text: str, arguments: Arguments) -> bool:
    return _holds(count_sentences(text), arguments, "relation", "num_sentences")


def _words(text: str, arguments: Arguments) -> bool:
    count = sum(1 for _ in _WORD.finditer(text))
    return _holds(count, arguments, "relation", "num_words")


def _paragraphs(text: str, arguments: Arguments) -> bool:
    """Between lines of `***`; an empty one counts nowhere but at the ends."""
    parts = [part.strip() for part in text.split("***")]
    inner = parts[1:-1]
    if not all(inner):
        return False
    return sum(1 for part in parts if part) == _whole(arguments, "num_paragraphs")


def _first_word(text: str, arguments: Arguments) -> bool:
    """Between blank lines: the number of paragraphs, and the word that the nth begins with."""
    parts = [part.strip() for part in text.split("\n\n")]
    count = sum(1 for part in parts if part)
    nth = _whole(arguments, "nth_paragraph")
    if not 1 <= nth <= count or not parts[nth - 1]:
        return False
    word = parts[nth - 1].split()[0].lstrip("'").lstrip('"')
    said = _END_OF_FIRST_WORD.split(word, maxsplit=1)[0].lower()
    wanted = _text(arguments, "first_word").lower()
    return count == _whole(arguments, "num_paragraphs") and said == wanted


def _placeholders(text: str, arguments: Arguments) -> bool:
    return _count(r"\[.*?\]", text) >= _whole(arguments, "num_placeholders")


def _postscript(text: str, arguments: Arguments) -> bool:
    marker = _text(arguments, "postscript_marker")
    pattern = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}.get(
        marker, _literal(marker.lower())
    )
    return _compiled(pattern, False).search(text.lower()) is not None


def _bullets(text: str, arguments: Arguments) -> bool:
    count = _count(r"(?m)^\s*\*[^\*].*$", text) + _count(r"(?m)^\s*-.*$", text)
    return count == _whole(arguments, "num_bullets")


def _constrained(text: str, _arguments: Arguments) -> bool:
    return any(option in text for option in _CONSTRAINED)


def _highlights(text: str, arguments: Arguments) -> bool:
    single = _compiled(r"\*[^\n\*]*\*", False).findall(text)
    double = _compiled(r"\*\*[^\n\*]*\*\*", False).findall(text)
    count = sum(1 for found in (*single, *double) if found.strip("*").strip())
    return count >= _whole(arguments, "num_highlights")


def _sections(text: str, arguments: Arguments) -> bool:
    splitter = _literal(_text(arguments, "section_spliter"))
    return _count(rf"\s?{splitter}\s?\d+\s?", text) >= _whole(arguments, "num_sections")


def _json(text: str, _arguments: Arguments) -> bool:
    text = text.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _title(text: str, _arguments: Arguments) -> bool:
    """`<<title>>` within one line."""
    for line in text.split("\n"):
        begin, end = line.find("<<"), line.rfind(">>")
        if 0 <= begin < end - 2 and line[begin : end + 2].lstrip("<").rstrip(">").strip():
            return True
    return False


def _two_responses(text: str, _arguments: Arguments) -> bool:
    parts = [part.strip() for part in text.split("******")]
    if not all(parts[1:-1]):
        return False
    said = [part for part in parts if part]
    return len(said) == 2 and said[0] != said[1]


def _repeat_prompt(text: str, arguments: Arguments) -> bool:
    return text.strip().lower().startswith(_text(arguments, "prompt_to_repeat").lower())


def _end(text: str, arguments: Arguments) -> bool:
    return text.strip().strip('"').lower().endswith(_text(arguments, "end_phrase").lower())


def _quotation(text: str, _arguments: Arguments) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _capital_words(text: str, arguments: Arguments) -> bool:
    return _holds(count_capital_words(text), arguments, "capital_relation", "capital_frequency")


def _english_capital(text: str, _arguments: Arguments) -> bool:
    return text.isupper() and _in_english_letters(text)


def _english_lowercase(text: str, _arguments: Arguments) -> bool:
    return text.islower() and _in_english_letters(text)


def _no_comma(text: str, _arguments: Arguments) -> bool:
    return "," not in text


CHECKS: dict[str, Check] = {
    "keywords:existence": _keywords,
    "keywords:frequency": _keyword_frequency,
    "keywords:forbidden_words": _forbidden_words,
    "keywords:letter_frequency": _letter_frequency,
    "language:response_language": _language,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": _words,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": _repeat_prompt,
    "startend:end_checker": _end,
    "startend:quotation": _quotation,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _english_capital,
    "change_case:english_lowercase": _english_lowercase,
    "punctuation:no_comma": _no_comma,
}
"""Name of the instruction → whether a text keeps to it."""


def count_capital_words(text: str) -> int:
    """Words in capitals; a contraction (`DON'T`) is two words, one with a hyphen is one."""
    words = _BETWEEN_CAPITALS.split(text)
    return sum(part.isupper() for word in words for part in _PARTS_OF_A_WORD.split(word))


def _in_english_letters(text: str) -> bool:
    """As far as letters tell: nine of ten are those of the English alphabet."""
    letters = [mark for mark in text if mark.isalpha()]
    return sum(mark.isascii() for mark in letters) >= _MOSTLY * len(letters)


def _occurrences(text: str, word: str) -> int:
    return sum(1 for _ in _compiled(_literal(word), True).finditer(text))


def _count(pattern: str, text: str) -> int:
    return sum(1 for _ in _compiled(pattern, False).finditer(text))


def _compiled(pattern: str, ignore_case: bool) -> CompiledPattern:
    try:
        return compile_pattern(pattern, ignore_case)
    except ValueError as error:
        raise UncheckableError(str(error)) from error


def _literal(text: str) -> str:
    """The pattern that matches this text and nothing else."""
    return _SPECIAL.sub(r"\\\g<0>", encodable(text))


def _holds(count: int, arguments: Arguments, relation: str, threshold: str) -> bool:
    wanted = _whole(arguments, threshold)
    how = _text(arguments, relation)
    if how == "less than":
        return count < wanted
    if how == "at least":
        return count >= wanted
    raise UncheckableError(f"`{relation}` is `less than` or `at least`, not `{how[:40]}`")


def _whole(arguments: Arguments, name: str) -> int:
    value: Any = arguments.get(name)
    if isinstance(value, float) and value.is_integer():  # as columnar files may have it
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UncheckableError(f"it needs a whole number `{name}`")
    return value


def _text(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise UncheckableError(f"it needs a text `{name}`")
    return value.strip()


def _texts(arguments: Arguments, name: str) -> list[str]:
    value = arguments.get(name)
    texts = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    if not texts:
        raise UncheckableError(f"it needs a list of texts `{name}`")
    return texts
