"""What was answered to the prompts of a suite: taken in, judged, looked at, corrected."""

import asyncio
import builtins
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.review import Override
from weighbridge.core.run import FINISHED, RunState
from weighbridge.core.suite import (
    Batch,
    Given,
    PassRate,
    Response,
    ScoredResponse,
    Scoring,
    ScoringExample,
    ScoringState,
    Suite,
    SuiteState,
    Verdict,
)
from weighbridge.errors import (
    Conflict,
    FieldProblem,
    InvalidFields,
    NotFound,
    Unavailable,
)
from weighbridge.generation.turns import read_turn, turn_evaluation, turn_slots
from weighbridge.jobs.suite_turns import next_prompt
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.authors import author_of
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.handed_in import (
    HandedIn,
    check_call,
    conversation_of,
    look_at,
    responses_of,
    thread_of,
)
from weighbridge.services.judging_suites import conduct_of, policies_of, row_of
from weighbridge.services.pass_rates import KEY, pass_rates
from weighbridge.services.reviews import Judgement, Reviews
from weighbridge.services.runs import Runs
from weighbridge.services.suites import Suites
from weighbridge.services.verdicts import scored_responses, verdict_of
from weighbridge.spec import parse_spec
from weighbridge.store import response_search, scorings
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.outcomes import outcomes_at
from weighbridge.store.scorings import Standing
from weighbridge.store.suites import add_turns, suite_is_there

SENT_AGAIN_WITHIN = timedelta(minutes=15)
"""For how long a request is known again that is sent a second time."""

_PAGE = 500
_FIRST_LOOK_S, _LAST_LOOK_S = 0.05, 0.5
_CONCURRENCY = 256
_UNEXPLAINED = "Set by hand."


