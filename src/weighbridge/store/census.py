"""How much there is of everything in a workspace: counted in the database, for monitoring."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Usage
from weighbridge.core.run import FINISHED, Progress, RunState
from weighbridge.core.webhook import DeliveryState
from weighbridge.store.tables import runs, tallies
from weighbridge.store.webhooks import count_deliveries
from weighbridge.store.workers import count_alive


@dataclass(frozen=True, slots=True)
class Census:
    """What there is now. Sums go over the runs that are kept, so they fall when outcomes are
    forgotten, as `retry-failed` does.

    Attributes:
        runs: in each state, every state named.
        progress: over all runs. usage: over all runs.
        waiting: cases without an outcome, of runs that have not ended.
        workers: alive in the installation.
        deliveries: of webhooks, in each state.
    """

    runs: dict[RunState, int]
    progress: Progress
    usage: Usage
    waiting: int
    workers: int
    deliveries: dict[DeliveryState, int]


async def take_census(
    connection: AsyncConnection, workspace_id: str, worker_lease_s: float
) -> Census:
    """Count. It reads a row for each run and each shard of the workspace, never outcomes.

    Args:
        worker_lease_s: for how long a worker that gave no sign of life counts as alive.
    """
    states = await connection.execute(
        select(runs.c.state, func.count().label("n"), func.sum(runs.c.total).label("total"))
        .where(runs.c.workspace_id == workspace_id)
        .group_by(runs.c.state)
    )
    counts = dict.fromkeys(RunState, 0)
    total = open_total = 0
    for row in states:
        state = RunState(row.state)
        counts[state] = row.n
        total += int(row.total)
        open_total += 0 if state in FINISHED else int(row.total)
    names = ("done", "failed", "ungraded", "input_tokens", "output_tokens", "calls", "cached")
    sums = (
        await connection.execute(
            select(
                *(func.coalesce(func.sum(tallies.c[name]), 0).label(name) for name in names),
                func.sum(tallies.c.cost_usd).label("cost_usd"),
            ).where(tallies.c.workspace_id == workspace_id)
        )
    ).one()
    open_runs = select(runs.c.id).where(
        runs.c.workspace_id == workspace_id, runs.c.state.not_in(list(FINISHED))
    )
    open_done = await connection.scalar(
        select(func.coalesce(func.sum(tallies.c.done), 0)).where(tallies.c.run_id.in_(open_runs))
    )
    return Census(
        runs=counts,
        progress=Progress(int(sums.done), total, int(sums.failed), int(sums.ungraded)),
        usage=Usage(
            int(sums.input_tokens),
            int(sums.output_tokens),
            sums.cost_usd,
            int(sums.calls),
            int(sums.cached),
        ),
        waiting=max(0, open_total - int(open_done or 0)),
        workers=await count_alive(connection, worker_lease_s),
        deliveries=dict.fromkeys(DeliveryState, 0)
        | await count_deliveries(connection, workspace_id),
    )
