"""Runs whose answers become a column of a file in a repository: looked at, and committed."""

import builtins

from weighbridge.core.caller import Caller, Role
from weighbridge.core.inference import Inference, InferenceState
from weighbridge.core.versions import Content
from weighbridge.errors import Conflict, NotFound
from weighbridge.jobs.column import commit_result
from weighbridge.services.repositories import Repositories
from weighbridge.store import inferences
from weighbridge.store.engine import Store
from weighbridge.versions.base import Repo


class Inferences:
    """The inferences of an installation.

    Args:
        store: where they are kept.
        repositories: where their files are.
    """

    def __init__(self, store: Store, repositories: Repositories) -> None:
        self._store = store
        self._repositories = repositories

    async def find(self, caller: Caller, run_id: str) -> Inference | None:
        """Where the answers of a run go; None: nowhere but into its outcomes."""
        async with self._store.begin() as connection:
            return await inferences.find_inference(connection, caller.workspace_id, run_id)

    async def get(self, caller: Caller, run_id: str) -> Inference:
        """As `find`.

        Raises:
            NotFound: the workspace has no such run, or its answers go nowhere.
        """
        found = await self.find(caller, run_id)
        if found is None:
            raise NotFound(f"there is no run {run_id} whose answers go into a repository")
        return found

    async def list(
        self, caller: Caller, repository_id: str, *, start: int = 0, limit: int = 100
    ) -> builtins.list[Inference]:
        """Those of a repository, newest first."""
        async with self._store.begin() as connection:
            return await inferences.list_inferences(
                connection, caller.workspace_id, repository_id, start=start, limit=limit
            )

    async def result(self, caller: Caller, run_id: str) -> tuple[Repo, Content, str]:
        """The file with the column, committed or not: its repository, content and path.

        Raises:
            NotFound: there is none (yet).
        """
        inference = await self.get(caller, run_id)
        repo = await self._repositories.open_id(caller, inference.repository_id)
        if inference.result is None:
            raise NotFound(f"the run {run_id} has no result yet: it is {inference.state}")
        content = await repo.content(inference.result[inference.target_path])
        return repo, content, inference.target_path

    async def commit(
        self,
        caller: Caller,
        run_id: str,
        *,
        message: str | None = None,
        branch: str | None = None,
    ) -> Inference:
        """Commit a result that waits for it, or one that met a conflict.

        Args:
            message: in place of the one that was given at the start.
            branch: in place of the one that was given at the start.

        Raises:
            NotFound: there is no such run.
            Conflict: it has no result yet, or what is at its place has changed meanwhile.
        """
        caller.must_be(Role.WRITER)
        inference = await self.get(caller, run_id)
        repo = await self._repositories.open_id(caller, inference.repository_id, write=True)
        if inference.state is InferenceState.COMMITTED and branch in {None, inference.branch}:
            return inference
        if inference.result is None:
            raise Conflict(f"the run {run_id} has no result to commit: {inference.state}")
        known = await repo.contents(list(inference.result.values()))
        files = {path: known[content_hash] for path, content_hash in inference.result.items()}
        told = inference.with_message(message) if message else inference
        if branch is not None and branch != inference.branch:
            told = await self._for_branch(repo, told, branch)
        commit = await commit_result(repo, told, files, key=None)
        async with self._store.begin() as connection:
            await inferences.set_inference(
                connection,
                run_id,
                InferenceState.COMMITTED,
                committed_as=commit.id,
                message=told.message,
                branch=told.branch,
                expected=files[told.target_path].hash,
                problem=inference.problem,  # of the past, but it says why the run has failed
            )
        return await self.get(caller, run_id)

    async def _for_branch(self, repo: Repo, inference: Inference, branch: str) -> Inference:
        """For another branch than the one that was meant: whoever names it knows what is there."""
        there = {it.name for it in await repo.branches()}
        at = await repo.commit_at(branch if branch in there else inference.commit_id)
        entry = await repo.entry(at, inference.target_path)
        return inference.for_branch(branch, entry.hash if entry else None)