class _Begun(Conflict):
    """Somebody else has what is said next written already."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of answers that were handed in.

    Attributes:
        responses: a response for each of them, in their order, whether it is new or was there.
    """

    scoring: Scoring
    responses: tuple[Response, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """How a scoring stands.

    Attributes:
        rate: how many of its responses passed.
        runs: ids of the runs that judge them: one for each time that some were handed in.
    """

    state: ScoringState
    rate: PassRate
    runs: tuple[str, ...]


class Scorings:
    """The scorings of an installation.

    Args:
        store: where they are kept.
        suites: what is answered.
        datasets, evaluations, runs: have answers judged.
        reviews: what people say about verdicts.
    """

    def __init__(
        self,
        store: Store,
        suites: Suites,
        datasets: Datasets,
        evaluations: Evaluations,
        runs: Runs,
        reviews: Reviews,
    ) -> None:
        self._store = store
        self._suites = suites
        self._datasets = datasets
        self._evaluations = evaluations
        self._runs = runs
        self._reviews = reviews

    async def submit(
        self,
        caller: Caller,
        suite_id: str,
        given: Sequence[Given],
        *,
        scoring_id: str | None = None,
        name: str | None = None,
        ai_description: str | None = None,
        examples: Sequence[ScoringExample] = (),
        sandbox: bool = False,
        fingerprint: str | None = None,
        sent_again: bool = False,
    ) -> Submission:
        """Take in answers and have them judged: all of them or none.

        What was handed in before, and is the same, is not judged again.

        Args:
            scoring_id: the scoring they are added to; None: a new one.
            fingerprint: of the request. sent_again: whether it may have been sent before: then the
                scoring that it made is found again.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such suite or scoring.
            Conflict: the prompts are not written yet; or the scoring is of another suite; or
                something else was answered to a prompt before; or an answer names another
                conversation or turn than its prompt's.
            InvalidFields: something is wrong with an answer; nothing was kept and nothing paid.
        """
        caller.must_be(Role.WRITER)
        suite = await self._suites.get(caller, suite_id)
        if suite.state is not SuiteState.READY:
            raise Conflict(
                f"the prompts of the suite are not there: it is {suite.state}"
                + (f" ({suite.problem})" if suite.problem else "")
            )
        check_call(given, examples)
        scoring = await self._scoring_for(caller, suite, scoring_id, fingerprint, sent_again)
        async with self._store.begin() as connection:
            work = await look_at(connection, suite, scoring, given)
        is_new = scoring is None
        if scoring is None:
            scoring = await self._new(caller, suite, name, ai_description, examples, sandbox)
        known = await self._keep(caller, suite, scoring, work, is_new, fingerprint)
        async with self._store.begin() as connection:
            found = await scorings.find_scoring(connection, caller.workspace_id, scoring.id)
        return Submission(found or scoring, tuple(known[it.prompt_id] for it in given))

    async def wait(self, caller: Caller, scoring: Scoring, within_s: float) -> ScoringState:
        """Wait until everything that was handed in is judged, and its conversations go on.

        Raises:
            Unavailable: it is not within so many seconds; it goes on all the same.
        """
        pause_s = _FIRST_LOOK_S
        try:
            async with asyncio.timeout(within_s):
                while True:
                    state = await self.state(caller, scoring)
                    if state not in _GOES_ON:
                        return state
                    await asyncio.sleep(pause_s)
                    pause_s = min(1.2 * pause_s, _LAST_LOOK_S)
        except TimeoutError as error:
            raise Unavailable(
                f"the answers are not all judged within {within_s:.0f} s; that goes on: send the "
                "same request again, or look at the run"
            ) from error

    async def get(self, caller: Caller, scoring_id: str) -> Scoring:
        """One scoring.

        Raises:
            NotFound: the workspace has no such scoring, or it or its suite is deleted.
        """
        async with self._store.begin() as connection:
            found = await scorings.find_scoring(connection, caller.workspace_id, scoring_id)
        if found is None:
            raise NotFound(f"there is no scoring {scoring_id[:80]!r}")
        await self._suites.must_be_there(caller, found.suite_id)
        return found

    async def list(
        self, caller: Caller, *, suite_id: str | None = None, start: int = 0, limit: int = 100
    ) -> tuple[builtins.list[Scoring], int]:
        """Newest first, and how many there are in all.

        Args:
            suite_id: only those of this suite.

        Raises:
            NotFound: there is no such suite.
        """
        if suite_id is not None:
            await self._suites.must_be_there(caller, suite_id)
        async with self._store.begin() as connection:
            found = await scorings.list_scorings(
                connection, caller.workspace_id, suite_id=suite_id, start=start, limit=limit
            )
            total = await scorings.count_scorings(connection, caller.workspace_id, suite_id)
        return found, total

    async def delete(self, caller: Caller, scoring_id: str) -> None:
        """Take a scoring out of sight; what is still to be judged is not.

        Raises:
            NotFound: there is no such scoring.
        """
        caller.must_be(Role.WRITER)
        await self.get(caller, scoring_id)
        async with self._store.begin() as connection:
            await scorings.delete_scoring(connection, caller.workspace_id, scoring_id)
            at_work = await scorings.runs_at_work(
                connection, caller.workspace_id, scoring_id=scoring_id
            )
        await self._runs.stop(caller, at_work)

    async def standings(self, caller: Caller, scoring: Scoring) -> builtins.list[Standing]:
        """How far its batches are."""
        async with self._store.begin() as connection:
            found = await scorings.standings(connection, caller.workspace_id, [scoring.id])
        return found.get(scoring.id, [])

    async def state(self, caller: Caller, scoring: Scoring) -> ScoringState:
        """Where a scoring is."""
        return state_of(await self.standings(caller, scoring))

    async def pass_rate(self, caller: Caller, scoring: Scoring) -> PassRate:
        """How many of its responses passed."""
        return (await self.overview(caller, [scoring]))[scoring.id].rate

    async def overview(self, caller: Caller, found: Sequence[Scoring]) -> dict[str, Overview]:
        """How several scorings stand, by id."""
        wanted = [it.id for it in found]
        async with self._store.begin() as connection:
            known = await scorings.standings(connection, caller.workspace_id, wanted)
            rates = await pass_rates(connection, caller.workspace_id, wanted, known)
        runs = {
            id_: tuple(it.batch.run_id for it in batches if it.batch.run_id is not None)
            for id_, batches in known.items()
        }
        return {
            id_: Overview(state_of(known.get(id_, ())), rates[id_], runs.get(id_, ()))
            for id_ in wanted
        }

    async def responses(
        self, caller: Caller, scoring: Scoring, *, start: int = 0, limit: int = 100
    ) -> builtins.list[ScoredResponse]:
        """Its responses with what counts about them, in the order in which they came."""
        async with self._store.begin() as connection:
            found = await scorings.list_responses(
                connection, caller.workspace_id, scoring.id, start=start, limit=limit
            )
            return await scored_responses(connection, caller.workspace_id, scoring.id, found)

    async def search(
        self,
        caller: Caller,
        scoring: Scoring,
        wanted: response_search.Wanted,
        *,
        after: int = -1,
        limit: int = 100,
    ) -> builtins.list[ScoredResponse]:
        """Those of its responses that are wanted, with what counts about them, in the order in
        which they came; only those behind the one with the number `after`."""
        async with self._store.begin() as connection:
            found = await response_search.responses_such(
                connection, caller.workspace_id, scoring.id, KEY, wanted, after=after, limit=limit
            )
            return await scored_responses(connection, caller.workspace_id, scoring.id, found)

    async def thread(
        self, caller: Caller, scoring: Scoring, thread_id: str
    ) -> builtins.list[ScoredResponse]:
        """The responses of a conversation, turn by turn."""
        async with self._store.begin() as connection:
            found = await scorings.responses_of_threads(connection, scoring.id, [thread_id])
            return await scored_responses(
                connection, caller.workspace_id, scoring.id, found.get(thread_id, [])
            )

    async def response(self, caller: Caller, scoring: Scoring, response_id: str) -> ScoredResponse:
        """One response.

        Raises:
            NotFound: the scoring has no such response.
        """
        async with self._store.begin() as connection:
            found = await scorings.find_response(
                connection, caller.workspace_id, scoring.id, response_id
            )
            if found is None:
                raise NotFound(f"the scoring has no response {response_id[:80]!r}")
            return (await scored_responses(connection, caller.workspace_id, scoring.id, [found]))[0]

    async def scored(
        self, caller: Caller, scoring: Scoring, found: Sequence[Response]
    ) -> builtins.list[ScoredResponse]:
        """Responses as they are by now, with what counts about them, in the same order."""
        async with self._store.begin() as connection:
            again = await scorings.find_responses(
                connection, scoring.id, [it.prompt_id for it in found]
            )
            ordered = [again[it.prompt_id] for it in found if it.prompt_id in again]
            return await scored_responses(connection, caller.workspace_id, scoring.id, ordered)

    async def stream(
        self, caller: Caller, scoring: Scoring
    ) -> AsyncIterator[builtins.list[ScoredResponse]]:
        """All responses with what counts about them, a page in memory at a time."""
        start = 0
        while page := await self.responses(caller, scoring, start=start, limit=_PAGE):
            yield page
            start += _PAGE

    async def override(
        self,
        caller: Caller,
        scoring: Scoring,
        response_id: str,
        *,
        passed: bool | None = None,
        confidence: float | None = None,
        explanation: str | None = None,
    ) -> ScoredResponse:
        """Put a person's word in the place of the judge's; what is None stays as it counts. Where
        the verdict is another, its confidence and explanation do not stay.

        Raises:
            NotFound: the scoring has no such response.
            Conflict: it is not judged (yet), or somebody else said something about it just now.
            InvalidFields: nothing is said, or a value is none.
        """
        caller.must_be(Role.WRITER)
        before = await self.response(caller, scoring, response_id)
        response, verdict = before.response, before.verdict
        if passed is None and confidence is None and explanation is None:
            raise InvalidFields(
                [
                    FieldProblem(
                        "is_passed", "say what it should be: is_passed, confidence or explanation"
                    )
                ]
            )
        if confidence is not None and not 0 <= confidence <= 1:
            raise InvalidFields([FieldProblem("confidence", "0 to 1 is needed")])
        run_id = await self._run_of(caller, scoring, response)
        value = verdict.passed if passed is None else passed
        if value is None:
            raise InvalidFields(
                [FieldProblem("passed", "there is no verdict yet: say whether it passed")]
            )
        sure, why = confidence, (explanation or "").strip()
        if value == verdict.passed:  # what was said about the other verdict does not hold for this
            sure = verdict.confidence if sure is None else sure
            why = why or verdict.explanation or ""
        await self._reviews.judge(
            caller,
            run_id,
            [
                Judgement(
                    scorer=KEY,
                    reason=why or _UNEXPLAINED,
                    position=response.position,
                    label="pass" if value else "fail",
                    confidence=sure,
                )
            ],
        )
        async with self._store.begin() as connection:
            await scorings.touch_scoring(connection, scoring.id)
        return await self.response(caller, scoring, response_id)

    async def withdraw(
        self, caller: Caller, scoring: Scoring, response_id: str, reason: str
    ) -> ScoredResponse:
        """Take back what a person said of a response, so that the judge's verdict counts again.

        Raises:
            NotFound: the scoring has no such response, or nobody's word counts about it.
            Conflict, InvalidFields: as `override`.
        """
        caller.must_be(Role.WRITER)
        response = (await self.response(caller, scoring, response_id)).response
        run_id = await self._run_of(caller, scoring, response)
        await self._reviews.withdraw(caller, run_id, response.position or 0, 0, KEY, reason)
        async with self._store.begin() as connection:
            await scorings.touch_scoring(connection, scoring.id)
        return await self.response(caller, scoring, response_id)

    async def history(
        self, caller: Caller, scoring: Scoring, response_id: str
    ) -> tuple[Verdict, builtins.list[Override]]:
        """What the judge said of a response, and what people said then, the oldest first.

        Raises:
            NotFound: the scoring has no such response.
        """
        found = (await self.response(caller, scoring, response_id)).response
        if found.position is None:
            return Verdict(None), []
        run_id = await self._run_of(caller, scoring, found)
        async with self._store.begin() as connection:
            records = await outcomes_at(connection, caller.workspace_id, run_id, [found.position])
        said = await self._reviews.history(caller, run_id, found.position)
        first = verdict_of(records[0]) if records else Verdict(None)
        return first, [it for it in said if it.scorer == KEY]

    async def _run_of(self, caller: Caller, scoring: Scoring, response: Response) -> str:
        if response.position is None:
            raise Conflict("the response is excluded from scoring: there is nothing to override")
        for standing in await self.standings(caller, scoring):
            if standing.batch.number == response.batch:
                if standing.state not in FINISHED or standing.batch.run_id is None:
                    raise Conflict("the response is not judged yet: wait until the run is finished")
                return standing.batch.run_id
        raise Conflict("the response is not judged yet")

    async def _scoring_for(
        self,
        caller: Caller,
        suite: Suite,
        scoring_id: str | None,
        fingerprint: str | None,
        sent_again: bool,
    ) -> Scoring | None:
        """The scoring that answers are added to; None: a new one."""
        if scoring_id is not None:
            found = await self.get(caller, scoring_id)
            if found.suite_id != suite.id:
                raise Conflict("the run is of another eval: leave it out, or name its own")
            return found
        if fingerprint is None or not sent_again:
            return None
        async with self._store.begin() as connection:
            return await scorings.find_sent_before(
                connection, caller.workspace_id, fingerprint, now() - SENT_AGAIN_WITHIN
            )

    async def _new(
        self,
        caller: Caller,
        suite: Suite,
        name: str | None,
        ai_description: str | None,
        examples: Sequence[ScoringExample],
        sandbox: bool,
    ) -> Scoring:
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        return Scoring(
            id=new_id("scoring"),
            workspace_id=caller.workspace_id,
            suite_id=suite.id,
            name=name or f"{suite.name}-{moment:%Y-%m-%dT%H:%M:%S}",
            ai_description=ai_description,
            examples=tuple(examples),
            sandbox=sandbox or suite.request.sandbox,
            responses=0,
            door=caller.door,
            author=author,
            created_at=moment,
            updated_at=moment,
        )

    async def _keep(
        self,
        caller: Caller,
        suite: Suite,
        scoring: Scoring,
        work: HandedIn,
        is_new: bool,
        fingerprint: str | None,
    ) -> dict[str, Response]:
        """Keep what is new, and have it judged; all responses by the id of their prompt."""
        made: dict[str, Response] = {}

        async def keep(connection: AsyncConnection, evaluation_id: str | None) -> None:
            nonlocal made
            if is_new:
                if not await suite_is_there(connection, suite.workspace_id, suite.id, hold=True):
                    raise NotFound("the suite has just been deleted")
                await scorings.add_scoring(connection, scoring, fingerprint)
            first = await scorings.grow_scoring(connection, scoring.id, len(work.new))
            if first is None:
                raise NotFound("the scoring has just been deleted")
            named = [it.prompt_id for it in work.new]
            if await scorings.find_responses(connection, scoring.id, named):
                raise Conflict("the same prompts were answered just now: send the request again")
            number = await scorings.next_batch(connection, scoring.id)
            run_id = None
            if evaluation_id is not None:
                run_id = await scorings.run_of_evaluation(connection, evaluation_id)
            batch = Batch(scoring.id, number, run_id, evaluation_id, None)
            await scorings.add_batch(connection, batch, caller.workspace_id)
            made = responses_of(scoring, batch, work, first)
            await scorings.add_responses(connection, list(made.values()))

        if work.new:
            judged = [it for it in work.new if not it.excluded]
            if judged:
                truth = await self._suites.truth(caller, suite.id)
                spec = await self._spec(caller, suite, scoring, work, judged, truth)
                await self._evaluations.start(caller, parse_spec(spec), along=keep)
            else:
                async with self._store.begin() as connection:
                    await keep(connection, None)
        known = {**work.before, **made}
        await self._go_on(caller, suite, scoring, work, known)
        return known

    async def _spec(
        self,
        caller: Caller,
        suite: Suite,
        scoring: Scoring,
        work: HandedIn,
        judged: Sequence[Given],
        truth: str | None,
    ) -> JsonObject:
        """The evaluation that judges answers."""

        def rows() -> builtins.list[dict[str, Any]]:
            policies = policies_of(suite.request)
            return [
                row_of(
                    work.prompts[it.prompt_id],
                    it,
                    truth,
                    policies,
                    conversation=conversation_of(work, it),
                )
                for it in judged
            ]

        dataset = await self._datasets.import_rows(
            caller, f"answers of {scoring.name}"[:200], await asyncio.to_thread(rows)
        )
        who = scoring.ai_description or suite.request.ai_description
        spec: dict[str, Any] = {
            "name": scoring.name[:200],
            "data": dataset.id,
            "id": "prompt_id",
            "model": " ".join(who.split())[:100],
            "answers": {"column": "answer", "files": "media"},
            "prompt": "{prompt}",
            "scorers": [{"as": KEY, "conduct": conduct_of(suite.request, scoring)}],
            "concurrency": _CONCURRENCY,
            "metadata": {"scoring": scoring.id, "suite": suite.id, "kind": suite.request.kind},
        }
        if scoring.sandbox:
            spec["judge"] = RESERVED_NAME
        return spec

    async def _go_on(
        self,
        caller: Caller,
        suite: Suite,
        scoring: Scoring,
        work: HandedIn,
        known: Mapping[str, Response],
    ) -> None:
        """Have written what is said next in conversations that go on, where nobody does yet."""
        waiting = [it for it in known.values() if it.continues and it.next_prompt_id is None]
        if not waiting:
            return
        standing = {
            it.batch.number: it.batch.follows_evaluation_id
            for it in await self.standings(caller, scoring)
        }
        for number in sorted({it.batch for it in waiting}):
            if standing.get(number) is None:
                theirs = [it for it in waiting if it.batch == number]
                await self._follow(caller, suite, scoring, work, theirs, number)

    async def _follow(
        self,
        caller: Caller,
        suite: Suite,
        scoring: Scoring,
        work: HandedIn,
        waiting: Sequence[Response],
        number: int,
    ) -> None:
        generator = self._suites.generator(sandbox=scoring.sandbox)
        threads = [thread_of(work, it) for it in waiting]
        slots = await asyncio.to_thread(
            turn_slots, suite.request, threads, by_model=generator is not None
        )
        if generator is None:
            written = {str(it["thread"]): read_turn(it, str(it["written"])) for it in slots}
            named = [it.prompt_id for it in waiting]
            async with self._store.begin() as connection:
                await scorings.touch_scoring(connection, scoring.id)  # who does the same waits
                now_there = await scorings.find_responses(connection, scoring.id, named)
                made = {
                    it.id: next_prompt(it, work.earlier[it.prompt_id], written[it.thread_id])
                    for it in now_there.values()
                    if it.next_prompt_id is None
                }
                await add_turns(connection, list(made.values()))
                await scorings.set_next_prompts(
                    connection, {id_: prompt.id for id_, prompt in made.items()}
                )
            return

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            if not await scorings.set_follows(connection, scoring.id, number, evaluation_id):
                raise _Begun("what is said next is being written already")

        name = f"next turns of {scoring.name}"[:200]
        spec = turn_evaluation(name, slots, generator, suite.request)
        spec = {**spec, "metadata": {"follows": scoring.id}}
        with suppress(_Begun):
            await self._evaluations.start(caller, parse_spec(spec), along=keep)


_GOES_ON = {ScoringState.CREATED, ScoringState.PROCESSING}


def fingerprint_of(body: bytes, path: str) -> str:
    """By which a request is known when it is sent again."""
    return hashlib.sha256(path.encode() + b"\0" + body).hexdigest()


def state_of(standings: Sequence[Standing]) -> ScoringState:
    """Where a scoring with such batches is."""
    states = [it.state for it in standings if it.state is not None]
    follows = [it.follows_state for it in standings if it.follows_state is not None]
    going_on = [it for it in (*states, *follows) if it not in FINISHED]
    if going_on:
        begun = len(states) > 1 or any(it is not RunState.QUEUED for it in states)
        return ScoringState.PROCESSING if begun else ScoringState.CREATED
    if any(it is not RunState.SUCCEEDED for it in states):
        return ScoringState.FAILED
    return ScoringState.FINISHED
