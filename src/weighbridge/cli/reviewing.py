"""Where people's reviews are kept: by the services in this process, or by a server."""

from collections.abc import Sequence
from typing import Protocol

from weighbridge.cli.session import Session
from weighbridge.dialects.native import translate, wire
from weighbridge.errors import NotFound
from weighbridge.services.exports import outcome_object

PAGE = 500


class Reviewing(Protocol):
    """What people say about the scores of a run (its id, or `latest`)."""

    async def judge(
        self, run_id: str, judgements: Sequence[wire.JudgementOfCase]
    ) -> list[wire.Override]:
        """Keep what is said, all of it or nothing."""
        ...

    async def withdraw(
        self, run_id: str, case_id: str, epoch: int, scorer: str, reason: str, author: str
    ) -> wire.Override:
        """Take back what counts about a score."""
        ...

    async def overrides(self, run_id: str, scorer: str | None) -> list[wire.Override]:
        """Everything that was said, newest first."""
        ...

    async def sample(
        self, run_id: str, n: int, seed: int, scorer: str | None, unreviewed: bool
    ) -> wire.ReviewSample:
        """Outcomes drawn at random."""
        ...


class LocalReviewing:
    """`Reviewing` by this process's services."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._caller = session.caller
        self._reviews = session.services.reviews

    async def judge(
        self, run_id: str, judgements: Sequence[wire.JudgementOfCase]
    ) -> list[wire.Override]:
        """Keep what is said, all of it or nothing."""
        run = await self._session.run(run_id)
        said = [translate.to_judgement(judgement) for judgement in judgements]
        kept = await self._reviews.judge(self._caller, run.id, said, listed_under="overrides")
        return [translate.from_override(override) for override in kept]

    async def withdraw(
        self, run_id: str, case_id: str, epoch: int, scorer: str, reason: str, author: str
    ) -> wire.Override:
        """Take back what counts about a score."""
        run = await self._session.run(run_id)
        found = await self._session.services.outcomes.page(
            self._caller, run, limit=1, case_id=case_id
        )
        if not found:
            raise NotFound(f"the run {run.id} has no outcome of a case `{case_id}`")
        position = found[0].record.position
        return translate.from_override(
            await self._reviews.withdraw(
                self._caller, run.id, position, epoch, scorer, reason, author
            )
        )

    async def overrides(self, run_id: str, scorer: str | None) -> list[wire.Override]:
        """Everything that was said, newest first."""
        run = await self._session.run(run_id)
        found: list[wire.Override] = []
        while True:
            page = await self._reviews.page(
                self._caller,
                run.id,
                after=found[-1].id if found else None,
                limit=PAGE,
                scorer=scorer,
            )
            found += [translate.from_override(override) for override in page]
            if len(page) < PAGE:
                return found

    async def sample(
        self, run_id: str, n: int, seed: int, scorer: str | None, unreviewed: bool
    ) -> wire.ReviewSample:
        """Outcomes drawn at random."""
        run = await self._session.run(run_id)
        drawn = await self._reviews.sample(
            self._caller, run.id, n=n, seed=seed, scorer=scorer, unreviewed=unreviewed
        )
        return wire.ReviewSample(
            data=[wire.Outcome.model_validate(outcome_object(view)) for view in drawn.views],
            seed=seed,
            eligible=drawn.eligible,
            reviewed=drawn.reviewed,
        )
