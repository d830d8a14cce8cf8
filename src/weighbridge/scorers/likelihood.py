"""The scorer of answers that were chosen by likelihood."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.choice import right_letters

Normalise: TypeAlias = Literal["none", "tokens", "characters", "bytes"]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """1 when the right option is the likeliest of those the model chose among, else 0.

    For evaluations with `choose`. The same answers give accuracy without and with normalisation
    (`acc` and `acc_norm` of lm-evaluation-harness: `normalise: characters`), and the probability
    of the right option, by one scorer each. The reference is the text of an option, its letter, or
    its number; of a list, any is right. The label is the letter that was chosen, and
    `details.expected` the right one. A case without options, and a reference that is none of them,
    is ungraded.

    Attributes:
        normalise: what each log-likelihood is divided by: `none`, or the option's length in
            `tokens`, `characters` or `bytes` (of UTF-8, without the space before it).
        report: `right`, 1 or 0; or `probability`, the share of the right option among all:
            exp(log-likelihood) over their sum, after the division.
        first_number: the number that means A, for references that are numbers (0, as in most data
            sets, or 1).
    """

    normalise: Normalise = "none"
    report: Literal["right", "probability"] = "right"
    first_number: int = 0

    name: ClassVar[str] = "likelihood"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    needs_target: ClassVar[bool] = True

    @property
    def metric(self) -> Literal["accuracy", "mean"]:
        """`mean` for probabilities."""
        return "accuracy" if self.report == "right" else "mean"

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by log-likelihoods."""
        options = (answer.details or {}).get("options")
        if not isinstance(options, (list, tuple)) or not options:
            return Ungraded("the answer has no log-likelihoods: the evaluation has no `choose`")
        texts = {option["letter"]: option["text"] for option in options}
        letters = "".join(texts)
        target = case.target
        if isinstance(target, str) and target.strip().isdecimal() and target not in texts.values():
            target = int(target)  # cells of a csv file are text
        right = right_letters(target, letters, texts, self.first_number)
        if isinstance(right, Ungraded):
            return right
        chosen = best_option(options, self.normalise)
        if chosen is None:
            return Ungraded("no option has a log-likelihood")
        letter = letters[chosen]
        expected = letter if letter in right else min(right)
        share = shares(options, self.normalise)
        sure = math.fsum(share[letters.index(one)] for one in right)
        shown = ", ".join(f"{one} {part:.3f}" for one, part in zip(letters, share, strict=True))
        value = float(letter in right) if self.report == "right" else sure
        return Scored(value, letter, f"shares: {shown}"[:500], details={"expected": expected})


def best_option(options: Sequence[Mapping[str, Any]], normalise: Normalise) -> int | None:
    """Place of the likeliest of the options of an answer; of equals the first; None when none has
    a log-likelihood."""
    known = [
        (value, -place)
        for place, option in enumerate(options)
        if (value := _normalised(option, normalise)) is not None
    ]
    return -max(known)[1] if known else None


def shares(options: Sequence[Mapping[str, Any]], normalise: Normalise) -> list[float]:
    """Probability of each option, all together 1; 0 where it has no log-likelihood."""
    values = [_normalised(option, normalise) for option in options]
    most = max((value for value in values if value is not None), default=0.0)
    parts = [0.0 if value is None else math.exp(value - most) for value in values]
    whole = math.fsum(parts)
    return [part / whole if whole else 0.0 for part in parts]


def _normalised(option: Mapping[str, Any], normalise: Normalise) -> float | None:
    if option["logprob"] is None:
        return None
    length: int = {
        "none": 1,
        "tokens": option["tokens"],
        "characters": len(option["text"]),
        "bytes": len(option["text"].encode("utf-8", "replace")),
    }[normalise]
    return float(option["logprob"]) / max(1, length)
