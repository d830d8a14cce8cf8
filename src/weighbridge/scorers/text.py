"""Scorers that compare the answer with the reference as text."""

import math
import re
import string
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, TypeAlias

import re2

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.references import NO_REFERENCE, normal_form, references

_RIGHT = Scored(1.0)
_WRONG = Scored(0.0)

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MAX_PATTERN = 10_000
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Exact:
    """1 when the answer equals the reference, else 0.

    White space around either is never compared, and accents may be composed or not. A list as
    target means any of its members. The options leave more out of the comparison.

    Attributes:
        ignore_case: upper and lower case are the same.
        ignore_whitespace: white space inside is left out too.
        ignore_punctuation: punctuation is left out (so `1.5` equals `15`: use `numeric` for
            numbers).
        ignore: patterns (RE2); what they match is left out first, before case and punctuation.
    """

    ignore_case: bool = False
    ignore_whitespace: bool = False
    ignore_punctuation: bool = False
    ignore: tuple[str, ...] = ()

    name: ClassVar[str] = "exact"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_patterns(self.ignore)

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by equality."""
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        said = self._compared(answer.text)
        return _RIGHT if any(said == self._compared(text) for text in accepted) else _WRONG

    def _compared(self, text: str) -> str:
        text = _without(normal_form(text), self.ignore)
        if self.ignore_case:
            text = text.casefold()
        if self.ignore_punctuation:
            text = without_punctuation(text)
        return "".join(text.split()) if self.ignore_whitespace else text.strip()


@dataclass(frozen=True, slots=True)
class Includes:
    """1 when the reference stands somewhere in the answer, else 0.

    A list as target means any of its members. The reference is looked for as it is, white space
    around it left out, also inside words (`cat` is in `concatenate`).

    Attributes:
        ignore_case: upper and lower case are the same.
        require: of a list as target, whether `any` of its members is enough or `all` must be there.
    """

    ignore_case: bool = True
    require: Literal["any", "all"] = "any"

    name: ClassVar[str] = "includes"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = True

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by presence."""
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        wanted = [text for one in accepted if (text := self._compared(one).strip())]
        if not wanted:
            return NO_REFERENCE
        said = self._compared(answer.text)
        if self.require == "any":
            return _RIGHT if any(text in said for text in wanted) else _WRONG
        missing = [text for text in wanted if text not in said]
        return Scored(0.0, None, f"missing: {', '.join(missing)[:500]}") if missing else _RIGHT

    def _compared(self, text: str) -> str:
        text = normal_form(text)
        return text.casefold() if self.ignore_case else text


