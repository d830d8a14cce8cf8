"""Questions about a ground truth: which passages they are about, what the bank can ask of it, and
whether what a model wrote is a question of its category."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from weighbridge.core.suite import CATEGORIES, DECLINED, SuiteRequest
from weighbridge.documents.passages import LEAST, passages
from weighbridge.errors import Invalid
from weighbridge.generation.dealing import shuffled
from weighbridge.generation.gaps import GapQuestion, any_gap, gap_questions, names
from weighbridge.generation.phrasing import Base
from weighbridge.generation.replies import form, stands_in

_MOST_GAPS = 2_000
_LONGEST_EXPECTED = 2_000


@dataclass(frozen=True, slots=True)
class Truth:
    """What can be asked about a ground truth.

    Attributes:
        passages: of it, in order, at least one.
        gaps: sentences with a gap, each with the passage it stands in, in order, at least one.
        names: what it is about, what it speaks of most first, at least one.
    """

    passages: tuple[str, ...]
    gaps: tuple[tuple[GapQuestion, str], ...]
    names: tuple[str, ...]


def truth_of(request: SuiteRequest) -> Truth:
    """What can be asked about the ground truth of a request.

    Raises:
        Invalid: there is none, or it says too little.
    """
    if request.ground_truth is None or not request.ground_truth.strip():
        raise Invalid("questions of a suite about accuracy need a ground truth: the text they ask")
    return _read(request.ground_truth)


def passage_of(request: SuiteRequest, count: int) -> Sequence[str]:
    """The passage that each of that many prompts is about: spread over the whole ground truth,
    and every category over all of them."""
    found = truth_of(request).passages
    if count < len(found):
        found = tuple(found[at * len(found) // count] for at in range(count))
    dealt = shuffled(request, "passages", found)
    together = math.lcm(len(dealt), len(CATEGORIES))
    return [dealt[(at + at // together) % len(dealt)] for at in range(count)]


def bases_of(request: SuiteRequest, category: str) -> list[Base]:
    """What the bank can ask in a category."""
    truth = truth_of(request)
    main = truth.names[0]
    if category == "irrelevant":
        return [Base({})]
    if category in DECLINED:
        found = shuffled(request, f"names {category}", truth.names)
        return [Base({"topic": name, "name": main}) for name in found]
    return [
        _gap_base(gap, passage, truth.names)
        for gap, passage in shuffled(request, f"gaps {category}", truth.gaps)
    ]


def problem_of(category: str, passage: str, fields: Mapping[str, str]) -> str | None:
    """Why a question that a model wrote will not do; None: it will.

    Args:
        fields: `expected` and `quote` of its reply, "" where they are missing.
    """
    if category in DECLINED:
        return None
    if not fields["expected"]:
        return "the reply has no expected answer"
    if len(fields["expected"]) > _LONGEST_EXPECTED:
        return "its expected answer is too long"
    quote = form(fields["quote"])
    if not quote:
        return "the reply has no quote"
    return None if stands_in(quote, form(passage)) else "its quote does not stand in the passage"


def _gap_base(gap: GapQuestion, passage: str, topics: Sequence[str]) -> Base:
    # What the question speaks of must not give its answer away.
    others = [name for name in topics if not _overlap(name, gap.answer)]
    inside = [name for name in others if name in gap.with_gap]
    topic = (inside or others or [gap.quote.split()[0]])[0]
    return Base(
        {"gap": gap.with_gap, "quote": gap.with_gap, "topic": topic, "name": topic},
        {"passage": passage, "expected": gap.answer},
        gap.quote,
    )


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one


@lru_cache(maxsize=4)
def _read(text: str) -> Truth:
    found = passages(text)
    gaps: list[tuple[GapQuestion, str]] = []
    for passage in found:
        if len(gaps) < _MOST_GAPS and len(passage) >= LEAST:
            gaps += [(gap, passage) for gap in gap_questions(passage, "")]
    if not gaps:
        for passage in found:
            gap = any_gap(passage) if len(passage) >= LEAST else None
            if gap is not None:
                gaps.append((gap, passage))
    about = names(text)
    long = tuple(passage for passage in found if len(passage) >= LEAST)
    if not long or not gaps or not about:
        raise Invalid(
            "the ground truth says too little to be asked about: it needs a passage of "
            f"{LEAST} characters with whole sentences"
        )
    return Truth(long, tuple(gaps), tuple(about))
