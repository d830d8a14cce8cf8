"""Reports on scorings: what passed, what failed and what to do about it, in words.

A report tells how things stood when it was asked for. Its figures are counted then, and its words
are ours at first; where a model is declared that can write, a run has it write them better, and
once that run has ended the report is put together and kept for good.
"""

import asyncio
import builtins
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.digest import Digest, Reviewed, Spread
from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.core.suite import Scoring, ScoringState
from weighbridge.errors import Conflict, FieldProblem, InvalidFields, NotFound
from weighbridge.generation import summaries
from weighbridge.generation.summaries import Piece, Texts
from weighbridge.reports.digests import DigestBuilder
from weighbridge.services.agreement import Agreements, ScorerAndPeople
from weighbridge.services.authors import author_of
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.pass_rates import KEY
from weighbridge.services.runs import Runs
from weighbridge.services.scorings import Scorings
from weighbridge.services.suites import Suites
from weighbridge.spec import parse_spec
from weighbridge.store import suite_reports
from weighbridge.store.engine import Store
from weighbridge.store.scorings import find_scorings
from weighbridge.store.suite_reports import StoredReport, new_report

MOST_SCORINGS = 100
"""Scorings that a report may be about."""

ReportState: TypeAlias = Literal["created", "processing", "finished"]
"""`created`: nobody has begun to write. A report cannot fail: where a model does not write, it says
what the numbers do."""

_GOING_ON = {ScoringState.CREATED, ScoringState.PROCESSING}
_ATTACKS = "jailbreak"


@dataclass(frozen=True, slots=True)
class ScoringReport:
    """What a report says of one scoring."""

    scoring_id: str
    texts: Texts


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """A report on scorings.

    Attributes:
        scorings: what it says of each, in the order in which they were named; empty until it is
            finished.
        overall: what it says of all together; None until it is finished.
        writer: the model that wrote, or writes, its words; None: they are ours.
        worded: how many parts of it have the model's words.
        problem: why the model's run ended before it had written everything, or None.
    """

    id: str
    state: ReportState
    scorings: tuple[ScoringReport, ...]
    overall: Texts | None
    writer: str | None
    worded: int
    problem: str | None
    author: str
    created_at: datetime
    updated_at: datetime


