"""From a run's id to everything that is needed to execute it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weighbridge import scorers as scorer_table
from weighbridge.core.anonymization import Anonymization
from weighbridge.core.benchmark import Benchmark
from weighbridge.core.evaluation import Evaluation, sends_files
from weighbridge.core.inference import Inference
from weighbridge.core.json import Json
from weighbridge.core.red_team import RedTeamRun
from weighbridge.core.run import Run
from weighbridge.core.shard import Plan
from weighbridge.core.suite import Batch, Suite
from weighbridge.core.synthesis import DataSpec, Inspection, Production
from weighbridge.datasets.frame import SEGMENT
from weighbridge.errors import NotFound
from weighbridge.jobs.files import Files, open_files
from weighbridge.jobs.judges import open_judge
from weighbridge.providers.base import Askable
from weighbridge.providers.cached import CachedModel
from weighbridge.providers.model import Models
from weighbridge.scorers.base import AnyScorer
from weighbridge.spec import parse_spec
from weighbridge.store.anonymizations import find_anonymization_by
from weighbridge.store.benchmarks import find_written_by
from weighbridge.store.data_specs import find_spec_proposed_by
from weighbridge.store.datasets import Dataset, find_dataset
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import find_evaluation
from weighbridge.store.inferences import find_inference
from weighbridge.store.inspections import find_inspection_by
from weighbridge.store.productions import find_production_made_by
from weighbridge.store.red_teams import find_run_written_by
from weighbridge.store.runs import find_run, read_state, read_traceparent, workspace_of
from weighbridge.store.scorings import find_batch_followed_by
from weighbridge.store.suites import find_suite_written_by
from weighbridge.telemetry import RunTrace, Telemetry
from weighbridge.versions.local import LocalVersions


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A run, with its evaluation narrowed to the one model it asks.

    Attributes:
        round: how often it had been queued when it was read: a later round is another execution.
        plan: its shards.
        model: whom to ask; None: nobody, as the answers are given.
        scorers: by key, in the evaluation's order.
        judges: the models that judges among them ask, by the name they say (None: the
            evaluation's `judge`).
        trace: watches it; None: nobody does.
        files: where images and videos of the prompt are found; None: they are addresses.
        inference: where its answers go besides its outcomes; None: nowhere.
        writes: the benchmark whose questions it writes; None: it writes none.
        suite: the suite whose prompts it writes; None: it writes none.
        follows: the batch of answers after which it writes what is said next; None: none.
        data_spec: the spec whose blueprint it proposes; None: it proposes none.
        production: the production whose samples it makes; None: it makes none.
        inspection: for which it looks at samples; None: for none.
        red_team: the run of a red team whose prompts it writes; None: it writes none.
        anonymization: for which it finds personal data; None: for none.
        others: models that its work asks besides, by the names in the evaluation's metadata under
            `asks`.
    """

    run: Run
    round: int
    evaluation: Evaluation
    dataset: Dataset
    plan: Plan
    model: Askable | None
    scorers: dict[str, AnyScorer]
    judges: dict[str | None, Askable]
    trace: RunTrace | None = None
    files: Files | None = None
    inference: Inference | None = None
    writes: Benchmark | None = None
    suite: Suite | None = None
    follows: Batch | None = None
    data_spec: DataSpec | None = None
    production: Production | None = None
    inspection: Inspection | None = None
    red_team: RedTeamRun | None = None
    anonymization: Anonymization | None = None
    others: Mapping[str, Askable] = field(default_factory=dict)


def plan_of(evaluation: Evaluation, rows: int) -> Plan:
    """The shards of an evaluation over a data set of so many rows."""
    cases = rows if evaluation.limit is None else min(rows, evaluation.limit)
    return Plan(cases, evaluation.epochs, SEGMENT)


async def load_run(
    store: Store,
    models: Models,
    run_id: str,
    *,
    cache: bool | None = None,
    telemetry: Telemetry | None = None,
) -> LoadedRun:
    """Read a run and open its model.

    Args:
        cache: whether replies may come out of the cache; None: as the evaluation says.
        telemetry: watches the run; None: nobody does.

    Raises:
        NotFound: there is no such run.
        Invalid: its model is not declared (any more).
    """
    async with store.begin() as connection:
        workspace_id = await workspace_of(connection, run_id)
        run = workspace_id and await find_run(connection, workspace_id, run_id)
        if not run:
            raise NotFound(f"there is no run {run_id}")
        _, round_ = await read_state(connection, run_id)
        traceparent = None
        if telemetry is not None:
            traceparent = await read_traceparent(connection, run.workspace_id, run_id)
        stored = await find_evaluation(connection, run.workspace_id, run.evaluation_id)
        dataset = stored and await find_dataset(connection, run.workspace_id, stored.dataset_id)
        inference = await find_inference(connection, run.workspace_id, run_id)
        writes = await find_written_by(connection, run.workspace_id, run.evaluation_id)
        # Whoever writes prompts says so: then, and only then, it is looked up for whom.
        told = stored.spec.get("metadata", {}) if stored else {}
        asked_by = (connection, run.workspace_id, run.evaluation_id)
        suite = await find_suite_written_by(*asked_by) if "suite" in told else None
        follows = await find_batch_followed_by(*asked_by) if "follows" in told else None
        data_spec = await find_spec_proposed_by(*asked_by) if "data_spec" in told else None
        production = await find_production_made_by(*asked_by) if "production" in told else None
        inspection = await find_inspection_by(*asked_by) if "inspection" in told else None
        red_team = await find_run_written_by(*asked_by) if "red_team" in told else None
        anonymization = None
        if "anonymization" in told:
            anonymization = await find_anonymization_by(*asked_by)
    if not stored or not dataset:
        raise NotFound(f"the evaluation of the run {run_id} is gone")
    evaluation = replace(parse_spec(stored.spec).to_evaluation(), models=(run.model,))
    scorers = {spec.key: scorer_table.build(spec) for spec in evaluation.scorers}
    if cache is not None:
        evaluation = replace(evaluation, cache=cache)

    trace = telemetry.trace(run, traceparent) if telemetry is not None else None

    def behind(model: Askable) -> Askable:
        if trace is not None:
            model = trace.watch(model)
        return CachedModel(model, store.replies.of(run.workspace_id)) if evaluation.cache else model

    return LoadedRun(
        run=run,
        round=round_,
        evaluation=evaluation,
        dataset=dataset,
        plan=plan_of(evaluation, dataset.frame.rows),
        model=None if evaluation.answers else behind(await models.get(run.model)),
        scorers=scorers,
        trace=trace,
        files=await _files(store, run, evaluation),
        inference=inference,
        writes=writes,
        suite=suite[0] if suite else None,
        follows=follows,
        data_spec=data_spec,
        production=production,
        inspection=inspection,
        red_team=red_team,
        anonymization=anonymization,
        others={name: behind(await models.get(name)) for name in _asked(told)},
        judges={
            name: behind(await open_judge(models, evaluation, name, scorers.values()))
            for name in scorer_table.asked_by(scorers.values())
        },
    )


def _asked(told: Mapping[str, Json]) -> list[str]:
    """The names of models under `asks` in the metadata of an evaluation, which callers may have
    written as they liked."""
    names = told.get("asks")
    return [it for it in names if isinstance(it, str)] if isinstance(names, list) else []


async def _files(store: Store, run: Run, evaluation: Evaluation) -> Files | None:
    if evaluation.files is None or not sends_files(evaluation):
        return None
    return await open_files(LocalVersions(store), run.workspace_id, evaluation.files)
