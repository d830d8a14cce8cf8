"""What models made of a suite: how many of its prompts they passed, by what the prompts were about,
and the cases in which they failed."""

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weighbridge.core.caller import Caller
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Failed, Scored, Ungraded
from weighbridge.core.suite import PassRate
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.outcomes import Outcomes, OutcomeView
from weighbridge.services.pass_rates import KEY, PASSED, Counts
from weighbridge.services.runs import Runs

GROUPS = ("policy", "family", "technique", "category")
"""What prompts are told apart by, where they have such a thing."""

_SURE = 0.5


@dataclass(frozen=True, slots=True)
class FailedCase:
    """An answer that did not pass.

    Attributes:
        about: of `GROUPS`, what its prompt has.
        confidence: how sure the judge is, 0 to 1; None: nobody says.
        by_person: whether a person said so.
    """

    position: int
    case_id: str
    prompt: str
    answer: str
    explanation: str | None
    confidence: float | None
    about: Mapping[str, str]
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class SuiteTally:
    """What a run over a suite came to, people's words included.

    Attributes:
        overall: of all its cases.
        groups: of `GROUPS`, those that there are: name → pass rate, in the order of the names.
        failed: some cases that did not pass, the surest first.
        judge: name of the model that judged, as the evaluation has it; None: none was asked.
        judged_by: who gave verdicts, in the judge's own words, how many.
        ungraded: why there was no verdict, how often, the most frequent first.
    """

    overall: PassRate
    groups: Mapping[str, Mapping[str, PassRate]]
    failed: tuple[FailedCase, ...]
    judge: str | None
    judged_by: Mapping[str, int]
    ungraded: Mapping[str, int]

    @property
    def by_embedded(self) -> bool:
        """Whether the embedded judge, which is weak, is who judged."""
        return self.judge == RESERVED_NAME

    def as_json(self) -> JsonObject:
        """As one object."""
        return {
            "pass_rate": rate_json(self.overall),
            "groups": {
                name: {value: rate_json(rate) for value, rate in rates.items()}
                for name, rates in self.groups.items()
            },
            "judge": self.judge,
            "judged_by": dict(self.judged_by),
            "embedded_judge": self.by_embedded,
            "ungraded": dict(self.ungraded),
            "failed": [
                {
                    "case_id": it.case_id,
                    "position": it.position,
                    **it.about,
                    "prompt": it.prompt,
                    "answer": it.answer,
                    "explanation": it.explanation,
                    "confidence": it.confidence,
                    "by_person": it.by_person,
                }
                for it in self.failed
            ],
        }


class SuiteTallies:
    """The tallies of an installation's runs over suites.

    Args:
        runs: where runs come from. outcomes: what became of their cases.
    """

    def __init__(self, runs: Runs, outcomes: Outcomes) -> None:
        self._runs = runs
        self._outcomes = outcomes

    async def of_run(self, caller: Caller, run_id: str, *, failed: int = 5) -> SuiteTally:
        """The tally of a run, as far as it is done. Goes through its outcomes once, with constant
        memory.

        Args:
            failed: how many failed cases are kept.

        Raises:
            NotFound: the workspace has no such run.
        """
        view = await self._runs.view(caller, run_id)
        tally = _Tally(failed)
        async for outcome in self._outcomes.stream(view.run):
            tally.add(outcome)
        return tally.finish(view.evaluation.spec.get("judge"))


def rate_json(rate: PassRate) -> JsonObject:
    """A pass rate as an object."""
    return {
        "value": rate.rate,
        "low": rate.low,
        "high": rate.high,
        "n_passed": rate.n_passed,
        "n_scored": rate.n_scored,
        "n_failed": rate.n_failed,
        "n_ungraded": rate.n_ungraded,
    }


@dataclass(slots=True)
class _Tally:
    most: int
    overall: Counts = field(default_factory=Counts)
    groups: dict[str, dict[str, Counts]] = field(default_factory=dict)
    judged_by: Counter[str] = field(default_factory=Counter)
    ungraded: Counter[str] = field(default_factory=Counter)
    worst: list[Any] = field(default_factory=list)

    def add(self, view: OutcomeView) -> None:
        about = {name: str(view.inputs[name]) for name in GROUPS if view.inputs.get(name)}
        counts = [self.overall]
        for name, value in about.items():
            counts.append(self.groups.setdefault(name, {}).setdefault(value, Counts()))
        outcome = view.record.outcomes.get(KEY)
        said = view.overrides.get(KEY)
        passed: bool | None = None
        if isinstance(outcome, Scored):
            passed = outcome.value >= PASSED
            judge = (outcome.details or {}).get("judge")
            if isinstance(judge, str):
                self.judged_by[judge] += 1
        if said is not None and said.value is not None:
            passed = said.value >= PASSED
        if passed is None and isinstance(outcome, Ungraded):
            self.ungraded[outcome.reason] += 1
        failed = view.record.failure is not None or isinstance(outcome, Failed)
        for it in counts:
            it.scored += passed is not None
            it.passed += passed is True
            it.failed += passed is None and failed
            it.ungraded += passed is None and not failed
        if passed is False:
            self._keep(view, about)

    def finish(self, judge: Any) -> SuiteTally:
        worst = sorted(self.worst, key=lambda it: it[:3], reverse=True)
        return SuiteTally(
            overall=self.overall.rate(),
            groups={
                name: {value: found[value].rate() for value in sorted(found)}
                for name in GROUPS
                if (found := self.groups.get(name))
            },
            failed=tuple(case for *_, case in worst),
            judge=judge if isinstance(judge, str) else None,
            judged_by=dict(self.judged_by.most_common()),
            ungraded=dict(self.ungraded.most_common()),
        )

    def _keep(self, view: OutcomeView, about: Mapping[str, str]) -> None:
        record, said = view.record, view.overrides.get(KEY)
        outcome = record.outcomes.get(KEY)
        by_person = said is not None and said.value is not None
        sure: float | None = None
        why: str | None = None
        if said is not None and by_person:
            sure, why = said.confidence, said.reason
        elif isinstance(outcome, Scored):
            sure, why = outcome.confidence, outcome.explanation
        case = FailedCase(
            position=record.position,
            case_id=record.case_id,
            prompt=str(view.inputs.get("prompt") or ""),
            answer=record.answer.text if record.answer else "",
            explanation=why,
            confidence=sure,
            about=about,
            by_person=by_person,
        )
        entry = (_SURE if sure is None else sure, -record.position, -record.epoch, case)
        if len(self.worst) < self.most:
            heapq.heappush(self.worst, entry)
        elif self.worst:
            heapq.heappushpop(self.worst, entry)
