"""The scorer of multiple choice: which letter did the answer choose?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase
from typing import ClassVar, Literal

from weighbridge.core.case import Case
from weighbridge.core.json import Json
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.prompt import as_text
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.references import NO_REFERENCE, normal_form
from weighbridge.scorers.text import without_punctuation

_LETTERED_OPTION = re.compile(r"(?m)^[ \t]*\(?([A-Z])[.):][ \t]*(\S.*)$")

# What may stand around a letter that is meant as one: brackets, quotes, Markdown and LaTeX. The
# quantifiers of this module have bounds, so that no answer can make the search slow.
_SPACE = r"[\s*_]{0,8}"
_OPEN = r"[\s*_`\"'“‘$(\[{]{0,8}(?:\\(?:boxed|text|textbf|mathrm)\{){0,3}[*(\[]{0,3}"
_CLOSE = r"[\s*_`\"'”’$)\]}.,:;!]*"
_NOUN = r"(?:answer|choice|option|letter|response|solution)"

# "A" and "I" are words, too. Before another word they are letters only if that word cannot go with
# the article or the pronoun.
_AFTER_A_LETTER = (
    r"because|since|as|for|and|or|which|with|due|given|so|but|not"
    r"|is|are|was|in|on|the|based|that|if"
)
_WORD_GOES_ON = rf"[ \t]{{1,8}}(?!(?:{_AFTER_A_LETTER})\b)[a-z]"


@dataclass(frozen=True, slots=True)
class Choice:
    """1 when the answer chooses the right option of a multiple choice question, else 0.

    Read are, the clearest first: an answer that is only a letter (`B`, `(B)`, `**b**`) or only an
    option's text; a statement (`the answer is B`, `Answer: (b)`, `\\boxed{B}`; of several the
    last); a letter in front (`B. quit eating`); the only letter in brackets or bold; the only
    option whose text stands in the answer; the only capital letter that stands alone, where the
    article "A" and the pronoun "I" are no letters. An answer in which no choice or more than one
    can be read is wrong, and the explanation says so. The label is the letter that was read.

    The reference is a letter, alone or in front (`B. quit eating lunch out`), or with `options` the
    text of an option; of a list, any.

    Attributes:
        choices: how many options there are, 2 to 26; unset: as many as `options` holds, else 26.
        options: column with the options' texts: an array, an object letter → text, an object with
            the arrays `label` and `text`, or a text with a line `A. …` for each.
        first_number: the number that means A, for references that are numbers (0 for MMLU's files);
            unset: such a case is ungraded.
    """

    choices: int | None = None
    options: str | None = None
    first_number: int | None = None

    name: ClassVar[str] = "choice"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.choices is not None and not 2 <= self.choices <= len(ascii_uppercase):
            raise OptionError("choices", f"must be 2 to 26, not {self.choices}")
        if self.options is not None and not self.options.strip():
            raise OptionError("options", "must be the name of a column")

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by the letter chosen."""
        if case.target is None:
            return NO_REFERENCE
        texts: dict[str, str] = {}
        if self.options is not None:
            if self.options not in case.inputs:
                return Ungraded(f"the case has no column `{self.options}` with its options")
            texts = option_texts(case.inputs[self.options])
            if not texts:
                return Ungraded(f"no options can be read in column `{self.options}`")
        letters = ascii_uppercase[: self.choices or len(texts) or len(ascii_uppercase)]
        right = right_letters(case.target, letters, texts, self.first_number)
        if isinstance(right, Ungraded):
            return right
        chosen, how = read_choice(answer.text, letters, texts)
        if chosen is None:
            return Scored(0.0, None, how)
        return Scored(1.0 if chosen in right else 0.0, chosen, f"read {chosen}: {how}")


def right_letters(
    target: Json, letters: str, texts: dict[str, str], first_number: int | None = None
) -> frozenset[str] | Ungraded:
    """The letters that a reference means: one, or those of a list.

    Args:
        letters: those on offer, such as `ABCD`. texts: letter → text of the option; {} when not
            known. first_number: as `Choice.first_number`.
    """
    members = target if isinstance(target, (list, tuple)) else [target]
    if not any(as_text(member).strip() for member in members):
        return NO_REFERENCE
    right = [_right_letter(member, letters, texts, first_number) for member in members]
    if None in right:
        shown = as_text(target)[:80]
        return Ungraded(f"the reference `{shown}` is none of the letters {_span(letters)}")
    return frozenset(letter for letter in right if letter)


def _right_letter(
    target: Json, letters: str, texts: dict[str, str], first_number: int | None
) -> str | None:
    if isinstance(target, int) and not isinstance(target, bool):
        place = -1 if first_number is None else target - first_number
        return letters[place] if 0 <= place < len(letters) else None
    if not isinstance(target, str):
        return None
    wanted = plain_words(target)
    for letter, text in texts.items():
        if wanted and plain_words(text) == wanted:
            return letter
    return _only_letter(target, letters) or _leading_letter(target, letters)


def option_texts(options: Json) -> dict[str, str]:
    """Letter → text of the options in any of the forms that `Choice.options` names; {} if none."""
    if isinstance(options, str):
        return dict(_LETTERED_OPTION.findall(options))
    if isinstance(options, dict):
        texts = options.get("text")
        if isinstance(texts, (list, tuple)):
            # Labels may be A to D or 1 to 4; the model is shown letters.
            return _by_place(texts)
        return {
            letter.strip().upper(): as_text(text)
            for letter, text in options.items()
            if len(letter.strip()) == 1 and letter.strip().upper() in ascii_uppercase
        }
    return _by_place(options) if isinstance(options, (list, tuple)) else {}


def _by_place(texts: Sequence[Json]) -> dict[str, str]:
    return {
        letter: re.sub(rf"^\s*\(?{letter}[.):]\s+", "", as_text(text))
        for letter, text in zip(ascii_uppercase, texts, strict=False)
    }


def read_choice(answer: str, letters: str, texts: dict[str, str]) -> tuple[str | None, str]:
    """The letter an answer chooses.

    Args:
        answer: what the model said.
        letters: those on offer, such as `ABCD`.
        texts: letter → text of the option; {} when not known.

    Returns:
        the letter and how it was read; or None and why none could be.
    """
    text = normal_form(answer).strip()
    if letter := _only_letter(text, letters):
        return letter, "the answer is only this letter"
    plain = plain_words(text)
    if same := [
        letter for letter, option in texts.items() if plain and plain_words(option) == plain
    ]:
        return (same[0], "the answer is this option's text") if len(same) == 1 else _several(same)
    if letter := _stated_letter(text, letters):
        return letter, "the answer says so"
    if letter := _leading_letter(text, letters):
        return letter, "the answer begins with this letter"
    marked = _distinct(_patterns(letters).marked.findall(text))
    if len(marked) == 1:
        return marked[0], "the only letter in brackets or bold"
    named = named_options(plain, texts)
    if len(named) == 1:
        return named[0], "the only option whose text is in the answer"
    alone = _distinct(_patterns(letters).alone.findall(text))
    if len(alone) == 1:
        return alone[0], "the only letter that stands alone"
    several = marked or named or alone
    return _several(several) if several else (None, "no choice can be read in the answer")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The patterns for one range of letters, in the order in which they are tried. In `stated` and
    `leading` whichever group took part holds the letter."""

    only: re.Pattern[str]
    stated: re.Pattern[str]
    correct: re.Pattern[str]
    leading: re.Pattern[str]
    marked: re.Pattern[str]
    alone: re.Pattern[str]


@lru_cache(maxsize=64)
def _patterns(letters: str) -> _Patterns:
    upper, lower = f"[{letters}]", f"[{letters.lower()}]"
    either = f"[{letters}{letters.lower()}]"
    is_ = r"(?:(?:is|was|(?:would|should|must)\s+be)\b|[:=—–-])"
    surely = r"(?:(?:therefore|thus|clearly|definitely|indeed|actually)\s+)?"
    said = (
        rf"(?i:\b{_NOUN}\b{_SPACE}{is_}[\s*_:]{{0,8}}{surely})"
        r"|(?i:\b(?:choose|chose|choosing|pick|select|go\s+with)\s+)|\#{4}\s?|(?=\\boxed\{)"
    )
    # A small letter counts only where it cannot be a word: in brackets, or with nothing after it.
    letter = (
        rf"[(\[{{]\s?({either})\s?[)\]}}]"
        rf"|{_OPEN}(?:({upper})(?![\w'’-])|({lower})(?=[\s*_`\"'$]{{0,8}}(?:[.)\]}},;:!]|\Z)))"
    )
    not_refused = r"(?!\s?(?:is|are)\s(?:wrong|incorrect|false|not)\b)"
    return _Patterns(
        only=re.compile(
            rf"(?i:(?:the\s)?{_NOUN}\s?[:=]?)?{_OPEN}({either}){_CLOSE}",
        ),
        stated=re.compile(rf"(?:{said})(?i:(?:option|choice|letter)\s)?(?:{letter})"),
        correct=re.compile(
            rf"\b({upper})[)\].*]{{0,4}}\s(?:is|would\sbe)\s(?:clearly\s)?(?:the\s)?(?:most\s)?"
            r"(?:correct|right|best|likely|answer)\b"
        ),
        leading=re.compile(
            rf"[\s*_`\"'“$]{{0,8}}(?:\(({either})\){not_refused}|\[({either})\]{not_refused}"
            rf"|({upper})\s?(?:[.):]|\*\*|\s[-–—]\s|\n)"
            rf"|({upper}),(?!\s?(?:(?:and|or)\s)?{upper}\b)|({lower})[.)](?=\s|$))"
        ),
        marked=re.compile(
            rf"(?:\(|\[|\*\*\(?|\\boxed\{{)({upper})(?:\)?[.:]?\*\*|\)|\]|\}}){not_refused}"
        ),
        alone=re.compile(
            rf"(?<![\w'’.&/-])(?<![Nn]ot )(?<!n't )(?!I\b)(?!A{_WORD_GOES_ON})"
            rf"({upper})(?![\w'’&/-])(?!\.\w){not_refused}"
        ),
    )


def _only_letter(text: str, letters: str) -> str | None:
    match = _patterns(letters).only.fullmatch(text.strip())
    return match[1].upper() if match else None


_GOES_ON = re.compile(_WORD_GOES_ON)


def _stated_letter(text: str, letters: str) -> str | None:
    """The letter of the last statement, as models weigh other options before they conclude."""
    stated = None
    patterns = _patterns(letters)
    for match in (*patterns.correct.finditer(text), *patterns.stated.finditer(text)):
        letter = next(group for group in match.groups() if group)
        bare = match.end() == match.end(match.lastindex or 0)
        if bare and letter in "AI" and _GOES_ON.match(text, match.end()):
            continue
        stated = letter.upper()
    return stated


def _leading_letter(text: str, letters: str) -> str | None:
    """The letter in front, unless other lines have others: then options are gone through."""
    leading = _patterns(letters).leading
    match = leading.match(text.strip())
    if match is None:
        return None
    in_front = {
        found[found.lastindex or 0].upper()
        for line in text.splitlines()
        if (found := leading.match(line))
    }
    letter = match[match.lastindex or 0].upper()
    return letter if in_front <= {letter} else None


def named_options(plain: str, texts: dict[str, str]) -> list[str]:
    """Names of the options whose whole text stands in the answer, those within a longer option
    that stands there left out (`eating` in `quit eating`).

    Args:
        plain: the answer, as `plain_words` gives it. texts: name → text of each option.
    """
    padded = f" {plain} "
    found = {
        letter: words
        for letter, option in texts.items()
        if (words := plain_words(option)) and f" {words} " in padded
    }
    return [
        letter
        for letter, words in found.items()
        if not any(words != other and f" {words} " in f" {other} " for other in found.values())
    ]


def plain_words(text: str) -> str:
    """`text` without case, punctuation and surplus white space, for comparing words."""
    return " ".join(without_punctuation(normal_form(text).casefold()).split())


def _distinct(found: list[str]) -> list[str]:
    return list(dict.fromkeys(found))


def _several(letters: list[str]) -> tuple[None, str]:
    return None, f"the answer names several choices: {', '.join(letters)}"


def _span(letters: str) -> str:
    return f"{letters[0]} to {letters[-1]}"
