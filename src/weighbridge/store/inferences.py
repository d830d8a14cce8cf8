"""Runs whose answers become a column of a file in a repository, as rows."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.inference import Inference, InferenceState
from weighbridge.core.versions import Signature
from weighbridge.store.tables import inferences


async def add_inference(connection: AsyncConnection, inference: Inference) -> None:
    """Note where the answers of a run go."""
    await connection.execute(
        inferences.insert().values(
            run_id=inference.run_id,
            workspace_id=inference.workspace_id,
            repository_id=inference.repository_id,
            commit_id=inference.commit_id,
            path=inference.path,
            request={
                "column": inference.column,
                "branch": inference.branch,
                "path": inference.target_path,
                "expected": inference.expected,
                "message": inference.message,
                "author": [inference.author.name, inference.author.email],
                "commit": inference.auto_commit,
            },
            state=inference.state.value,
        )
    )


async def find_inference(
    connection: AsyncConnection, workspace_id: str, run_id: str
) -> Inference | None:
    """Where the answers of a run go; None: nowhere but into its outcomes."""
    found = await connection.execute(
        select(inferences).where(
            inferences.c.run_id == run_id, inferences.c.workspace_id == workspace_id
        )
    )
    row = found.mappings().one_or_none()
    return None if row is None else _inference(row)


async def list_inferences(
    connection: AsyncConnection,
    workspace_id: str,
    repository_id: str,
    *,
    start: int,
    limit: int,
) -> list[Inference]:
    """Those of a repository, newest first."""
    rows = await connection.execute(
        select(inferences)
        .where(
            inferences.c.workspace_id == workspace_id,
            inferences.c.repository_id == repository_id,
        )
        .order_by(inferences.c.run_id.desc())
        .offset(start)
        .limit(limit)
    )
    return [_inference(row) for row in rows.mappings()]


async def find_inferences(
    connection: AsyncConnection, workspace_id: str, run_ids: Collection[str]
) -> dict[str, Inference]:
    """Where the answers of these runs go; those that go nowhere are left out."""
    rows = await connection.execute(
        select(inferences).where(
            inferences.c.workspace_id == workspace_id, inferences.c.run_id.in_(list(run_ids))
        )
    )
    return {row["run_id"]: _inference(row) for row in rows.mappings()}


async def inferences_that_made(
    connection: AsyncConnection,
    workspace_id: str,
    repository_id: str,
    commit_ids: Collection[str],
) -> dict[str, Inference]:
    """Those that made these commits, by commit."""
    rows = await connection.execute(
        select(inferences).where(
            inferences.c.workspace_id == workspace_id,
            inferences.c.repository_id == repository_id,
            inferences.c.committed_as.in_(list(commit_ids)),
        )
    )
    return {row["committed_as"]: _inference(row) for row in rows.mappings()}


async def inferences_into(
    connection: AsyncConnection, workspace_id: str, repository_id: str, path: str, limit: int
) -> list[Inference]:
    """Those that make a column of the file at a path, newest first."""
    rows = await connection.execute(
        select(inferences)
        .where(
            inferences.c.workspace_id == workspace_id,
            inferences.c.repository_id == repository_id,
            inferences.c.request["path"].as_string() == path,
        )
        .order_by(inferences.c.run_id.desc())
        .limit(limit)
    )
    return [_inference(row) for row in rows.mappings()]


async def set_inference(
    connection: AsyncConnection,
    run_id: str,
    state: InferenceState,
    *,
    result: Mapping[str, str] | None = None,
    committed_as: str | None = None,
    problem: str | None = None,
    **request: str,
) -> None:
    """Note what became of the column; a result or commit that is None stays what it was.

    Args:
        request: `message`, `branch`, `expected`: what of it is settled anew.
    """
    values: dict[str, Any] = {"state": state.value, "problem": problem}
    if result is not None:
        values["result"] = dict(result)
    if committed_as is not None:
        values["committed_as"] = committed_as
    if request:
        before = await connection.scalar(
            select(inferences.c.request).where(inferences.c.run_id == run_id)
        )
        values["request"] = {**(before or {}), **request}
    await connection.execute(
        update(inferences).where(inferences.c.run_id == run_id).values(**values)
    )


def _inference(row: RowMapping) -> Inference:
    request = row["request"]
    return Inference(
        run_id=row["run_id"],
        workspace_id=row["workspace_id"],
        repository_id=row["repository_id"],
        commit_id=row["commit_id"],
        path=row["path"],
        column=request["column"],
        branch=request["branch"],
        target_path=request["path"],
        expected=request["expected"],
        message=request["message"],
        author=Signature(*request["author"]),
        auto_commit=request["commit"],
        state=InferenceState(row["state"]),
        result=row["result"],
        committed_as=row["committed_as"],
        problem=row["problem"],
    )
