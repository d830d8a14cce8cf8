"""What was done with data: the runs that read a data set or a file, and what they wrote."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.inference import Inference, frame_address
from weighbridge.core.run import Run
from weighbridge.store import data_uses, evaluations, inferences, runs
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import StoredEvaluation
from weighbridge.versions.base import Repo

_MOST_STATES = 1_000
"""Of one file, at different commits, that are looked at for runs."""


@dataclass(frozen=True, slots=True)
class Use:
    """A run that read data.

    Attributes:
        dataset_id: of those that were asked for, the one that it read rows of.
        writes: where its answers go, if into a repository.
    """

    run: Run
    evaluation: StoredEvaluation
    dataset_id: str
    writes: Inference | None


@dataclass(frozen=True, slots=True)
class FileUse:
    """A run that read a file of a repository, or makes a column of it.

    Attributes:
        commit_id, path: the file that it read.
        same: whether that was, byte by byte, the file that was asked for.
        writes: where its answers go, if into a repository.
    """

    run: Run
    evaluation: StoredEvaluation
    commit_id: str | None
    path: str | None
    same: bool
    writes: Inference | None


class DataUses:
    """What was done with the data of an installation.

    Args:
        store: where it is noted.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def counts(self, caller: Caller, dataset_ids: Collection[str]) -> dict[str, int]:
        """How many evaluations read each of these data sets, or rows selected from it."""
        async with self._store.begin() as connection:
            found = await data_uses.count_evaluations(connection, caller.workspace_id, dataset_ids)
        return {dataset_id: found.get(dataset_id, 0) for dataset_id in dataset_ids}

    async def of_datasets(
        self,
        caller: Caller,
        dataset_ids: Collection[str],
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> list[Use]:
        """The runs that read these data sets, or rows selected from them; newest first.

        Args:
            after: only those before this run.
        """
        async with self._store.begin() as connection:
            workspace = caller.workspace_id
            roots = await data_uses.runs_reading(
                connection, workspace, dataset_ids, after=after, limit=limit
            )
            found = await _looked_up(connection, workspace, roots)
        return [Use(run, theirs, roots[run.id], writes) for run, theirs, writes in found]

    async def of_file(
        self, caller: Caller, repo: Repo, path: str, content_hash: str, *, limit: int = 50
    ) -> list[FileUse]:
        """The runs that read a file, at whatever commit, or make a column of it; newest first.

        Args:
            content_hash: of the file as it is looked at.
        """
        workspace, address = caller.workspace_id, repo.repository.address
        async with self._store.begin() as connection:
            sets = await data_uses.datasets_of_file(
                connection, workspace, address, path, _MOST_STATES
            )
            commits = _commits(sets, address, path)
            roots = await data_uses.runs_reading(
                connection, workspace, commits, after=None, limit=limit
            )
            into = await inferences.inferences_into(
                connection, workspace, repo.repository.id, path, limit
            )
            found = await _looked_up(connection, workspace, {*roots, *(it.run_id for it in into)})
        read_at = {run_id: commits[dataset_id] for run_id, dataset_id in roots.items()}
        shown = found[:limit]
        looked_at = {read_at[run.id] for run, _, _ in shown if run.id in read_at}
        same = await _same(repo, path, content_hash, looked_at)
        return [
            FileUse(
                run,
                theirs,
                read_at.get(run.id) or (writes.commit_id if writes else None),
                path if run.id in read_at else (writes.path if writes else None),
                read_at.get(run.id) in same,
                writes,
            )
            for run, theirs, writes in shown
        ]

    async def makers(
        self, caller: Caller, repository_id: str, commit_ids: Collection[str]
    ) -> dict[str, Inference]:
        """Which of these commits were made by a run, and by which."""
        async with self._store.begin() as connection:
            return await inferences.inferences_that_made(
                connection, caller.workspace_id, repository_id, commit_ids
            )


_Found: TypeAlias = tuple[Run, StoredEvaluation, Inference | None]


async def _looked_up(
    connection: AsyncConnection, workspace_id: str, run_ids: Collection[str]
) -> list[_Found]:
    """Runs with what they execute and where their answers go, newest first."""
    found = await runs.find_runs(connection, workspace_id, run_ids)
    theirs = await evaluations.find_evaluations(
        connection, workspace_id, {run.evaluation_id for run in found.values()}
    )
    going = await inferences.find_inferences(connection, workspace_id, list(found))
    return [
        (found[run_id], theirs[found[run_id].evaluation_id], going.get(run_id))
        for run_id in sorted(found, reverse=True)
        if found[run_id].evaluation_id in theirs
    ]


def _commits(sets: Mapping[str, str], repository: str, path: str) -> dict[str, str]:
    """Data set → the commit at which it was taken from the file at this very path."""
    found = {}
    for dataset_id, name in sets.items():
        address = frame_address(name)
        if address and (address.repository, address.path) == (repository, path):
            found[dataset_id] = address.revision
    return found


async def _same(repo: Repo, path: str, content_hash: str, commit_ids: Collection[str]) -> set[str]:
    """The commits at which a file has this content."""
    same = set()
    for commit in (await repo.commits(list(commit_ids))).values():
        entry = await repo.entry(commit, path)
        if entry is not None and entry.hash == content_hash:
            same.add(commit.id)
    return same
