"""What models made of a suite: how many of its prompts they passed, by what the prompts were about,
and the cases in which they failed."""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weighbridge.core.caller import Caller
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Failed, Scored, Ungraded
from weighbridge.core.run import FINISHED, Run
from weighbridge.core.suite import PassRate
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.outcomes import Outcomes, OutcomeView
from weighbridge.services.pass_rates import KEY, PASSED, Counts
from weighbridge.services.runs import Runs

GROUPS = ("policy", "family", "technique", "category")
"""What prompts are told apart by, where they have such a thing."""

UNSURE = 0.6
"""A judge that is less sure of a verdict than this is worth a look."""

_SURE = 0.5
_KEPT = 64


@dataclass(frozen=True, slots=True)
class FailedCase:
    """An answer that did not pass.

    Attributes:
        about: of `GROUPS`, what its prompt has.
        confidence: how sure the judge is, 0 to 1; None: nobody says.
        by_person: whether a person said so.
        run_id: of the run that it is a case of.
    """

    position: int
    case_id: str
    prompt: str
    answer: str
    explanation: str | None
    confidence: float | None
    about: Mapping[str, str]
    by_person: bool = False
    run_id: str = ""


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
        confidence: how sure the judge is on average, 0 to 1; None: it never said.
        unsure: verdicts of which it is less sure than `UNSURE`.
        refused: answers that declined, as far as whoever handed them in says so.
        overridden: verdicts that are a person's.
        alone: what the judge by itself found; None: nobody counted.
    """

    overall: PassRate
    groups: Mapping[str, Mapping[str, PassRate]]
    failed: tuple[FailedCase, ...]
    judge: str | None
    judged_by: Mapping[str, int]
    ungraded: Mapping[str, int]
    confidence: float | None = None
    unsure: int = 0
    refused: int = 0
    overridden: int = 0
    alone: PassRate | None = None

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
        self._known: OrderedDict[tuple[object, ...], SuiteTally] = OrderedDict()

    async def of_run(self, caller: Caller, run_id: str, *, failed: int = 5) -> SuiteTally:
        """The tally of a run, as far as it is done. Goes through its outcomes once, with constant
        memory.

        Args:
            failed: how many failed cases are kept.

        Raises:
            NotFound: the workspace has no such run.
        """
        return await self.of_runs(caller, [run_id], failed=failed)

    async def of_runs(
        self, caller: Caller, run_ids: Sequence[str], *, failed: int = 5
    ) -> SuiteTally:
        """The tally of runs that are the parts of one whole, as `of_run`. That of runs which have
        ended is kept until somebody says something about their verdicts, or they are taken up.

        Args:
            run_ids: at least one.
            failed: how many failed cases are kept.

        Raises:
            NotFound: the workspace has no such run.
        """
        views = [await self._runs.view(caller, it) for it in run_ids]
        key = (failed, *[await self._stand(it.run) for it in views])
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        tally = _Tally(failed)
        for view in views:
            async for outcome in self._outcomes.stream(view.run):
                tally.add(outcome, view.run.id)
        made = tally.finish(views[0].evaluation.spec.get("judge"))
        if all(it.run.state in FINISHED for it in views):
            self._known[key] = made
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return made

    async def _stand(self, run: Run) -> tuple[object, ...]:
        """What changes whenever the tally of a run that has ended does."""
        said = await self._outcomes.newest_override(run)
        return run.id, run.state, run.finished_at, run.progress.done, said


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
    alone: Counts = field(default_factory=Counts)
    confidence: float = 0.0
    told: int = 0
    unsure: int = 0
    refused: int = 0
    overridden: int = 0
    kept: int = 0

    def add(self, view: OutcomeView, run_id: str) -> None:
        about = {name: str(view.inputs[name]) for name in GROUPS if view.inputs.get(name)}
        counts = [self.overall]
        for name, value in about.items():
            counts.append(self.groups.setdefault(name, {}).setdefault(value, Counts()))
        outcome = view.record.outcomes.get(KEY)
        said = view.overrides.get(KEY)
        passed: bool | None = None
        failed = view.record.failure is not None or isinstance(outcome, Failed)
        if isinstance(outcome, Scored):
            passed = outcome.value >= PASSED
            self._take(outcome)
        _add(self.alone, passed, failed)
        if said is not None and said.value is not None:
            passed = said.value >= PASSED
            self.overridden += 1
        if passed is None and isinstance(outcome, Ungraded):
            self.ungraded[outcome.reason] += 1
        self.refused += view.inputs.get("refused") is True
        for it in counts:
            _add(it, passed, failed)
        if passed is False:
            self._keep(view, about, run_id)

    def finish(self, judge: Any) -> SuiteTally:
        worst = sorted(self.worst, key=lambda it: it[:2], reverse=True)
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
            confidence=self.confidence / self.told if self.told else None,
            unsure=self.unsure,
            refused=self.refused,
            overridden=self.overridden,
            alone=self.alone.rate(),
        )

    def _take(self, outcome: Scored) -> None:
        """Who judged, and how sure they are."""
        judge = (outcome.details or {}).get("judge")
        if isinstance(judge, str):
            self.judged_by[judge] += 1
        if outcome.confidence is not None:
            self.confidence += outcome.confidence
            self.told += 1
            self.unsure += outcome.confidence < UNSURE

    def _keep(self, view: OutcomeView, about: Mapping[str, str], run_id: str) -> None:
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
            run_id=run_id,
        )
        self.kept += 1
        # Of those that are alike the first stays; no two cases are ever compared.
        entry = (_SURE if sure is None else sure, -self.kept, case)
        if len(self.worst) < self.most:
            heapq.heappush(self.worst, entry)
        elif self.worst:
            heapq.heappushpop(self.worst, entry)


def _add(counts: Counts, passed: bool | None, failed: bool) -> None:
    counts.scored += passed is not None
    counts.passed += passed is True
    counts.failed += passed is None and failed
    counts.ungraded += passed is None and not failed
