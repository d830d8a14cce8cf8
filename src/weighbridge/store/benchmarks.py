"""Benchmarks, as rows. Their questions are data sets."""

from typing import Any

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.benchmark import Benchmark, BenchmarkState, Origin
from weighbridge.store.moments import now
from weighbridge.store.tables import benchmarks


async def add_benchmark(connection: AsyncConnection, benchmark: Benchmark) -> None:
    """Keep a benchmark."""
    await connection.execute(
        benchmarks.insert().values(
            id=benchmark.id,
            workspace_id=benchmark.workspace_id,
            name=benchmark.name,
            description=benchmark.description,
            origin=benchmark.origin.value,
            state=benchmark.state.value,
            dataset_id=benchmark.dataset_id,
            questions=benchmark.questions,
            documents=list(benchmark.documents),
            wanted=benchmark.wanted,
            evaluation_id=benchmark.evaluation_id,
            filename=benchmark.filename,
            problem=benchmark.problem,
            created_by=benchmark.created_by,
            created_at=benchmark.created_at,
            updated_at=benchmark.updated_at,
            finished_at=benchmark.finished_at,
        )
    )


async def find_benchmark(
    connection: AsyncConnection, workspace_id: str, benchmark_id: str
) -> Benchmark | None:
    """The benchmark with this id, if it is in the workspace."""
    return await _one(connection, workspace_id, benchmarks.c.id == benchmark_id)


async def find_written_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> Benchmark | None:
    """The benchmark whose questions an evaluation writes; None: it writes none."""
    return await _one(connection, workspace_id, benchmarks.c.evaluation_id == evaluation_id)


async def list_benchmarks(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    after: str | None = None,
    start: int = 0,
    limit: int,
) -> list[Benchmark]:
    """Newest first, below the id `after`, or from the 0-based place `start` on."""
    query = select(benchmarks).where(benchmarks.c.workspace_id == workspace_id)
    if after is not None:
        query = query.where(benchmarks.c.id < after)
    rows = await connection.execute(
        query.order_by(benchmarks.c.id.desc()).offset(start).limit(limit)
    )
    return [_benchmark(row) for row in rows.mappings()]


async def count_benchmarks(connection: AsyncConnection, workspace_id: str) -> int:
    """How many the workspace has."""
    query = select(func.count()).where(benchmarks.c.workspace_id == workspace_id)
    return int(await connection.scalar(query) or 0)


async def end_benchmark(
    connection: AsyncConnection,
    benchmark_id: str,
    state: BenchmarkState,
    *,
    dataset_id: str | None = None,
    questions: int = 0,
    problem: str | None = None,
) -> bool:
    """Note what the writing of questions came to; False: it is noted already."""
    moment = now()
    changed = await connection.execute(
        update(benchmarks)
        .where(benchmarks.c.id == benchmark_id, benchmarks.c.state != BenchmarkState.READY.value)
        .values(
            state=state.value,
            dataset_id=dataset_id,
            questions=questions,
            problem=problem,
            updated_at=moment,
            finished_at=moment,
        )
    )
    return changed.rowcount == 1


async def _one(connection: AsyncConnection, workspace_id: str, condition: Any) -> Benchmark | None:
    found = await connection.execute(
        select(benchmarks).where(benchmarks.c.workspace_id == workspace_id, condition)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _benchmark(row)


def _benchmark(row: RowMapping) -> Benchmark:
    fields: dict[str, Any] = dict(row)
    fields["origin"] = Origin(fields["origin"])
    fields["state"] = BenchmarkState(fields["state"])
    fields["documents"] = tuple(fields["documents"])
    return Benchmark(**fields)
