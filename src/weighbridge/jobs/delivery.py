"""The end of a run: its report from its rows, and its last state."""

from collections import Counter

from weighbridge.core.outcome import Metric
from weighbridge.core.run import RunState
from weighbridge.jobs.execution import Stop
from weighbridge.jobs.loading import LoadedRun
from weighbridge.reports.metrics import MetricsBuilder
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import stream_scores
from weighbridge.store.runs import move_run, store_metrics


async def deliver(store: Store, loaded: LoadedRun) -> RunState:
    """Every case has an outcome: make the report and finish the run.

    A run in which not one case was answered has failed; one in which some were has succeeded, and
    its report counts those that were not.
    """
    run_id = loaded.run.id
    async with store.begin() as connection:
        await move_run(connection, run_id, RunState.DELIVERING, round_=loaded.round)
    metrics, failures = await make_report(store, loaded)
    state, reason = RunState.SUCCEEDED, None
    if failures.total() and failures.total() == loaded.run.progress.total:
        message, count = failures.most_common(1)[0]
        state = RunState.FAILED
        reason = f"no case was answered; {count} of {failures.total()}: {message}"
    async with store.begin() as connection:
        await store_metrics(connection, run_id, metrics, round_=loaded.round)
        await move_run(connection, run_id, state, reason, round_=loaded.round)
    return state


async def conclude(store: Store, loaded: LoadedRun, stop: Stop) -> None:
    """The run was stopped: report what was done so far, and note why it ended.

    A stop without a state leaves the run as it is: it goes on elsewhere, or later.
    """
    if stop.state is None:
        return
    async with store.begin() as connection:
        await move_run(connection, loaded.run.id, stop.state, stop.reason, round_=loaded.round)
    metrics, _ = await make_report(store, loaded)
    async with store.begin() as connection:
        await store_metrics(connection, loaded.run.id, metrics, round_=loaded.round)


async def make_report(store: Store, loaded: LoadedRun) -> tuple[tuple[Metric, ...], Counter[str]]:
    """The metrics of the run's rows; how often each kind of failure occurs, by an example."""
    evaluation = loaded.evaluation
    builder = MetricsBuilder(
        {key: scorer.metric for key, scorer in loaded.scorers.items()},
        reducer=evaluation.reducer,
        epochs=evaluation.epochs,
        total_cases=loaded.plan.cases,
        clustered=evaluation.cluster_column is not None,
    )
    failures: Counter[str] = Counter()
    example: dict[str, str] = {}
    async for page in stream_scores(store, loaded.run.workspace_id, loaded.run.id):
        for row in page:
            if row.failure is not None:
                failures[row.failure.kind] += 1
                example.setdefault(row.failure.kind, row.failure.message)
            builder.add(row.position, row.epoch, row.status, row.outcomes, row.cluster)
    return builder.finish(), Counter({example[kind]: n for kind, n in failures.items()})
