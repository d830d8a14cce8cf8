"""The end of a run: its report from its rows, and its last state."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Metric, Status
from weighbridge.core.run import RunState
from weighbridge.jobs.anonymizing import deliver_anonymized
from weighbridge.jobs.column import deliver_column
from weighbridge.jobs.data_specs import deliver_blueprint
from weighbridge.jobs.inspections import (
    Classified,
    Classifying,
    Comparing,
    deliver_inspection,
)
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.questions import deliver_questions
from weighbridge.jobs.red_team import deliver_red_team
from weighbridge.jobs.sample_files import deliver_samples
from weighbridge.jobs.stop import Stop
from weighbridge.jobs.suite_prompts import deliver_prompts
from weighbridge.jobs.suite_turns import deliver_turns
from weighbridge.reports.breakdown import BreakdownBuilder
from weighbridge.reports.corpus import CorpusBuilder
from weighbridge.reports.metrics import MetricsBuilder
from weighbridge.scorers import bounds_of, vote_scales
from weighbridge.scorers.base import Pooled
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import ScoresRow, stream_scores
from weighbridge.store.runs import move_run, store_report
from weighbridge.versions.local import LocalVersions


async def deliver(
    store: Store,
    loaded: LoadedRun,
    reason: str | None = None,
    comparing: Comparing | None = None,
) -> RunState:
    """Every case has an outcome, or enough of them have: make the report and finish the run.

    A run in which not one case was answered has failed; one in which some were has succeeded, and
    its report counts those that were not.

    Args:
        reason: that the run ends with.
        comparing: what an inspection has begun beside its cases; None: nothing.
    """
    run_id = loaded.run.id
    async with store.begin() as connection:
        await move_run(connection, run_id, RunState.DELIVERING, round_=loaded.round)
    classified: list[Classified] = []
    classifying = Classifying(store, loaded.dataset)

    async def classify(page: Sequence[ScoresRow]) -> None:
        classified.extend(await classifying.read(page))

    report = await make_report(store, loaded, None if loaded.inspection is None else classify)
    failures = report.failures
    state = RunState.SUCCEEDED
    if failures.total() and failures.total() == loaded.run.progress.total:
        message, count = failures.most_common(1)[0]
        state = RunState.FAILED
        reason = f"no case was answered; {count} of {failures.total()}: {message}"
    elif loaded.inference is not None:
        state, reason = await _deliver_column(store, loaded, failures)
    if loaded.follows is not None:  # a conversation goes on, whatever the model did
        state, reason = await deliver_turns(store, loaded, loaded.follows)
    if loaded.suite is not None and state is RunState.SUCCEEDED:
        state, reason = await deliver_prompts(store, loaded, loaded.suite)
    if loaded.data_spec is not None and state is RunState.SUCCEEDED:
        state, reason = await deliver_blueprint(store, loaded, loaded.data_spec)
    if loaded.production is not None and state is RunState.SUCCEEDED:
        state, reason = await deliver_samples(store, loaded, loaded.production, failures)
    if loaded.inspection is not None and state is RunState.SUCCEEDED:
        state, reason = await deliver_inspection(
            store, loaded, loaded.inspection, classified, comparing
        )
    if loaded.red_team is not None and state is RunState.SUCCEEDED:
        state, reason = await deliver_red_team(store, loaded, loaded.red_team)
    if loaded.anonymization is not None and state is RunState.SUCCEEDED:
        state, reason = await deliver_anonymized(store, loaded.run, loaded.anonymization)
    if loaded.writes is not None:
        told = await deliver_questions(store, loaded, loaded.writes)
        state, reason = told if state is RunState.SUCCEEDED else (state, reason)
    async with store.begin() as connection:
        await store_report(
            connection, run_id, report.metrics, report.breakdown, round_=loaded.round
        )
        await move_run(connection, run_id, state, reason, round_=loaded.round)
    return state


async def _deliver_column(
    store: Store, loaded: LoadedRun, failures: Counter[str]
) -> tuple[RunState, str | None]:
    """Put the answers where they go; the state and reason that the run ends with."""
    inference = loaded.inference
    assert inference is not None  # noqa: S101 (the caller has looked)
    repo = await LocalVersions(store).open_id(loaded.run.workspace_id, inference.repository_id)
    delivered = await deliver_column(store, loaded, repo)
    if delivered.problem is not None:
        return RunState.FAILED, delivered.problem
    if not failures:
        return RunState.SUCCEEDED, None
    message, _ = failures.most_common(1)[0]
    total = loaded.run.progress.total
    return RunState.SUCCEEDED, f"{failures.total()} of {total} rows have no answer: {message}"


async def conclude(store: Store, loaded: LoadedRun, stop: Stop) -> None:
    """The run was stopped: report what was done so far, and note why it ended. A run that was
    stopped because it knows enough has succeeded.

    A stop without a state leaves the run as it is: it goes on elsewhere, or later.
    """
    if stop.state is None:
        return
    if stop.state is RunState.SUCCEEDED:
        await deliver(store, loaded, stop.reason)
        return
    async with store.begin() as connection:
        await move_run(connection, loaded.run.id, stop.state, stop.reason, round_=loaded.round)
    report = await make_report(store, loaded)
    if loaded.follows is not None and stop.state is RunState.FAILED:
        await deliver_turns(store, loaded, loaded.follows)  # out of the bank, then
    async with store.begin() as connection:
        await store_report(
            connection, loaded.run.id, report.metrics, report.breakdown, round_=loaded.round
        )


@dataclass(frozen=True, slots=True)
class MadeReport:
    """What a run's rows come to.

    Attributes:
        breakdown: what stands behind the metrics, by the scorer's key.
        failures: how often each kind of failure occurs, by an example.
    """

    metrics: tuple[Metric, ...]
    breakdown: dict[str, JsonObject]
    failures: Counter[str]


async def make_report(
    store: Store,
    loaded: LoadedRun,
    also: Callable[[Sequence[ScoresRow]], Awaitable[None]] | None = None,
) -> MadeReport:
    """The report, in one pass over the run's rows.

    Args:
        also: is handed each page of them; None: nobody is.
    """
    evaluation = loaded.evaluation
    builder = MetricsBuilder(
        {key: scorer.metric for key, scorer in loaded.scorers.items()},
        reducer=evaluation.reducer,
        epochs=evaluation.epochs,
        total_cases=loaded.plan.cases,
        clustered=evaluation.cluster_column is not None,
        bounds={key: bounds_of(scorer) for key, scorer in loaded.scorers.items()},
        stop=evaluation.stop,
    )
    breakdown = BreakdownBuilder(loaded.scorers, vote_scales(loaded.scorers))
    corpus = CorpusBuilder(
        {
            key: scorer.of_counts
            for key, scorer in loaded.scorers.items()
            if isinstance(scorer, Pooled)
        },
        clustered=evaluation.cluster_column is not None,
    )
    failures: Counter[str] = Counter()
    example: dict[str, str] = {}
    # Where nothing is scored, there is nothing to report but what failed.
    status = None if loaded.scorers else Status.FAILED
    async for page in stream_scores(store, loaded.run.workspace_id, loaded.run.id, status=status):
        for row in page:
            if row.failure is not None:
                failures[row.failure.kind] += 1
                example.setdefault(row.failure.kind, row.failure.message)
            builder.add(row.position, row.epoch, row.status, row.outcomes, row.cluster)
            breakdown.add(row.outcomes)
            corpus.add(row.position, row.outcomes, row.cluster)
        if also is not None:
            await also(page)
    return MadeReport(
        builder.finish(),
        _joined(breakdown.finish(), corpus.finish()),
        Counter({example[kind]: n for kind, n in failures.items()}),
    )


def _joined(
    breakdown: dict[str, JsonObject], corpus: dict[str, JsonObject]
) -> dict[str, JsonObject]:
    added = {key: {**breakdown.get(key, {}), "corpus": figure} for key, figure in corpus.items()}
    return {**breakdown, **added}
