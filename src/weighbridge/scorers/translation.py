"""Scorers of translations, as sacrebleu counts (Post 2018, https://aclanthology.org/W18-6319)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar, Literal, TypeAlias

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.effort import load, load_now, work_on
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.references import references
from weighbridge.scorers.threshold import Kind, check_threshold, kind_of, verdict

_LIBRARY = "sacrebleu.metrics"
_TOKENIZERS = ("13a", "char", "intl", "ter", "zh")
_AT_ONCE = 500
_LONGEST = 500_000
_MOST_TER_WORDS = 250

Measure: TypeAlias = tuple[str, tuple[tuple[str, Any], ...]]
"""Name and options of one of sacrebleu's metrics."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What sacrebleu says of one case: the score, and the counts it is made of, which can be added
    up over cases to score them as one text."""

    score: float
    counts: list[float]


@dataclass(frozen=True, slots=True)
class Bleu:
    """BLEU of the answer against the reference translations, 0 to 1: sacrebleu's divided by 100.

    Shared runs of one to four words (Papineni et al. 2002, https://aclanthology.org/P02-1040), for
    each case by itself: smoothed, and with the effective order where a text is shorter than the
    longest run. Several references count together, as BLEU defines. The metric is the mean of the
    cases' scores. The BLEU of all cases as one text, as papers report it, stands with an interval
    in the report's breakdown, under `corpus`.

    Attributes:
        tokenize: how texts become words: `13a` (as mteval-v13a, for most languages), `intl`
            (Unicode's punctuation), `zh` (Chinese), `char` (each character is a word), `none`
            (split at white space).
        lowercase: upper and lower case are the same.
        smooth: what to do about runs never shared: `exp`, `floor`, `add-k` or `none` (Chen and
            Cherry 2014, https://aclanthology.org/W14-3346, methods 3, 1, 2 and none).
        order: the longest run that is counted, 1 to 9.
        threshold: from this score on the answer counts as right (1), else as wrong (0); unset: the
            score itself.
    """

    tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a"
    lowercase: bool = False
    smooth: Literal["exp", "floor", "add-k", "none"] = "exp"
    order: int = 4
    threshold: float | None = None

    name: ClassVar[str] = "bleu"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_order("order", self.order, 1)
        check_threshold(self.threshold)

    @property
    def metric(self) -> Kind:
        """`accuracy` with a threshold."""
        return kind_of(self.threshold)

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by shared runs of words."""
        found = await _found(self._measure(), answer, case)
        if isinstance(found, Ungraded):
            return found
        return verdict(found.score, self.threshold, {"counts": found.counts})

    def of_counts(self, counts: Sequence[float]) -> float:
        """BLEU of all cases as one text, 0 to 1, from the sums of their counts; as sacrebleu
        scores a corpus, without the effective order."""
        return _pooled(_made(self._measure(effective_order=False)), counts)

    def _measure(self, effective_order: bool = True) -> Measure:
        return _measure(
            "BLEU",
            tokenize=self.tokenize,
            lowercase=self.lowercase,
            smooth_method=self.smooth,
            max_ngram_order=self.order,
            effective_order=effective_order,
        )


@dataclass(frozen=True, slots=True)
class Chrf:
    """chrF of the answer against the reference translations, 0 to 1: sacrebleu's divided by 100.

    F-score over shared runs of characters (Popović 2015, https://aclanthology.org/W15-3049), white
    space left out; with `word_order: 2` it is chrF++. That of all cases as one text stands in the
    report's breakdown, under `corpus`. Suits languages with rich endings, and those
    that write no spaces. Of several references the best counts.

    Attributes:
        char_order: the longest run of characters, 1 to 9.
        word_order: the longest run of words, 0 to 9: 0 for chrF, 2 for chrF++.
        beta: how much more recall counts than precision, 1 to 9.
        lowercase: upper and lower case are the same.
        whitespace: white space counts as a character, too.
        threshold: from this score on the answer counts as right (1), else as wrong (0); unset: the
            score itself.
    """

    char_order: int = 6
    word_order: int = 0
    beta: int = 2
    lowercase: bool = False
    whitespace: bool = False
    threshold: float | None = None

    name: ClassVar[str] = "chrf"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_order("char_order", self.char_order, 1)
        _check_order("word_order", self.word_order, 0)
        _check_order("beta", self.beta, 1)
        check_threshold(self.threshold)

    @property
    def metric(self) -> Kind:
        """`accuracy` with a threshold."""
        return kind_of(self.threshold)

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by shared runs of characters."""
        found = await _found(self._measure(), answer, case)
        if isinstance(found, Ungraded):
            return found
        return verdict(found.score, self.threshold, {"counts": found.counts})

    def of_counts(self, counts: Sequence[float]) -> float:
        """chrF of all cases as one text, 0 to 1, from the sums of their counts."""
        return _pooled(_made(self._measure()), counts)

    def _measure(self) -> Measure:
        options = asdict(self)
        del options["threshold"]
        return _measure("CHRF", **options)


@dataclass(frozen=True, slots=True)
class Ter:
    """Translation edit rate: edits needed per word of the reference, 0 or more; lower is better.

    Words inserted, deleted, replaced, and runs of words moved, as sacrebleu counts (Snover et al.
    2006, https://aclanthology.org/2006.amta-papers.25), divided by 100. Of several references the
    one with the fewest edits counts, over their mean length. The rate over all cases stands in the
    report's breakdown, under `corpus`. For sentences: a text of more than 250
    words is ungraded, because the time it takes grows with the fourth power.

    Attributes:
        case_sensitive: upper and lower case differ.
        normalized: split punctuation off, as Tercom's `-N`.
        no_punct: leave punctuation out.
        asian: treat Chinese, Japanese and Korean signs as words.
    """

    case_sensitive: bool = False
    normalized: bool = False
    no_punct: bool = False
    asian: bool = False

    name: ClassVar[str] = "ter"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = (0.0, math.inf)
    metric: ClassVar[Kind] = "mean"
    lower_is_better: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by edits."""
        found = await _found(self._measure(), answer, case, _too_many_words)
        if isinstance(found, Ungraded):
            return found
        return Scored(found.score, details={"counts": found.counts})

    def of_counts(self, counts: Sequence[float]) -> float:
        """TER of all cases as one text, 0 or more, from the sums of their counts."""
        return _pooled(_made(self._measure()), counts)

    def _measure(self) -> Measure:
        return _measure(
            "TER",
            case_sensitive=self.case_sensitive,
            normalized=self.normalized,
            no_punct=self.no_punct,
            asian_support=self.asian,
        )


def _measure(name: str, **options: Any) -> Measure:
    return name, tuple(options.items())


async def _found(
    measure: Measure,
    answer: Answer,
    case: Case,
    refuse: Callable[[Any, tuple[str, ...]], Ungraded | None] | None = None,
) -> _Found | Ungraded:
    accepted = references(case.target)
    if isinstance(accepted, Ungraded):
        return accepted
    size = len(answer.text) + sum(map(len, accepted))
    if size > _LONGEST:
        return Ungraded(f"answer and reference have {size:,} characters, over {_LONGEST:,}")
    await load(_LIBRARY)
    made = _made(measure)
    if refuse is not None and (refused := refuse(made, (answer.text, *accepted))):
        return refused
    return await work_on(size, _AT_ONCE, _of_sentence, made, answer.text, accepted)


@cache
def _made(measure: Measure) -> Any:
    name, options = measure
    return getattr(load_now(_LIBRARY), name)(**dict(options))


def _of_sentence(made: Any, text: str, accepted: tuple[str, ...]) -> _Found:
    # The two steps of its `sentence_score`, which would not give the counts away.
    try:
        (counts,) = made._extract_corpus_statistics([text], [[one] for one in accepted])
    finally:
        _forget_texts()
    return _Found(_pooled(made, counts), [float(count) for count in counts])


def _pooled(made: Any, counts: Sequence[float]) -> float:
    """The score that these counts make, divided by 100; TER alone may be above 1."""
    score = float(made._compute_score_from_stats(list(counts)).score) / 100
    # Logarithms and back make 1.0000000000000004 of equal texts.
    return round(score, 12)


def _forget_texts() -> None:
    """sacrebleu keeps the last 65,536 texts and their words: of long texts that is gigabytes."""
    for keeper in _keepers():
        if keeper.cache_info().currsize > 100:
            keeper.cache_clear()


@cache
def _keepers() -> tuple[Any, ...]:
    modules = (load_now(f"sacrebleu.tokenizers.tokenizer_{name}") for name in (*_TOKENIZERS, "re"))
    return tuple(
        made.__call__
        for module in modules
        for made in vars(module).values()
        if isinstance(made, type) and hasattr(made.__call__, "cache_clear")
    )


def _too_many_words(made: Any, texts: tuple[str, ...]) -> Ungraded | None:
    words = max(len(made._preprocess_segment(text).split()) for text in texts)
    if words <= _MOST_TER_WORDS:
        return None
    return Ungraded(f"a text has {words:,} words; ter takes up to {_MOST_TER_WORDS}")


def _check_order(option: str, value: int, least: int) -> None:
    if not least <= value <= 9:
        raise OptionError(option, f"must be {least} to 9, not {value}")