class SuiteReports:
    """The reports on scorings of an installation.

    Args:
        store: where they are kept.
        scorings, suites: what they are about.
        agreements: what people's overrides tell.
        evaluations: have a model write. runs, outcomes: what it wrote.
    """

    def __init__(
        self,
        store: Store,
        scorings: Scorings,
        suites: Suites,
        agreements: Agreements,
        evaluations: Evaluations,
        runs: Runs,
        outcomes: Outcomes,
    ) -> None:
        self._store = store
        self._scorings = scorings
        self._suites = suites
        self._agreements = agreements
        self._evaluations = evaluations
        self._runs = runs
        self._outcomes = outcomes

    async def create(self, caller: Caller, scoring_ids: Sequence[str]) -> SuiteReport:
        """Have a report made. Goes through the responses of all its scorings once, with constant
        memory.

        Args:
            scoring_ids: 1 to `MOST_SCORINGS`, each once.

        Raises:
            Forbidden: the caller may not write.
            InvalidFields: none, too many, or one of them twice; in the field `scorings`.
            NotFound: there is no such scoring.
            Conflict: one of them is not finished.
        """
        caller.must_be(Role.WRITER)
        _check(scoring_ids)
        found = [await self._scorings.get(caller, it) for it in scoring_ids]
        states = await self._scorings.overview(caller, found)
        for scoring in found:
            _check_over(scoring, states[scoring.id].state)
        digests = [await self._digest(caller, scoring) for scoring in found]
        drafts = await asyncio.to_thread(summaries.drafts, digests)
        sandbox = any(scoring.sandbox for scoring in found)
        generator = self._suites.generator(sandbox=sandbox)
        body: JsonObject = {
            "pieces": [asdict(draft.piece) for draft in drafts],
            "writer": generator,
            "worded": 0,
            "problem": None,
        }
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        report_id = new_id("report")
        made = new_report(caller, report_id, scoring_ids, body, author)
        spec = None
        if generator is not None:
            name = f"report on {found[0].name}"[:200]
            spec = await asyncio.to_thread(summaries.evaluation, name, drafts, generator)
        if spec is None:
            made = replace(made, body={**body, "writer": None})
            async with self._store.begin() as connection:
                await suite_reports.add_report(connection, made)
            return _view(made, "finished")

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            await suite_reports.add_report(connection, replace(made, evaluation_id=evaluation_id))

        parsed = parse_spec({**spec, "metadata": {"reports": report_id}})
        await self._evaluations.start(caller, parsed, along=keep)
        return _view(made, "created")

    async def get(self, caller: Caller, report_id: str) -> SuiteReport:
        """One report.

        Raises:
            NotFound: the workspace has no such report.
        """
        return await self._settled(caller, await self._find(caller, report_id))

    async def list(
        self, caller: Caller, *, start: int = 0, limit: int = 100
    ) -> tuple[builtins.list[SuiteReport], int]:
        """Newest first, and how many there are in all."""
        async with self._store.begin() as connection:
            found = await suite_reports.list_reports(
                connection, caller.workspace_id, start=start, limit=limit
            )
            total = await suite_reports.count_reports(connection, caller.workspace_id)
        return [await self._settled(caller, it) for it in found], total

    async def about(self, caller: Caller, reports: Sequence[SuiteReport]) -> builtins.list[Scoring]:
        """The scorings that finished reports are about, each once; deleted ones too."""
        wanted = [one.scoring_id for it in reports for one in it.scorings]
        async with self._store.begin() as connection:
            return await find_scorings(connection, caller.workspace_id, wanted)

    async def delete(self, caller: Caller, report_id: str) -> None:
        """Take a report out of sight; what is still to be written of it is not.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such report.
        """
        caller.must_be(Role.WRITER)
        stored = await self._find(caller, report_id)
        async with self._store.begin() as connection:
            await suite_reports.delete_report(connection, caller.workspace_id, report_id)
        if (run := await self._run_of(caller, stored)) is not None:
            await self._runs.stop(caller, [run.id])

    async def _find(self, caller: Caller, report_id: str) -> StoredReport:
        async with self._store.begin() as connection:
            found = await suite_reports.find_report(connection, caller.workspace_id, report_id)
        if found is None:
            raise NotFound(f"there is no report {report_id[:80]!r}")
        return found

    async def _run_of(self, caller: Caller, stored: StoredReport) -> Run | None:
        """The run that writes a report; None: none does."""
        if stored.evaluation_id is None:
            return None
        found = await self._runs.list(caller, evaluation_id=stored.evaluation_id, limit=1)
        return found[0] if found else None

    async def _settled(self, caller: Caller, stored: StoredReport) -> SuiteReport:
        """As it stands, put together where what was to be written is there."""
        if stored.evaluation_id is None:
            return _view(stored, "finished")
        run = await self._run_of(caller, stored)
        if run is not None and run.state not in FINISHED:
            return _view(stored, "created" if run.state is RunState.QUEUED else "processing")
        replies = {} if run is None else await self._replies(run)
        pieces, worded = summaries.assembled(_pieces(stored), replies)
        body = {
            **stored.body,
            "pieces": [asdict(piece) for piece in pieces],
            "worded": worded,
            "problem": _problem(run),
        }
        async with self._store.begin() as connection:
            ended = await suite_reports.end_report(connection, stored, body)
        # Where somebody else has put it together meanwhile, theirs counts.
        return _view(ended or await self._find(caller, stored.id), "finished")

    async def _replies(self, run: Run) -> dict[int, str | None]:
        """What the model wrote, by the number of the piece."""
        found: dict[int, str | None] = {}
        async for view in self._outcomes.stream(run):
            answer = view.record.answer
            found[int(view.inputs[summaries.PIECE])] = answer.text if answer else None
        return found

    async def _digest(self, caller: Caller, scoring: Scoring) -> Digest:
        suite = await self._suites.get(caller, scoring.suite_id)
        request = suite.request
        builder = DigestBuilder(request.kind, attacks=request.jailbreak or request.kind == _ATTACKS)
        async for page in self._scorings.stream(caller, scoring):
            builder.add(page)
        standings = await self._scorings.standings(caller, scoring)
        run_ids = [it.batch.run_id for it in standings if it.batch.run_id is not None]
        said = await self._agreements.of_parts(caller, run_ids, KEY) if run_ids else None
        return builder.finish(
            scoring_id=scoring.id,
            suite=suite.name.strip(),
            name=scoring.name,
            ai=scoring.ai_description or request.ai_description,
            reviewed=None if said is None else _reviewed(said),
            prompts=_spread(suite.spread),
        )


