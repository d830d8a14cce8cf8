"""What there is at a glance: evaluations in a list, what runs now, what came of the latest."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller, Role
from weighbridge.core.run import Progress, Run, RunState
from weighbridge.errors import Invalid
from weighbridge.scorers.base import Judge
from weighbridge.services.series import Course, courses_of, ruler_of
from weighbridge.spec import parse_spec
from weighbridge.store import evaluation_lists, evaluations, recent, runs, workers
from weighbridge.store.engine import Store
from weighbridge.store.evaluation_lists import EvaluationKind, Listed, Wanted
from weighbridge.store.evaluations import StoredEvaluation
from weighbridge.store.moments import now
from weighbridge.store.recent import PastRun, Reviewed

HORIZON = 1_000
"""So many of the newest runs are looked at for what came of late and what needs a person."""
RUNS_EACH = 4
"""So many runs of an evaluation stand in a list; its own page has all."""
MANY = 0.05
"""From this share of cases without a score on, somebody should look."""
ENOUGH_REVIEWS = 10
LOW_AGREEMENT = 0.8
FORGOTTEN_AFTER = timedelta(days=14)
"""Nobody needs to be told any longer of a run that went wrong before that."""
_OF_A_NAME = 500
_LOOKED_AT = 100
_MOST_JUDGED = 20


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """An evaluation in a list.

    Attributes:
        runs: the first few, the newest of each model. count: how many there are in all.
    """

    listed: Listed
    runs: tuple[Run, ...]
    count: int


class NeedKind(StrEnum):
    """Why a person is needed."""

    FAILED = "failed"
    """a run failed, and nothing has come after it"""
    STOPPED = "stopped"
    """a run was stopped by its budget"""
    CASES = "cases"
    """many cases of a run failed or have no verdict"""
    COLUMN = "column"
    """a column that a run made is not committed"""
    UNREVIEWED = "unreviewed"
    """nobody has reviewed what a judge said"""
    DISAGREES = "disagrees"
    """people often say something else than a judge"""
    WEBHOOK = "webhook"
    """something did not reach a webhook"""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person.

    Attributes:
        run: the run that it is about; None for webhooks.
        about: key of the scorer, or the webhook's description. reason: in words, where kept.
        progress: of the run. count, part: for judges, how many were reviewed (or how many verdicts
            there are), and how many of these agreed; for webhooks, how many were given up.
    """

    kind: NeedKind
    run: PastRun | None = None
    about: str = ""
    reason: str | None = None
    progress: Progress | None = None
    count: int = 0
    part: int = 0


@dataclass(frozen=True, slots=True)
class Lately:
    """What came of the latest runs.

    Attributes:
        courses: evaluations over time, that with the newest run first.
        progress: of the newest run of each of their models, by the run's id.
        any: whether any run has ended.
        pair: ids of the newest run and the one before it that measured the same by the same ruler,
            older first; None: there is no such pair.
    """

    any: bool
    courses: tuple[Course, ...]
    progress: Mapping[str, Progress] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    pair: tuple[str, str] | None = None


class Overviews:
    """Lists of an installation's evaluations and runs. It reads summaries, and no outcome but those
    that people have reviewed.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, caller: Caller, wanted: Wanted, *, after: str | None, limit: int
    ) -> list[EvaluationRow]:
        """Evaluations, newest first, below the id `after`: three queries, however many."""
        workspace = caller.workspace_id
        async with self._store.begin() as connection:
            found = await evaluation_lists.page_of_evaluations(
                connection, workspace, wanted, after=after, limit=limit
            )
            theirs = await evaluation_lists.newest_runs_of(
                connection, workspace, [one.id for one in found], RUNS_EACH
            )
            ids = [run_id for _, of_one in theirs.values() for run_id in of_one]
            known = await runs.find_runs(connection, workspace, ids)
        rows = []
        for one in found:
            count, of_one = theirs.get(one.id, (0, []))
            rows.append(EvaluationRow(one, tuple(known[it] for it in of_one if it in known), count))
        return rows

    async def models(self, caller: Caller) -> list[str]:
        """Names of the models of the newest runs."""
        async with self._store.begin() as connection:
            return await evaluation_lists.models_of_late(connection, caller.workspace_id)

    async def kind(self, caller: Caller, evaluation_id: str) -> EvaluationKind:
        """What an evaluation is for."""
        async with self._store.begin() as connection:
            found = await evaluation_lists.kind_of(connection, caller.workspace_id, evaluation_id)
        return found or EvaluationKind.PLAIN

    async def going_on(self, caller: Caller, limit: int) -> list[Run]:
        """Runs that have not ended, the oldest first: one query."""
        async with self._store.begin() as connection:
            return await runs.open_runs(connection, caller.workspace_id, limit)

    async def evaluations_of(
        self, caller: Caller, evaluation_ids: Iterable[str]
    ) -> dict[str, StoredEvaluation]:
        """Evaluations by their ids."""
        async with self._store.begin() as connection:
            return await evaluations.find_evaluations(
                connection, caller.workspace_id, evaluation_ids
            )

    async def has_worker(self, lease_s: float) -> bool:
        """Whether anybody takes runs from the queue.

        Args:
            lease_s: for how long a worker that gave no sign of life counts as alive.
        """
        async with self._store.begin() as connection:
            return bool(await workers.count_alive(connection, lease_s))

    async def over_time(self, caller: Caller, stored: StoredEvaluation) -> Course | None:
        """An evaluation's line among all runs of its name; None: none of its runs has succeeded."""
        async with self._store.begin() as connection:
            found = await recent.past_runs_called(
                connection, caller.workspace_id, stored.name, _OF_A_NAME
            )
        good = [run for run in found if run.state is RunState.SUCCEEDED]
        ours = next((run for run in good if run.evaluation_id == stored.id), None)
        if ours is None:
            return None
        same = [run for run in good if ruler_of(run) == ruler_of(ours)]
        return next(iter(courses_of(same)))

    async def lately(self, caller: Caller, courses: int, going_on: Sequence[Run] = ()) -> Lately:
        """What came of the newest runs, and what needs a person.

        Args:
            courses: the most evaluations.
            going_on: runs that have not ended: what they do again needs nobody.
        """
        workspace = caller.workspace_id
        async with self._store.begin() as connection:
            past = await recent.past_runs(connection, workspace, HORIZON)
        good = [run for run in past if run.state is RunState.SUCCEEDED]
        every = courses_of(good)
        newest = [series.newest for course in every for series in course.series][:_LOOKED_AT]
        async with self._store.begin() as connection:
            progress = await recent.progress_of(connection, newest)
            held = await recent.held_columns(connection, workspace, progress)
            needs = await self._went_wrong(caller, past, going_on)
            needs += _columns(newest, held)
            needs += _cases(newest, progress)
            reviews = await recent.reviews_of_late(connection, workspace)
            judged = [run for run in newest if "judging" in run.pin_parts][:_MOST_JUDGED]
            theirs = await evaluations.find_evaluations(
                connection, workspace, {run.evaluation_id for run in judged}
            )
            if caller.role is Role.ADMIN:
                for hook in await recent.undelivered(connection, workspace):
                    about = hook.description or hook.webhook_id
                    needs.append(
                        Need(NeedKind.WEBHOOK, about=about, reason=hook.reason, count=hook.failed)
                    )
        keys = await asyncio.to_thread(_judges_in, theirs)
        needs += _judges(good, judged, keys, reviews)
        return Lately(bool(past), tuple(every[:courses]), progress, tuple(needs), _pair(good))

    async def _went_wrong(
        self, caller: Caller, past: Sequence[PastRun], going_on: Sequence[Run]
    ) -> list[Need]:
        known = await self.evaluations_of(caller, {run.evaluation_id for run in going_on})
        settled = {
            (known[run.evaluation_id].name, run.model)
            for run in going_on
            if run.evaluation_id in known
        }
        needs = []
        for run in past:  # newest first: what came later settles what was before
            if (run.name, run.model) in settled:
                continue
            settled.add((run.name, run.model))
            kind = _why(run)
            if kind and now() - (run.finished_at or run.created_at) < FORGOTTEN_AFTER:
                needs.append(Need(kind, run, reason=run.reason))
        return needs


