"""The scorer that compares numbers."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal

from weighbridge.core.case import Case
from weighbridge.core.json import Json
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.scorers.options import check_tolerance
from weighbridge.scorers.references import references

# Quantifiers have bounds so that a hostile answer can make neither the search nor the arithmetic
# expensive: at most 300 digits, exponents of at most three.
_PLAIN = r"""
    (?<!\w)(?<!\d\.)                             # not within a word (`GPT4`) or number (`1.2.3`)
    (?P<sign>[-−+]?)(?:[$€£¥]\s?)?(?P<inner>[-−]?)
    (?P<digits>
        (?:\d{1,3}(?:,\d{3}){1,99}|\d{1,300})(?!\d)(?:\.\d{1,300}(?!\d))?
      | (?<!\.)\.\d{1,300}(?!\d)
    )
    (?P<exponent>[eE][-+]?\d{1,3}(?!\w))?
    (?:\s?(?:×|\\times|\\cdot|[x*])\s?10\s?(?:\^|\*\*)\s?\{?(?P<ten>[-−+]?\d{1,3})(?!\d)\}?)?
"""
_OVER = r"(?:\s?/\s?(?P<over>\d{1,300})(?![\d/]))?"
_PERCENT = r"(?:\s?\\?(?P<percent>%))?"
_NUMBER = re.compile(_PLAIN + _PERCENT, re.VERBOSE)
_NUMBER_OR_FRACTION = re.compile(_PLAIN + _OVER + _PERCENT, re.VERBOSE)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(\d{1,300})\}\{(\d{1,300})\}")


@dataclass(frozen=True, slots=True)
class Read:
    """A number found in a text.

    Attributes:
        value: exactly; for `50%`, 50.
        percent: whether a per-cent sign follows it.
        text: as it stands there.
    """

    value: Fraction
    percent: bool
    text: str


@dataclass(frozen=True, slots=True)
class Numeric:
    """1 when the number in the answer equals the reference, else 0.

    Read are `1,234.5`, `$5`, `-3`, `1.5e3`, `1.5 × 10^3` and `12%`; a comma is a separator of
    thousands, never a decimal point. Comparison is exact, without rounding, unless a tolerance is
    given: the answer is right when it is at most `max(absolute, relative × |reference|)` away.
    With a per-cent sign on one side only, both readings are tried (`50%` equals 50 and 0.5). An
    answer without a number is wrong; a reference without one is ungraded. Of a text as reference
    the last number counts; of a list as target, any.

    Attributes:
        absolute: tolerance in the unit of the reference.
        relative: tolerance as a share of the reference (0.01: one per cent).
        pick: which number of the answer counts: `last`, `first`, or `only` (more than one is
            wrong).
        fractions: read `3/4` as 0.75 instead of as the two numbers 3 and 4.
    """

    absolute: float = 0.0
    relative: float = 0.0
    pick: Literal["last", "first", "only"] = "last"
    fractions: bool = False

    name: ClassVar[str] = "numeric"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_tolerance("absolute", self.absolute)
        check_tolerance("relative", self.relative)

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by value."""
        wanted = self._references(case.target)
        if isinstance(wanted, Ungraded):
            return wanted
        found = _matches(answer.text, self.fractions)
        if not found:
            return Scored(0.0, None, "no number in the answer")
        if self.pick == "only" and len(found) > 1:
            return Scored(0.0, None, f"{len(found)} numbers in the answer where one was expected")
        said = _read(found[0] if self.pick == "first" else found[-1])
        if any(self._equal(said, reference) for reference in wanted):
            return Scored(1.0, said.text)
        expected = " or ".join(reference.text for reference in wanted)
        return Scored(0.0, said.text, f"read {said.text}; the reference is {expected}")

    def _references(self, target: Json) -> list[Read] | Ungraded:
        texts = Ungraded("") if isinstance(target, bool) else references(target)
        if isinstance(texts, Ungraded):
            return texts if texts.reason else Ungraded("the reference is no number")
        found = [_read(last[-1]) for text in texts if (last := _matches(text, self.fractions))]
        return found or Ungraded("there is no number in the reference")

    def _equal(self, said: Read, reference: Read) -> bool:
        pairs = [(said.value, reference.value)]
        if said.percent and not reference.percent:
            pairs.append((said.value / 100, reference.value))
        elif reference.percent and not said.percent:
            pairs.append((said.value, reference.value / 100))
        if not self.absolute and not self.relative:
            return any(x == y for x, y in pairs)
        absolute, relative = Fraction(self.absolute), Fraction(self.relative)
        return any(abs(x - y) <= max(absolute, relative * abs(y)) for x, y in pairs)


def read_numbers(text: str, fractions: bool = False) -> list[Read]:
    """The numbers in a text, in order.

    Args:
        text: any text.
        fractions: whether `3/4` and `\\frac{3}{4}` are one number each; otherwise two.
    """
    return [_read(match) for match in _matches(text, fractions)]


def _matches(text: str, fractions: bool) -> list["re.Match[str]"]:
    if not fractions:
        return list(_NUMBER.finditer(text))
    matches = _NUMBER_OR_FRACTION.finditer(_LATEX_FRACTION.sub(r"\1/\2", text))
    return [match for match in matches if match["over"] is None or match["over"].strip("0")]


def _read(match: "re.Match[str]") -> Read:
    parts = match.groupdict()
    value = Fraction(parts["digits"].replace(",", "") + (parts["exponent"] or ""))
    if parts["ten"]:
        value *= Fraction(10) ** int(parts["ten"].replace("−", "-"))
    if parts.get("over"):
        value /= int(parts["over"])
    signs = parts["sign"] + parts["inner"]
    if (signs.count("-") + signs.count("−")) % 2:
        value = -value
    return Read(value, parts["percent"] is not None, match[0].strip())