@dataclass(frozen=True, slots=True)
class StartsWith:
    """1 when the answer begins with the reference, else 0.

    White space around either is left out. A list as target means any of its members.

    Attributes:
        ignore_case: upper and lower case are the same.
        whole_words: the reference must end where a word ends (`no` does not begin `nothing`).
    """

    ignore_case: bool = False
    whole_words: bool = False

    name: ClassVar[str] = "starts_with"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = True

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by the beginning."""
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        wanted = [text for one in accepted if (text := self._compared(one))]
        if not wanted:
            return NO_REFERENCE
        said = self._compared(answer.text)
        return _RIGHT if any(self._begins(said, text) for text in wanted) else _WRONG

    def _begins(self, said: str, text: str) -> bool:
        if not said.startswith(text):
            return False
        after = said[len(text) : len(text) + 1]
        return not self.whole_words or not (after.isalnum() and text[-1].isalnum())

    def _compared(self, text: str) -> str:
        text = normal_form(text).strip()
        return text.casefold() if self.ignore_case else text


@dataclass(frozen=True, slots=True)
class Length:
    """1 when the answer is as long as was asked for, else 0; without bounds the length itself.

    White space around the answer is not counted.

    Attributes:
        unit: `characters` (Unicode's), `words` (split at white space), `lines` (those with
            something in them) or `tokens` (output tokens as the endpoint counted them, of all tries
            and of what it thought without saying; ungraded where it does not count).
        least: the fewest; unset: no such bound.
        most: the most; unset: no such bound.
    """

    unit: Literal["characters", "words", "lines", "tokens"] = "words"
    least: int | None = None
    most: int | None = None

    name: ClassVar[str] = "length"
    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for option, bound in (("least", self.least), ("most", self.most)):
            if bound is not None and bound < 0:
                raise OptionError(option, f"must be 0 or more, not {bound}")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise OptionError("most", f"must be at least `least`, which is {self.least}")

    @property
    def metric(self) -> Literal["accuracy", "mean"]:
        """`accuracy` with a bound."""
        return "mean" if self.least is None and self.most is None else "accuracy"

    @property
    def bounds(self) -> Bounds:
        """Of a length there is no greatest."""
        return (0.0, math.inf) if self.metric == "mean" else ZERO_TO_ONE

    async def score(self, answer: Answer, case: Case) -> Outcome:  # noqa: ARG002 - the protocol's
        """Grade by length."""
        found = self._measured(answer)
        if found is None:
            return Ungraded("the endpoint does not say how many tokens the answer has")
        if self.least is None and self.most is None:
            return Scored(float(found))
        if self.least is not None and found < self.least:
            return Scored(0.0, None, f"{found} {self.unit}, fewer than {self.least}")
        if self.most is not None and found > self.most:
            return Scored(0.0, None, f"{found} {self.unit}, more than {self.most}")
        return Scored(1.0, None, f"{found} {self.unit}")

    def _measured(self, answer: Answer) -> int | None:
        text = answer.text.strip()
        match self.unit:
            case "characters":
                return len(normal_form(text))
            case "words":
                return len(text.split())
            case "lines":
                return sum(1 for line in text.splitlines() if line.strip())
        return answer.usage.output_tokens or None


@dataclass(frozen=True, slots=True)
class Regex:
    """1 when a pattern is found in the answer, else 0.

    Patterns are RE2: all of the usual syntax but look-around and back-references, which could
    take forever. `^` and `$` are the ends of the answer (`(?m)` makes them the ends of lines).
    Without `pattern` the case's target is the pattern (of a list, any). With `group`, what that
    group matched is compared with the target as by `exact`, and an answer in which the pattern is
    not found scores 0.

    Attributes:
        pattern: what to look for; unset: the target is.
        group: number or name of the group whose text is compared with the target; unset: to be
            found is enough, and no target is needed.
        match: which of several matches gives the group, `first` or `last`.
        ignore_case: upper and lower case are the same.
        ignore: patterns; what they match is left out of the group's text and of the target before
            these are compared.
    """

    pattern: str | None = None
    group: int | str | None = None
    match: Literal["first", "last"] = "first"
    ignore_case: bool = False
    ignore: tuple[str, ...] = ()

    name: ClassVar[str] = "regex"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_patterns(self.ignore)
        if self.ignore and self.group is None:
            raise OptionError("ignore", "is for the text of a `group`")
        if self.pattern is None:
            if self.group is not None:
                raise OptionError("group", "needs a `pattern` to be a group of")
            return
        try:
            compiled = compile_pattern(self.pattern, self.ignore_case)
        except ValueError as error:
            raise OptionError("pattern", str(error)) from error
        if isinstance(self.group, int) and not 0 <= self.group <= compiled.groups:
            raise OptionError("group", f"the pattern has {compiled.groups} groups")
        if isinstance(self.group, str) and self.group not in compiled.groupindex:
            raise OptionError("group", f"the pattern has no group called `{self.group}`")

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by pattern."""
        said = encodable(answer.text)
        if self.pattern is None:
            return self._by_target(said, case)
        compiled = compile_pattern(self.pattern, self.ignore_case)
        if self.group is None:
            return _RIGHT if compiled.search(said) else _WRONG
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        found = compiled.search(said)
        if self.match == "last":
            for later in compiled.finditer(said):
                found = later
        if found is None:
            return Scored(0.0, None, "the pattern is not found in the answer")
        read = self._compared(found.group(self.group) or "")
        right = any(self._equal(read, self._compared(text)) for text in accepted)
        return Scored(1.0 if right else 0.0, read)

    def _by_target(self, said: str, case: Case) -> Outcome:
        patterns = references(case.target)
        if isinstance(patterns, Ungraded):
            return patterns
        try:
            compiled = [compile_pattern(one, self.ignore_case) for one in patterns]
        except ValueError as error:
            return Ungraded(f"the reference is no pattern: {error}")
        return _RIGHT if any(one.search(said) for one in compiled) else _WRONG

    def _compared(self, text: str) -> str:
        return _without(normal_form(text), self.ignore).strip()

    def _equal(self, one: str, other: str) -> bool:
        return one == other or (self.ignore_case and one.casefold() == other.casefold())


