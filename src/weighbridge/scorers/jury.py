"""The jury: several judges on the same answer, and how far they agree."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import ClassVar, Literal, TypeAlias

from pydantic import JsonValue

from weighbridge.core.case import Case
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Answer, Failed, Outcome, Scored, Ungraded
from weighbridge.core.scale import Bounds
from weighbridge.providers.base import CallFailed
from weighbridge.scorers.base import MetricKind
from weighbridge.scorers.judging.parts import Kind
from weighbridge.scorers.judging.ready import ReadyRubric, check_names, manner_of
from weighbridge.scorers.judging.rubrics import digest, find_rubric, is_sentence
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.panel import Panel

MOST_MEMBERS = 32

Scale: TypeAlias = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True, slots=True)
class Jury:
    """The verdict of several judges, and their votes.

    Each model judges by the rubric (or by each of `rubrics`), one call a member and case. A member
    whose call fails or who gives no usable verdict has no vote; when more than half have voted,
    the votes become one verdict, else there is none. The report says how far the members agree
    beyond chance (Krippendorff's alpha).

    Attributes:
        models: who judges; at least two, unless there are several rubrics.
        rubric: as for `judge`.
        rubrics: several, instead of one: each model judges by each.
        reducer: `majority`: the verdict with the most votes, of equals the lowest; `mean` of the
            scores; `all`: the lowest score, so that all must agree to pass; `any`: the highest.
        columns: input of the rubric → column of the data, where they have different names.
        temperature: sent to the judges; null: not sent.
        max_tokens: the longest reply of a judge; null: not sent.
        params: more parameters, sent to the judges as they are.
    """

    models: tuple[str, ...] | None = None
    rubric: str | dict[str, JsonValue] = "helpful"
    rubrics: tuple[str | dict[str, JsonValue], ...] | None = None
    reducer: Literal["majority", "mean", "all", "any"] = "majority"
    columns: dict[str, str] | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 1_024
    params: dict[str, JsonValue] | None = None

    _ready: tuple[ReadyRubric, ...] = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "jury"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_names("models", self.models or ())
        if self.rubrics is not None and self.rubric != "helpful":
            raise OptionError("rubrics", "either `rubric` or `rubrics`, not both")
        manner = manner_of(self.temperature, self.max_tokens, self.params)
        given = (self.rubric,) if self.rubrics is None else self.rubrics
        known = {name for one in given for name in find_rubric(one).columns}
        ready = []
        for one in given:
            rubric = find_rubric(one)
            if rubric.verdict is Kind.PAIR:
                raise OptionError("rubric", "this rubric compares two answers")
            columns = {
                name: column
                for name, column in (self.columns or {}).items()
                if name in rubric.columns or name not in known
            }
            ready.append(ReadyRubric(rubric, manner, columns))
        if not 2 <= len(self.asks) * len(ready) <= MOST_MEMBERS:
            raise OptionError(
                "models", f"a jury has 2 to {MOST_MEMBERS} members: name several models"
            )
        if self.reducer == "majority" and any(
            one.rubric.scores() != ready[0].rubric.scores() for one in ready
        ):
            raise OptionError(
                "reducer", "a majority needs rubrics with the same verdicts and scores"
            )
        object.__setattr__(self, "_ready", tuple(ready))

    @property
    def metric(self) -> MetricKind:
        """`accuracy` when the outcome can only be 0 or 1."""
        binary = self.reducer != "mean" and all(one.rubric.is_binary for one in self._ready)
        return "accuracy" if binary else "mean"

    @property
    def bounds(self) -> Bounds:
        """Those of all its rubrics."""
        each = [one.rubric.bounds for one in self._ready]
        return min(least for least, _ in each), max(greatest for _, greatest in each)

    @property
    def scale(self) -> Scale:
        """What kind of votes its members give, for how far they agree: labels without an order,
        levels in their order, or numbers."""
        kinds = {one.rubric.verdict for one in self._ready}
        if kinds <= {Kind.PASS_FAIL, Kind.CHOICE}:
            return "nominal"
        return "ordinal" if kinds == {Kind.LEVELS} else "interval"

    @property
    def needs_target(self) -> bool:
        """Whether a rubric shows the reference."""
        return any(one.rubric.needs_target for one in self._ready)

    @property
    def asks(self) -> tuple[str | None, ...]:
        """The models."""
        return self.models or (None,)

    @property
    def wording(self) -> JsonObject:
        """The hashes of all that the judges are told."""
        return {"sha256": [digest(one.rubric) for one in self._ready]}

    @property
    def rubrics_in_use(self) -> tuple[ReadyRubric, ...]:
        """What it judges by."""
        return self._ready

    @property
    def verdicts(self) -> dict[str, float] | None:
        """The labels that a majority may give → their scores; None where scores are combined."""
        rubric = self._ready[0].rubric
        combined = self.reducer != "majority" or rubric.verdict is Kind.CHECKLIST
        return None if combined else rubric.scores()

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that the rubrics show."""
        return tuple(dict.fromkeys(column for one in self._ready for column in one.reads))

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        """Grade by votes."""
        members = list(product(self.asks, range(len(self._ready))))
        votes = await asyncio.gather(
            *(self._vote(model, rubric, answer, case, panel) for model, rubric in members)
        )
        valid = [vote for vote in votes if isinstance(vote, Scored)]
        if 2 * len(valid) <= len(votes):
            return _no_quorum(votes)
        names = [self._name(model, rubric, panel) for model, rubric in members]
        return self._combined(valid, votes, names)

    async def _vote(
        self, model: str | None, rubric: int, answer: Answer, case: Case, panel: Panel
    ) -> Outcome:
        try:
            return await self._ready[rubric].judge(model, answer, case, panel)
        except CallFailed as failed:
            return failed.failure

    def _name(self, model: str | None, rubric: int, panel: Panel) -> str:
        name = panel.model(model).name
        if len(self._ready) == 1:
            return name
        given = (self.rubrics or (self.rubric,))[rubric]
        named = isinstance(given, str) and not is_sentence(given)
        return f"{name} by {given if named else f'rubric {rubric + 1}'}"

    def _combined(
        self, valid: Sequence[Scored], votes: Sequence[Outcome], names: Sequence[str]
    ) -> Scored:
        value, label = self._reduced(valid)
        agreeing = [vote for vote in valid if vote.value == value]
        said = f"{len(agreeing)} of {len(votes)} members"
        reason = f": {agreeing[0].explanation}" if agreeing and agreeing[0].explanation else ""
        details: dict[str, Json] = {
            "judge": " + ".join(dict.fromkeys(names)),
            "votes": [_plain(vote, name) for vote, name in zip(votes, names, strict=True)],
        }
        return Scored(value, label, said + reason, len(agreeing) / len(valid), details)

    def _reduced(self, valid: Sequence[Scored]) -> tuple[float, str | None]:
        if self.reducer == "mean":
            return sum(vote.value for vote in valid) / len(valid), None
        if self.reducer == "majority":
            counts = Counter(vote.value for vote in valid)
            most = max(counts.values())
            value = min(value for value, count in counts.items() if count == most)
        else:
            value = (min if self.reducer == "all" else max)(vote.value for vote in valid)
        return value, next(vote.label for vote in valid if vote.value == value)


def _no_quorum(votes: Sequence[Outcome]) -> Outcome:
    """Failed when a call of a member failed, so that it may be tried again; else ungraded."""
    voted = sum(isinstance(vote, Scored) for vote in votes)
    failed = next((vote for vote in votes if isinstance(vote, Failed)), None)
    if failed is not None:
        message = f"{voted} of {len(votes)} members of the jury voted; {failed.message}"
        return Failed(failed.kind, message, failed.status, failed.calls)
    silent = next(vote for vote in votes if isinstance(vote, Ungraded))
    reason = f"{voted} of {len(votes)} members of the jury voted; {silent.reason}"
    return Ungraded(reason, silent.raw)


def _plain(vote: Outcome, name: str) -> JsonObject:
    if isinstance(vote, Scored):
        found: dict[str, Json] = {"judge": name, "label": vote.label, "value": vote.value}
        if vote.confidence is not None:
            found["confidence"] = vote.confidence
        if vote.explanation:
            found["reason"] = vote.explanation
        if vote.details is not None and "repaired" in vote.details:
            found["repaired"] = vote.details["repaired"]
        return found
    if isinstance(vote, Ungraded):
        return {"judge": name, "status": "ungraded", "reason": vote.reason}
    return {"judge": name, "status": "failed", "reason": vote.message}
