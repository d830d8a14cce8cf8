"""From a stream of scored responses to the digest that a report is written from."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

import xxhash

from weighbridge.core.digest import Digest, Group, GroupedBy, Reviewed, Sample, Spread
from weighbridge.core.suite import CATEGORIES, PassRate, ScoredResponse
from weighbridge.statistics import proportion_interval

ACCURACY: Final = "accuracy"
ELSE = "other"
"""The group of prompts of which nothing is known, and of those that are one too many."""
MOST_GROUPS = 60
SAMPLES = 3
"""How many passing and failing responses of a group are kept, at most."""

_LONGEST_PROMPT, _LONGEST_ANSWER, _LONGEST_EXPLANATION, _LONGEST_AI = 400, 700, 400, 600
_MOST_JUDGES = 50
# Where a prompt's `about` says what it is for; the one that stands first where attacks are the
# matter, and otherwise the last.
_KINDS: tuple[tuple[str, GroupedBy], ...] = (
    ("family", "attack"),
    ("policy", "policy"),
    ("topic", "topic"),
)
_Kept: TypeAlias = tuple[int, int, Sample]  # minus its place in the sample, its number, itself


def pass_rate(
    passed: int, scored: int, *, ungraded: int = 0, failed: int = 0, excluded: int = 0
) -> PassRate:
    """A pass rate with Wilson's 95 % interval.

    Args:
        passed: how many of the `scored`.

    Raises:
        ValueError: more passed than were scored.
    """
    interval = proportion_interval(passed, scored)
    return PassRate(
        rate=passed / scored if scored else None,
        low=interval.low,
        high=interval.high,
        n_passed=passed,
        n_scored=scored,
        n_ungraded=ungraded,
        n_failed=failed,
        n_excluded=excluded,
    )


class DigestBuilder:
    """Takes the responses of a scoring in any order, gives its digest.

    The responses that stand for others are those of a group with the lowest hashes of their
    numbers: the same whenever it is done again, and no matter in which order they come. Memory
    does not grow with the number of responses.

    Args:
        kind: slug of the suite's type.
        attacks: whether its prompts are attacks, so that the kind of attack groups them.
        samples: how many passing and failing responses of a group are kept, at most.
    """

    def __init__(self, kind: str, *, attacks: bool = False, samples: int = SAMPLES) -> None:
        self._kind = kind
        self._attacks = attacks
        self._samples = samples
        self._groups: dict[str, _Tally] = {}
        self._by: set[GroupedBy] = set()
        self._judges: Counter[str] = Counter()
        self._overridden = 0

    def add(self, responses: Iterable[ScoredResponse]) -> None:
        """Take some; of each response one."""
        for scored in responses:
            name, by = self._group_of(scored)
            tally = self._groups.get(name)
            if tally is None:
                if len(self._groups) >= MOST_GROUPS:
                    name = ELSE
                tally = self._groups.setdefault(name, _Tally(self._samples))
            if by is not None:
                self._by.add(by)
            tally.add(scored)
            self._count_judge(scored)

    def finish(
        self,
        *,
        scoring_id: str,
        suite: str,
        name: str,
        ai: str,
        reviewed: Reviewed | None = None,
        prompts: Spread | None = None,
    ) -> Digest:
        """The digest.

        Args:
            suite, name: names of the suite and of the scoring.
            ai: who answered.
            reviewed: what people's overrides tell.
            prompts: how different the prompts are.
        """
        order = {category: place for place, category in enumerate(CATEGORIES)}
        names = sorted(self._groups, key=lambda it: (it == ELSE, order.get(it, len(order)), it))
        groups = [replace(self._groups[name].group(), name=name) for name in names]
        rates = [group.rate for group in groups]
        return Digest(
            scoring_id=scoring_id,
            kind=self._kind,
            suite=suite,
            name=name,
            ai=excerpt(ai, _LONGEST_AI),
            rate=pass_rate(
                sum(it.n_passed for it in rates),
                sum(it.n_scored for it in rates),
                ungraded=sum(it.n_ungraded for it in rates),
                failed=sum(it.n_failed for it in rates),
                excluded=sum(it.n_excluded for it in rates),
            ),
            by=self._by.pop() if len(self._by) == 1 else "group",
            groups=tuple(groups),
            judges=dict(self._judges.most_common()),
            n_overridden=self._overridden,
            reviewed=reviewed,
            prompts=prompts,
        )

    def _group_of(self, scored: ScoredResponse) -> tuple[str, GroupedBy | None]:
        about: Mapping[str, object] = scored.prompt.about
        category = (scored.prompt.category or "").strip()
        if self._kind == ACCURACY:
            return category or ELSE, "category"
        for key, by in _KINDS if self._attacks else (*_KINDS[1:], _KINDS[0]):
            said = about.get(key)
            if isinstance(said, str) and said.strip():
                return said.strip(), by
        return (category, "category") if category else (ELSE, None)

    def _count_judge(self, scored: ScoredResponse) -> None:
        verdict = scored.verdict
        if verdict.overridden_at is not None:
            self._overridden += 1
        elif verdict.passed is not None and verdict.judge:
            known = verdict.judge in self._judges or len(self._judges) < _MOST_JUDGES
            self._judges[verdict.judge if known else ELSE] += 1


class _Tally:
    """The responses of one group, counted."""

    def __init__(self, samples: int) -> None:
        self._most = samples
        self._n: Counter[str] = Counter()
        self._kept: dict[bool, list[_Kept]] = {True: [], False: []}

    def add(self, scored: ScoredResponse) -> None:
        verdict = scored.verdict
        if scored.response.excluded:
            self._n["excluded"] += 1
        elif verdict.passed is None:
            self._n["failed" if verdict.failed else "ungraded"] += 1
        else:
            self._n["passed" if verdict.passed else "fell"] += 1
            self._n["refusals"] += verdict.passed and scored.response.refused
            self._keep(scored, verdict.passed)

    def group(self) -> Group:
        n = self._n
        return Group(
            name="",
            rate=pass_rate(
                n["passed"],
                n["passed"] + n["fell"],
                ungraded=n["ungraded"],
                failed=n["failed"],
                excluded=n["excluded"],
            ),
            refusals=n["refusals"],
            passing=self._sampled(True),
            failing=self._sampled(False),
        )

    def _keep(self, scored: ScoredResponse, passed: bool) -> None:
        kept, number = self._kept[passed], scored.response.number
        place = -xxhash.xxh3_64_intdigest(b"%d" % number)
        if len(kept) < self._most:
            heapq.heappush(kept, (place, number, _sample(scored)))
        elif kept and place > kept[0][0]:
            heapq.heapreplace(kept, (place, number, _sample(scored)))

    def _sampled(self, passed: bool) -> tuple[Sample, ...]:
        return tuple(sample for _, _, sample in sorted(self._kept[passed], reverse=True))


def _sample(scored: ScoredResponse) -> Sample:
    response, verdict = scored.response, scored.verdict
    answer = response.text or ""
    if not answer.strip():
        answer = "(it refused)" if response.refused else f"(a file: {response.medium})"
    explanation = verdict.explanation
    return Sample(
        prompt=excerpt(scored.prompt.content, _LONGEST_PROMPT),
        answer=excerpt(answer, _LONGEST_ANSWER, around=next(iter(verdict.evidence), None)),
        explanation=excerpt(explanation, _LONGEST_EXPLANATION) if explanation else None,
        overridden=verdict.overridden_at is not None,
    )


def excerpt(text: str, most: int, around: str | None = None) -> str:
    """A text in one line, cut where it is long.

    Args:
        most: characters that it may have, at least 3.
        around: a part that is to be in the excerpt, where the text has it.
    """
    line = _one_line(text[: most * 50])
    if len(line) <= most:
        return line if len(text) <= most * 50 else line[: most - 1] + "…"
    start = 0
    if around:
        found = line.find(_one_line(around))
        # A third of the excerpt stands before the part, so that it is understood.
        start = min(max(0, found - most // 3), len(line) - most)
    cut = line[start : start + most]
    if start:
        cut = "…" + cut[1:]
    return cut if start + most == len(line) else cut[:-1] + "…"


def _one_line(text: str) -> str:
    return " ".join("".join(it if it.isprintable() else " " for it in text).split())
