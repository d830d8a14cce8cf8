"""What people say about scores: said, withdrawn, looked up; and which cases they should look at."""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller, Role
from weighbridge.core.review import Override, place_in_sample
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.scorers.base import AnyScorer
from weighbridge.services.authors import author_of
from weighbridge.services.outcomes import Outcomes, OutcomeView
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store import overrides
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import cases_at, positions_of_cases
from weighbridge.store.overrides import Place, Saying
from weighbridge.store.scores import stream_grades

MOST_AT_ONCE = 10_000
MOST_SAMPLED = 500
_Case: TypeAlias = tuple[int, int, str]  # position, epoch and id
_LISTED_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person says about one score.

    Attributes:
        scorer: its key.
        reason: why.
        position, case_id: of the case; one of the two. epoch: 0-based repeat.
        value: None: that of the label, where the scorer's labels have values.
        label: the word behind the value.
        author: who says it; None: the user of the key.
        confidence: how sure they are of it, 0 to 1; None: nobody says.
        seen: revision of what they know to have been said about this score, 0: nothing; None: they
            did not look.
    """

    scorer: str
    reason: str
    position: int | None = None
    case_id: str | None = None
    epoch: int = 0
    value: float | None = None
    label: str | None = None
    author: str | None = None
    confidence: float | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewSample:
    """Outcomes drawn at random for people to look at.

    Attributes:
        views: in the order in which they were drawn.
        eligible: how many there were to draw from.
        reviewed: of these, how many have been reviewed.
    """

    views: tuple[OutcomeView, ...]
    eligible: int
    reviewed: int


class Reviews:
    """What people say about the scores of an installation's runs.

    Args:
        store: where it is kept.
        runs: where runs come from. outcomes: what was scored.
    """

    def __init__(self, store: Store, runs: Runs, outcomes: Outcomes) -> None:
        self._store = store
        self._runs = runs
        self._outcomes = outcomes

    async def judge(
        self,
        caller: Caller,
        run_id: str,
        judgements: Sequence[Judgement],
        *,
        listed_under: str | None = None,
    ) -> list[Override]:
        """Keep what a person says about scores of a run, all of it or nothing. The scorers' own
        verdicts stay as they are. What was said already by the same person is not kept twice.

        Args:
            judgements: at least one; about the same score, the last one counts.
            listed_under: name of the list they came in, in front of the fields that are wrong.

        Returns:
            What counts about each of them now, in this order.

        Raises:
            Forbidden: the caller may not.
            NotFound: the workspace has no such run.
            InvalidFields: a scorer, a case, a value, a label or a reason is wrong.
            Conflict: somebody else said something about one of these scores just now, or since
                it was seen.
        """
        caller.must_be(Role.WRITER)
        if len(judgements) > MOST_AT_ONCE:
            raise Invalid(f"{len(judgements)} overrides at once; {MOST_AT_ONCE:,} are the most")
        scorers = await self._scorers(caller, run_id)
        author = await self.author(caller)
        places = await self._places(caller, run_id, judgements)
        problems: list[FieldProblem] = []
        sayings: list[Saying] = []
        for number, (judgement, place) in enumerate(zip(judgements, places, strict=True)):
            prefix = f"{listed_under}.{number}." if listed_under else ""
            found = _check(judgement, place, scorers)
            problems += [replace(problem, field=prefix + problem.field) for problem in found]
            if not found and isinstance(place, tuple):
                value, label = _settled(judgement, scorers[judgement.scorer])
                said_by = judgement.author or author
                sayings.append(
                    Saying(
                        *place,
                        judgement.scorer,
                        value,
                        label,
                        judgement.reason,
                        said_by,
                        judgement.confidence,
                        judgement.seen,
                    )
                )
        if problems:
            raise InvalidFields(_first(problems))
        return await self._keep(caller, run_id, sayings)

    async def withdraw(
        self,
        caller: Caller,
        run_id: str,
        position: int,
        epoch: int,
        scorer: str,
        reason: str,
        author: str | None = None,
        seen: int | None = None,
    ) -> Override:
        """Take back what counts about a score; its history stays.

        Args:
            seen: revision of what is taken back; None: whatever counts.

        Raises:
            Forbidden: the caller may not.
            NotFound: no such run, or nobody's saying counts about that score.
            InvalidFields: no such scorer, or no reason.
            Conflict: somebody else said something about it just now, or since it was seen.
        """
        caller.must_be(Role.WRITER)
        scorers = await self._scorers(caller, run_id)
        problems = [*_check_scorer(scorer, scorers), *_check_reason(reason)]
        if problems:
            raise InvalidFields(problems)
        async with self._store.begin() as connection:
            standing = await overrides.overrides_between(
                connection, caller.workspace_id, run_id, position, position
            )
        if scorer not in standing.get((position, epoch), {}):
            raise NotFound(
                f"there is no override of `{scorer}` for position {position}, epoch {epoch}"
            )
        said_by = author or await self.author(caller)
        case_id = standing[position, epoch][scorer].case_id
        withdrawal = Saying(
            position, epoch, case_id, scorer, None, None, reason, said_by, seen=seen
        )
        return (await self._keep(caller, run_id, [withdrawal]))[0]

    async def history(
        self, caller: Caller, run_id: str, position: int, epoch: int | None = None
    ) -> list[Override]:
        """Everything that was said about a case, the oldest first.

        Raises:
            NotFound: the workspace has no such run.
        """
        run = await self._runs.get(caller, run_id)
        async with self._store.begin() as connection:
            return await overrides.history_of(
                connection, caller.workspace_id, run.id, position, epoch
            )

    async def page(
        self,
        caller: Caller,
        run_id: str,
        *,
        after: str | None = None,
        limit: int = 50,
        scorer: str | None = None,
    ) -> list[Override]:
        """Everything that was said in a run, newest first.

        Raises:
            NotFound: the workspace has no such run.
        """
        run = await self._runs.get(caller, run_id)
        async with self._store.begin() as connection:
            return await overrides.page_of_overrides(
                connection, caller.workspace_id, run.id, after=after, limit=limit, scorer=scorer
            )

    async def sample(
        self,
        caller: Caller,
        run_id: str,
        *,
        n: int = 50,
        seed: int = 0,
        scorer: str | None = None,
        unreviewed: bool = False,
    ) -> ReviewSample:
        """Outcomes drawn uniformly at random, without replacement, for people to look at: the first
        n of the order that the seed gives to all. Memory grows with n, not with the run.

        Args:
            scorer: draw from what this scorer graded; None: from what any did.
            unreviewed: leave out what people have reviewed, so that the next call goes on where the
                last one ended.

        Raises:
            NotFound: the workspace has no such run.
            InvalidFields: no such scorer.
        """
        run = await self._runs.get(caller, run_id)
        scorers = await self._scorers(caller, run_id)
        if scorer is not None and (problems := _check_scorer(scorer, scorers)):
            raise InvalidFields(problems)
        keys = list(scorers) if scorer is None else [scorer]
        async with self._store.begin() as connection:
            standing = await overrides.current_overrides(connection, caller.workspace_id, run_id)
        done = {place for key in keys for place in standing.get(key, {})}
        eligible = reviewed = 0
        drawn: list[tuple[int, Place]] = []  # a heap with the last in the order on top
        async for rows in stream_grades(self._store, caller.workspace_id, run_id, keys):
            for row in rows:
                if not any(isinstance(grade, float) for grade in row.grades):
                    continue
                place = (row.position, row.epoch)
                eligible += 1
                reviewed += place in done
                if unreviewed and place in done:
                    continue
                entry = (-place_in_sample(seed, *place), place)
                if len(drawn) < n:
                    heapq.heappush(drawn, entry)
                elif entry > drawn[0]:
                    heapq.heapreplace(drawn, entry)
        places = [place for _, place in sorted(drawn, reverse=True)]
        found = await self._outcomes.at(run, {position for position, _ in places})
        views = {
            (view.record.position, view.record.epoch): view
            for of_case in found.values()
            for view in of_case
        }
        return ReviewSample(tuple(views[place] for place in places), eligible, reviewed)

    async def _keep(self, caller: Caller, run_id: str, sayings: Sequence[Saying]) -> list[Override]:
        newest = {(said.position, said.epoch, said.scorer): said for said in sayings}
        async with self._store.begin() as connection:
            positions = [position for position, _, _ in newest]
            before = await overrides.overrides_between(
                connection, caller.workspace_id, run_id, min(positions), max(positions)
            )
            standing: dict[tuple[int, int, str], Override] = {
                (*place, key): it for place, said in before.items() for key, it in said.items()
            }
            new = [said for key, said in newest.items() if not _says(standing.get(key), said)]
            made = await overrides.add_overrides(connection, caller, run_id, new) if new else []
            if made is None:
                raise Conflict(
                    "somebody else judged one of these scores just now: look at it and say it again"
                )
        standing |= {(it.position, it.epoch, it.scorer): it for it in made}
        return [standing[said.position, said.epoch, said.scorer] for said in sayings]

    async def _scorers(self, caller: Caller, run_id: str) -> dict[str, AnyScorer]:
        view = await self._runs.view(caller, run_id)
        specs = parse_spec(view.evaluation.spec).to_evaluation().scorers
        return {spec.key: scorer_table.build(spec) for spec in specs}

    async def author(self, caller: Caller) -> str:
        """The name under which what somebody says is kept, when they give none."""
        async with self._store.begin() as connection:
            return await author_of(connection, caller)

    async def _places(
        self, caller: Caller, run_id: str, judgements: Sequence[Judgement]
    ) -> "list[_Case | FieldProblem]":
        """The outcome that each is about, or what is wrong with how it is named."""
        workspace_id = caller.workspace_id
        named = {it.case_id for it in judgements if it.position is None and it.case_id is not None}
        async with self._store.begin() as connection:
            positions = await positions_of_cases(connection, workspace_id, run_id, named)
            wanted = [_place(it, positions) for it in judgements]
            answered = await cases_at(
                connection, workspace_id, run_id, {at for at in wanted if at is not None}
            )
        return [
            (*at, answered[at][0])
            if at is not None and answered.get(at, ("", False))[1]
            else _no_answer(it, at, answered)
            for it, at in zip(judgements, wanted, strict=True)
        ]


def _place(judgement: Judgement, positions: Mapping[str, int]) -> Place | None:
    position = judgement.position
    if position is None and judgement.case_id is not None:
        position = positions.get(judgement.case_id)
    return None if position is None else (position, judgement.epoch)


def _no_answer(
    judgement: Judgement, place: Place | None, answered: Mapping[Place, tuple[str, bool]]
) -> FieldProblem:
    if judgement.position is not None:
        field, case = "position", f"at position {judgement.position}"
    else:
        field, case = "case_id", f"`{(judgement.case_id or '')[:80]}`"
    if place is not None and place in answered:
        return FieldProblem(field, f"the case {case} has no answer that could be judged")
    epoch = f" in epoch {judgement.epoch}" if judgement.epoch else ""
    return FieldProblem(field, f"the run has no outcome of a case {case}{epoch}")


def _check(
    judgement: Judgement, place: "_Case | FieldProblem", scorers: Mapping[str, AnyScorer]
) -> list[FieldProblem]:
    problems = [place] if isinstance(place, FieldProblem) else []
    problems += _check_reason(judgement.reason)
    unknown = _check_scorer(judgement.scorer, scorers)
    if unknown:
        return problems + unknown
    return [*problems, *_check_verdict(judgement, scorers[judgement.scorer])]


def _check_scorer(scorer: str, scorers: Mapping[str, AnyScorer]) -> list[FieldProblem]:
    if scorer in scorers:
        return []
    listed = ", ".join(scorers) or "none"
    hint = did_you_mean(scorer, scorers)
    return [
        FieldProblem("scorer", f"the run has no scorer `{scorer[:80]}`{hint} (scorers: {listed})")
    ]


def _check_reason(reason: str) -> list[FieldProblem]:
    if reason.strip() and len(reason) <= 10_000:
        return []
    return [FieldProblem("reason", "say why, in 1 to 10,000 characters")]


def _check_verdict(judgement: Judgement, scorer: AnyScorer) -> Iterator[FieldProblem]:
    value, label = judgement.value, judgement.label
    on_offer = scorer_table.verdicts_of(scorer)
    if label is not None and on_offer is not None and label not in on_offer:
        hint = did_you_mean(label, on_offer)
        listed = ", ".join(on_offer)
        yield FieldProblem(
            "label", f"`{label[:80]}` is none of its labels{hint} (labels: {listed})"
        )
        return
    worth = on_offer.get(label) if on_offer is not None and label is not None else None
    if value is None:
        if worth is None and scorer.metric != "labels":
            yield FieldProblem("value", "say which score it should be: a number")
        elif label is None:
            yield FieldProblem("label", "say which label it should be")
    elif not math.isfinite(value):
        yield FieldProblem("value", "a finite number was expected")
    elif scorer.metric == "accuracy" and value not in {0, 1}:
        yield FieldProblem("value", f"the scores of `{judgement.scorer}` are 0 or 1, not {value:g}")
    elif worth is not None and worth != value:
        yield FieldProblem("value", f"the label `{label}` is worth {worth:g}, not {value:g}")


def _settled(judgement: Judgement, scorer: AnyScorer) -> tuple[float, str | None]:
    """Value and label, each out of the other where one was left out."""
    value, label = judgement.value, judgement.label
    on_offer = scorer_table.verdicts_of(scorer) or {}
    if value is None:
        worth = on_offer.get(label or "")
        return (1.0 if worth is None else worth), label
    if label is None:
        same = [name for name, worth in on_offer.items() if worth == value]
        label = same[0] if len(same) == 1 else None
    return float(value), label


def _says(standing: Override | None, said: Saying) -> bool:
    """Whether just this counts already."""
    return standing is not None and (
        (standing.value, standing.label, standing.confidence, standing.reason, standing.author)
        == (said.value, said.label, said.confidence, said.reason, said.author)
    )


def _first(problems: list[FieldProblem]) -> list[FieldProblem]:
    more = len(problems) - _LISTED_PROBLEMS
    listed = problems[:_LISTED_PROBLEMS]
    return [*listed, FieldProblem("", f"and {more} more")] if more > 0 else listed