def _spread(kept: Any) -> Spread | None:
    """How different the prompts of a suite are, out of what was noted when they were written."""
    if kept is None:
        return None
    written = kept["written_by"]
    return Spread(
        by_model=int(written["model"]),
        by_bank=int(written["bank"]),
        median=kept.get("median_distance"),
        nearest=kept.get("nearest_distance"),
    )


def _check(scoring_ids: Sequence[str]) -> None:
    message = None
    if not 1 <= len(scoring_ids) <= MOST_SCORINGS:
        message = f"a report is about 1 to {MOST_SCORINGS} runs, not {len(scoring_ids):,}"
    elif len(set(scoring_ids)) < len(scoring_ids):
        message = "a run is named twice"
    if message is not None:
        raise InvalidFields([FieldProblem("scorings", message)])


def _check_over(scoring: Scoring, state: ScoringState) -> None:
    if state in _GOING_ON:
        raise Conflict(
            f"the run {scoring.name[:100]!r} is still being judged: wait until it is finished"
        )
    if state is ScoringState.FAILED:
        raise Conflict(
            f"the judging of the run {scoring.name[:100]!r} broke off, so that there is nothing to "
            "report on: have its answers judged again"
        )


def _reviewed(said: ScorerAndPeople) -> Reviewed:
    agreement, corrected = said.beside.agreement, said.rate.corrected
    kappa = agreement.kappa_interval if agreement else None
    return Reviewed(
        n=said.n_compared,
        agreement=agreement.accuracy if agreement else None,
        kappa=agreement.kappa if agreement else None,
        kappa_low=kappa.low if kappa else None,
        kappa_high=kappa.high if kappa else None,
        rate=corrected.estimate if corrected else None,
        low=corrected.low if corrected else None,
        high=corrected.high if corrected else None,
        reason=corrected.reason if corrected else said.rate.reason,
        warnings=said.rate.warnings,
    )


def _problem(run: Run | None) -> str | None:
    if run is not None and run.state is RunState.SUCCEEDED:
        return None
    return (run and run.reason) or "the run that was to write it has ended early"


def _pieces(stored: StoredReport) -> list[Piece]:
    kept: Any = stored.body["pieces"]
    return [Piece(**it) for it in kept]


def _view(stored: StoredReport, state: ReportState) -> SuiteReport:
    body: Any = stored.body
    pieces = _pieces(stored) if state == "finished" else []
    return SuiteReport(
        id=stored.id,
        state=state,
        scorings=tuple(
            ScoringReport(it, summaries.texts_of(pieces, it)) for it in stored.scorings if pieces
        ),
        overall=summaries.texts_of(pieces, None) if pieces else None,
        writer=body["writer"],
        worded=body["worded"],
        problem=body["problem"],
        author=stored.author,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )
