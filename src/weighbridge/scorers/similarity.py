"""Scorers of similarity: by edits of the text, and by its meaning as an embedding has it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import ClassVar, Literal

from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Outcome, Ungraded
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.effort import load, load_now, work_on
from weighbridge.scorers.panel import Panel
from weighbridge.scorers.references import normal_form, references
from weighbridge.scorers.threshold import Kind, check_threshold, kind_of, verdict

_AT_ONCE = 5_000_000
_MOST_PAIRS = 10_000_000_000

_MEASURES = {
    "levenshtein": ("rapidfuzz.distance.Levenshtein", "normalized_similarity", 1.0),
    "indel": ("rapidfuzz.distance.Indel", "normalized_similarity", 1.0),
    "jaro_winkler": ("rapidfuzz.distance.JaroWinkler", "normalized_similarity", 1.0),
    "token_sort": ("rapidfuzz.fuzz", "token_sort_ratio", 100.0),
    "token_set": ("rapidfuzz.fuzz", "token_set_ratio", 100.0),
}
"""Measure → module, function, and what it says of two equal texts."""


@dataclass(frozen=True, slots=True)
class Edit:
    """How little the answer must be edited to become the reference, 0 to 1.

    As rapidfuzz measures. White space around either is left out, and accents may be composed or
    not. Of a list of references the closest counts. Answer and reference may have 100,000
    characters each (their product 10 thousand million).

    Attributes:
        measure: `levenshtein`, 1 − edits / length of the longer text, an edit being one character
            inserted, deleted or replaced; `indel`, the same without replacing, over both lengths;
            `jaro_winkler`, for names and short words, whose beginnings count more; `token_sort`,
            `indel` with the words sorted, so that their order does not count; `token_set`, with
            words common to both set apart, so that words too many count little.
        ignore_case: upper and lower case are the same.
        threshold: from this score on the answer counts as right (1), else as wrong (0); unset: the
            score itself.
    """

    measure: Literal["levenshtein", "indel", "jaro_winkler", "token_sort", "token_set"] = (
        "levenshtein"
    )
    ignore_case: bool = False
    threshold: float | None = None

    name: ClassVar[str] = "edit"
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
        """Grade by edits."""
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        said = self._compared(answer.text)
        wanted = [self._compared(text) for text in accepted]
        pairs = len(said) * sum(map(len, wanted))
        if pairs > _MOST_PAIRS:
            longest = max(map(len, wanted))
            return Ungraded(
                f"an answer of {len(said):,} and a reference of {longest:,} characters are too "
                "long to be compared"
            )
        module, function, whole = _MEASURES[self.measure]
        measure = getattr(await load(module), function)
        best = await work_on(pairs, _AT_ONCE, _closest, measure, said, wanted, pairs > _AT_ONCE)
        return verdict(best / whole, self.threshold)

    def _compared(self, text: str) -> str:
        text = normal_form(text).strip()
        return text.casefold() if self.ignore_case else text


def _closest(measure: Callable[..., float], said: str, wanted: list[str], long: bool) -> float:
    if not long:
        return max(measure(said, text) for text in wanted)
    # The same function over arrays: this way it lets other threads run meanwhile.
    process, numpy = load_now("rapidfuzz.process"), load_now("numpy")
    found = process.cpdist([said] * len(wanted), wanted, scorer=measure, dtype=numpy.float64)
    return float(max(found))


@dataclass(frozen=True, slots=True)
class Cosine:
    """Closeness in meaning of the answer to the reference: the cosine of their embeddings, −1 to 1.

    A model makes the embeddings, answer and references in one call; of several references the
    closest counts. The default, `embedded`, averages the vectors of the words: it knows related
    words, and neither order nor negation ("is safe" and "is not safe" are close to it). An answer
    or a reference without any word it knows is ungraded.

    Attributes:
        model: the model that makes the embeddings.
        threshold: from this cosine on the answer counts as right (1), else as wrong (0); unset: the
            cosine itself. What is close differs from model to model.
        clip: negative cosines count as 0, so that scores lie between 0 and 1.
    """

    model: str = "embedded"
    threshold: float | None = None
    clip: bool = False

    name: ClassVar[str] = "cosine"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = (-1.0, 1.0)
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_threshold(self.threshold, -1.0)

    @property
    def metric(self) -> Kind:
        """`accuracy` with a threshold."""
        return kind_of(self.threshold)

    @property
    def asks(self) -> tuple[str | None, ...]:
        """The one model."""
        return (self.model,)

    @property
    def wording(self) -> JsonObject:
        """Nothing is worded."""
        return {}

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        """Grade by the angle between embeddings."""
        accepted = references(case.target)
        if isinstance(accepted, Ungraded):
            return accepted
        if not answer.text.strip():
            return Ungraded("the answer is empty: it has no direction to compare")
        found = await panel.embed(self.model, [answer.text, *accepted])
        said, *wanted = found.vectors
        cosines = [cosine for vector in wanted if (cosine := cosine_of(said, vector)) is not None]
        if not cosines:
            return Ungraded("the embedding of the answer or of the reference has no direction")
        judge = panel.model(self.model).name
        nearest = max(0.0, *cosines) if self.clip else max(cosines)
        return verdict(nearest, self.threshold, {"judge": judge})


def cosine_of(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The cosine of the angle between two vectors of one length, −1 to 1; None when one of them is
    zero or not finite."""
    product = math.fsum(map(mul, one, other))
    lengths = math.hypot(*one) * math.hypot(*other)
    if not (math.isfinite(product) and math.isfinite(lengths)) or lengths == 0:
        return None
    return max(-1.0, min(1.0, product / lengths))
