"""How the cases of a run are done: most are asked once and scored (`CaseWork`); some runs have work
of their own, whose cases take several calls."""

from typing import Protocol

from weighbridge.core.case import Case
from weighbridge.core.outcome import Given, Record
from weighbridge.jobs.case_work import CaseWork
from weighbridge.jobs.data_specs import BlueprintWork
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.red_team import RedTeamWork
from weighbridge.jobs.sample_work import SampleWork
from weighbridge.store.engine import Store


class Work(Protocol):
    """What a run does with each of its cases. One object serves the whole run, many cases at the
    same time."""

    async def do(self, case: Case, epoch: int, given: Given) -> Record:
        """Do one case; what goes wrong on the way is in the record, not raised.

        Args:
            given: what there is of it already: an answer is not asked for again.

        Returns:
            The record; its usage is what this call consumed.

        Raises:
            WeighbridgeError: it concerns the whole run, which ends with it; there is no record.
        """
        ...


def work_for(loaded: LoadedRun, store: Store) -> Work:
    """What is to be done with the cases of a run."""
    if loaded.data_spec is not None and loaded.model is not None:
        return BlueprintWork(loaded, loaded.data_spec, loaded.model, store)
    if loaded.production is not None and loaded.model is not None:
        return SampleWork(loaded, loaded.production, loaded.model, store)
    if loaded.red_team is not None and loaded.model is not None:
        return RedTeamWork(loaded, loaded.red_team, loaded.model, store)
    return CaseWork(
        loaded.evaluation, loaded.model, loaded.scorers, loaded.judges, store.blobs, loaded.files
    )