def _pair(good: Sequence[PastRun]) -> tuple[str, str] | None:
    if not good:
        return None
    last = good[0]
    before = next((it for it in good[1:] if ruler_of(it) == ruler_of(last)), None)
    return None if before is None else (before.id, last.id)


def _why(run: PastRun) -> NeedKind | None:
    if run.state is RunState.FAILED:
        return NeedKind.FAILED
    stopped = run.state is RunState.CANCELLED and run.reason == "budget"
    return NeedKind.STOPPED if stopped else None


def _columns(
    newest: Iterable[PastRun], held: Mapping[str, tuple[str, str | None]]
) -> Iterable[Need]:
    for run in newest:
        if run.id in held:
            state, problem = held[run.id]
            yield Need(NeedKind.COLUMN, run, about=state, reason=problem)


def _cases(newest: Iterable[PastRun], progress: Mapping[str, Progress]) -> Iterable[Need]:
    for run in newest:
        of_run = progress[run.id]
        if of_run.done and (of_run.failed + of_run.ungraded) / of_run.done >= MANY:
            yield Need(NeedKind.CASES, run, progress=of_run)


def _judges_in(theirs: Mapping[str, StoredEvaluation]) -> dict[str, list[str]]:
    """The keys of the scorers that are judges, by the evaluation's id."""
    found: dict[str, list[str]] = {}
    for one in theirs.values():
        try:
            scorers = parse_spec(one.spec).to_evaluation().scorers
        except Invalid:  # a scorer that is no longer installed
            continue
        found[one.id] = [it.key for it in scorers if isinstance(scorer_table.build(it), Judge)]
    return found


def _judges(
    good: Sequence[PastRun],
    judged: Sequence[PastRun],
    keys: Mapping[str, Sequence[str]],
    reviews: Sequence[Reviewed],
) -> list[Need]:
    """A judge is one with the same wording and models, whatever evaluation it judges in."""
    who = {run.id: (run.pin_parts.get("scorers"), run.pin_parts.get("judging")) for run in good}
    compared: dict[tuple[object, str], list[bool]] = defaultdict(list)
    for said in reviews:
        if said.run_id in who and said.scorer is not None:
            compared[who[said.run_id], said.key].append(_agrees(said))
    needs = []
    told: set[tuple[object, str]] = set()
    for run in judged:
        for key in keys.get(run.evaluation_id, ()):
            judge = (who[run.id], key)
            if judge in told:
                continue
            told.add(judge)
            verdicts = next((it.n_scored for it in run.metrics if it.scorer == key), 0)
            agreed = compared.get(judge, [])
            if not agreed and verdicts:
                needs.append(Need(NeedKind.UNREVIEWED, run, key, count=verdicts))
            elif len(agreed) >= ENOUGH_REVIEWS and sum(agreed) / len(agreed) < LOW_AGREEMENT:
                needs.append(
                    Need(NeedKind.DISAGREES, run, key, count=len(agreed), part=sum(agreed))
                )
    return needs


def _agrees(said: Reviewed) -> bool:
    assert said.scorer is not None  # noqa: S101 (whoever asks has looked)
    (value, label), (of_scorer, its_label) = said.person, said.scorer
    return label == its_label if label and its_label else value == of_scorer
