"""The scorer of summaries, ROUGE, as Google's rouge-score counts."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome, Ungraded
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.effort import load, load_now, work_on
from weighbridge.scorers.references import references
from weighbridge.scorers.threshold import Kind, check_threshold, kind_of, verdict

_LIBRARY = "rouge_score.rouge_scorer"
_WORD = re.compile(r"[a-z0-9]+")
_AT_ONCE = 200
_LONGEST = 1_000_000
_MOST_PAIRS = 4_000_000


@dataclass(frozen=True, slots=True)
class Rouge:
    """ROUGE of the answer against the reference summary, 0 to 1, as the rouge-score package counts.

    `rouge1` and `rouge2` are shared words and pairs of words, `rougeL` the longest common
    subsequence of words, `rougeLsum` the same line by line (Lin 2004,
    https://aclanthology.org/W04-1013). Of several references the one with the best F-measure
    counts. Words are runs of the letters a to z and of digits, upper and lower case the same: a
    reference without any (Chinese, Russian) is ungraded, and `chrf` suits such languages. For
    `rougeL` and `rougeLsum` the words of answer and reference, multiplied, may be 4 million.

    Attributes:
        variant: `rouge1`, `rouge2`, `rougeL` or `rougeLsum`.
        report: which number is the score: `fmeasure`, `precision` or `recall`; all three are in the
            details.
        stemmer: words are compared by their stems (Porter's, English).
        threshold: from this score on the answer counts as right (1), else as wrong (0); unset: the
            score itself.
    """

    variant: Literal["rouge1", "rouge2", "rougeL", "rougeLsum"] = "rougeL"
    report: Literal["fmeasure", "precision", "recall"] = "fmeasure"
    stemmer: bool = False
    threshold: float | None = None

    name: ClassVar[str] = "rouge"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_threshold(self.threshold)

    @property
    def metric(self) -> Kind:
        """`accuracy` with a threshold."""
        return kind_of(self.threshold)

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by shared words or their order."""
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        size = len(answer.text) + sum(map(len, accepted))
        if size > _LONGEST:
            return Ungraded(f"answer and reference have {size:,} characters, over {_LONGEST:,}")
        said = _count_words(answer.text)
        wanted = [_count_words(text) for text in accepted]
        if not all(wanted):
            return Ungraded("the reference has no word of letters a to z or digits")
        if self.variant in ("rougeL", "rougeLsum") and said * max(wanted) > _MOST_PAIRS:
            return Ungraded(
                f"{said:,} words of the answer times {max(wanted):,} of the reference are over "
                f"{_MOST_PAIRS:,}"
            )
        await load(_LIBRARY)
        scorer = _scorer(self.variant, self.stemmer)
        found = await work_on(size, _AT_ONCE, scorer.score_multi, accepted, answer.text)
        numbers = {name: float(value) for name, value in found[self.variant]._asdict().items()}
        return verdict(numbers[self.report], self.threshold, numbers)


def _count_words(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text.lower()))


@cache
def _scorer(variant: str, stemmer: bool) -> Any:
    return load_now(_LIBRARY).RougeScorer([variant], use_stemmer=stemmer)