@dataclass(frozen=True, slots=True)
class F1:
    """Overlap of the answer's words with the reference's, 0 to 1: the token F1 of SQuAD.

    Both are lower-cased, rid of punctuation and of the articles a, an and the, and split at white
    space; then F1 = 2PR / (P + R), with P the share of the answer's words that are in the
    reference and R the share of the reference's words that are in the answer, repeated words
    counted (Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250, with their evaluation
    script's treatment of emptiness: 1 if both are empty, 0 if one is). Of a list of references,
    the best counts. Text without spaces between words (Chinese, Japanese) is one word to it.
    """

    name: ClassVar[str] = "f1"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    metric: ClassVar[Literal["accuracy", "mean"]] = "mean"
    needs_target: ClassVar[bool] = True

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by overlap of words."""
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        said = squad_words(answer.text)
        return Scored(max(word_f1(said, squad_words(text)) for text in accepted))


def squad_words(text: str) -> list[str]:
    """The words of a text as SQuAD counts them: lower case, no punctuation, no articles."""
    text = normal_form(text).lower().translate(_ASCII_PUNCTUATION)
    return _ARTICLES.sub(" ", text).split()


def word_f1(said: list[str], reference: list[str]) -> float:
    """Harmonic mean of precision and recall over words, repeated words counted; 0 to 1."""
    if not said or not reference:
        return float(said == reference)
    common = (Counter(said) & Counter(reference)).total()
    return 2.0 * common / (len(said) + len(reference))


def without_punctuation(text: str) -> str:
    """`text` without ASCII punctuation and without what Unicode calls punctuation."""
    text = text.translate(_ASCII_PUNCTUATION)
    if text.isascii():
        return text
    return "".join(mark for mark in text if not unicodedata.category(mark).startswith("P"))


def _check_patterns(patterns: tuple[str, ...]) -> None:
    for place, pattern in enumerate(patterns):
        try:
            compile_pattern(pattern, ignore_case=False)
        except ValueError as error:
            raise OptionError(f"ignore.{place}", str(error)) from error


def _without(text: str, patterns: tuple[str, ...]) -> str:
    """`text` without what these patterns match."""
    if not patterns:
        return text
    text = encodable(text)
    for pattern in patterns:
        text = compile_pattern(pattern, ignore_case=False).sub("", text)
    return text


CompiledPattern: TypeAlias = "re2._Regexp"


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str, ignore_case: bool) -> CompiledPattern:
    """A pattern compiled by RE2.

    Raises:
        ValueError: RE2 refuses it, or it is over 10,000 characters; with RE2's reason.
    """
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"a pattern may have {_MAX_PATTERN} characters; this has {len(pattern)}")
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(encodable(pattern), options)
    except re2.error as error:
        reason = error.args[0]
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"RE2 refuses this pattern: {reason}") from error


def encodable(text: str) -> str:
    """`text` with half surrogate pairs replaced: RE2 works on UTF-8, which cannot say them."""
    return text.encode("utf-8", "replace").decode()
