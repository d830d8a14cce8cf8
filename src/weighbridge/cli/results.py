"""Where finished work is read from: the services in this process, or a server over HTTP."""

from collections.abc import Sequence
from typing import Protocol

from weighbridge.cli.session import Session
from weighbridge.core.outcome import Status
from weighbridge.dialects.native import (
    translate,
    translate_comparisons,
    translate_repositories,
    wire,
    wire_repositories,
)
from weighbridge.errors import NotFound
from weighbridge.policy import PolicySpec
from weighbridge.services.deliveries import view_delivery
from weighbridge.services.exports import outcome_object
from weighbridge.store.moments import now


class Results(Protocol):
    """Runs and what became of them, as the native API shows them."""

    async def run(self, run_id: str) -> wire.Run:
        """One run."""
        ...

    async def report(self, run_id: str) -> wire.Report:
        """What it came to."""
        ...

    async def dataset(self, dataset_id: str) -> wire.Dataset:
        """The data it was about."""
        ...

    async def outcomes(self, run_id: str, status: Status, limit: int) -> list[wire.Outcome]:
        """Its first outcomes with that status, at most 500."""
        ...

    async def agreement(self, run_id: str) -> wire.RunAgreement:
        """How its scorers stand beside people."""
        ...

    async def delivery(self, run_id: str) -> wire_repositories.ColumnDelivery | None:
        """What has become of the column that its answers go to; None: they go nowhere."""
        ...

    async def commit_delivery(
        self, run_id: str, *, branch: str | None, message: str | None
    ) -> wire_repositories.ColumnDelivery:
        """Commit that column."""
        ...

    async def called(self, name: str) -> wire.Run:
        """The run with this id; `latest` is the newest one."""
        ...

    async def compare(
        self, run_ids: Sequence[str], scorers: Sequence[str], level: float
    ) -> wire.Comparison:
        """Runs compared on the cases that they share."""
        ...

    async def flips(self, a: str, b: str, scorer: str, limit: int) -> list[wire.Flip]:
        """The first cases whose scores differ between two runs, at most 200."""
        ...

    async def gate(self, policy: PolicySpec, run_id: str, baseline_id: str | None) -> wire.Gate:
        """A run held against a policy."""
        ...


class LocalResults:
    """`Results` out of this process's services."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._services = session.services
        self._caller = session.caller

    async def run(self, run_id: str) -> wire.Run:
        """One run."""
        return translate.from_run(await self._services.runs.view(self._caller, run_id), now())

    async def report(self, run_id: str) -> wire.Report:
        """What it came to."""
        report = await self._services.reports.get(self._caller, run_id)
        return translate.from_report(report, now())

    async def dataset(self, dataset_id: str) -> wire.Dataset:
        """The data it was about."""
        return translate.from_dataset(await self._services.datasets.get(self._caller, dataset_id))

    async def outcomes(self, run_id: str, status: Status, limit: int) -> list[wire.Outcome]:
        """Its first outcomes with that status, at most 500."""
        run = await self._services.runs.get(self._caller, run_id)
        page = await self._services.outcomes.page(self._caller, run, status=status, limit=limit)
        return [wire.Outcome.model_validate(outcome_object(view)) for view in page]

    async def agreement(self, run_id: str) -> wire.RunAgreement:
        """How its scorers stand beside people."""
        found = await self._services.agreements.of_run(self._caller, run_id)
        return translate.from_agreements(run_id, 0, found)

    async def delivery(self, run_id: str) -> wire_repositories.ColumnDelivery | None:
        """What has become of the column that its answers go to; None: they go nowhere."""
        try:
            return await self._delivery(run_id)
        except NotFound:
            return None

    async def commit_delivery(
        self, run_id: str, *, branch: str | None, message: str | None
    ) -> wire_repositories.ColumnDelivery:
        """Commit that column."""
        await self._services.inferences.commit(self._caller, run_id, branch=branch, message=message)
        return await self._delivery(run_id)

    async def _delivery(self, run_id: str) -> wire_repositories.ColumnDelivery:
        services = self._services
        view = await view_delivery(
            services.inferences, services.repositories, services.runs, self._caller, run_id
        )
        return translate_repositories.from_delivery(view)

    async def called(self, name: str) -> wire.Run:
        """The run with this id; `latest` is the newest one."""
        return await self.run((await self._session.run(name)).id)

    async def compare(
        self, run_ids: Sequence[str], scorers: Sequence[str], level: float
    ) -> wire.Comparison:
        """Runs compared on the cases that they share."""
        view = await self._services.comparisons.compare(
            self._caller, run_ids, scorers=scorers, level=level
        )
        return translate_comparisons.from_comparison(view)

    async def flips(self, a: str, b: str, scorer: str, limit: int) -> list[wire.Flip]:
        """The first cases whose scores differ between two runs, at most 200."""
        found = await self._services.flips.page(self._caller, a, b, scorer, limit=limit)
        return [translate_comparisons.from_flip(flip, scorer, a, b) for flip in found]

    async def gate(self, policy: PolicySpec, run_id: str, baseline_id: str | None) -> wire.Gate:
        """A run held against a policy."""
        view = await self._services.gates.judge(
            self._caller, policy.to_policy(), run_id, baseline_id
        )
        return translate_comparisons.from_gate(view, now())
