"""From settings to services: the one place that knows all the parts."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from weighbridge.embedded.known import added_models
from weighbridge.outbound.guard import Guard, read_networks
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import load_models_file
from weighbridge.providers.model import Models
from weighbridge.services.agreement import Agreements
from weighbridge.services.anonymizations import Anonymizations
from weighbridge.services.assets import Assets
from weighbridge.services.benchmarks import Benchmarks
from weighbridge.services.cache import Cache
from weighbridge.services.cases import Cases
from weighbridge.services.comparisons import Comparisons
from weighbridge.services.corrections import Corrections
from weighbridge.services.data_specs import DataSpecs
from weighbridge.services.data_uses import DataUses
from weighbridge.services.datasets import Datasets
from weighbridge.services.differences import Differences
from weighbridge.services.documents import Documents
from weighbridge.services.estimates import Estimates
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.exports import Exports
from weighbridge.services.flips import Flips
from weighbridge.services.frames import Frames
from weighbridge.services.gates import Gates
from weighbridge.services.inferences import Inferences
from weighbridge.services.inspections import Inspections
from weighbridge.services.judges import Judges
from weighbridge.services.keys import Keys
from weighbridge.services.leaderboards import Leaderboards
from weighbridge.services.links import Links
from weighbridge.services.matrix import Matrix
from weighbridge.services.model_list import ModelList
from weighbridge.services.monitoring import Monitoring
from weighbridge.services.outcomes import Outcomes
from weighbridge.services.overviews import Overviews
from weighbridge.services.production_archives import ProductionArchives
from weighbridge.services.productions import Productions
from weighbridge.services.red_teams import RedTeams
from weighbridge.services.reports import Reports
from weighbridge.services.repositories import Repositories
from weighbridge.services.review_queues import ReviewQueues
from weighbridge.services.reviews import Reviews
from weighbridge.services.runs import Runs
from weighbridge.services.scorings import Scorings
from weighbridge.services.seeds import Seeding
from weighbridge.services.standard_benchmarks import StandardBenchmarks
from weighbridge.services.suite_reports import SuiteReports
from weighbridge.services.suite_results import SuiteResults
from weighbridge.services.suite_runs import SuiteRuns
from weighbridge.services.suite_statistics import SuiteStatistics
from weighbridge.services.suite_tallies import SuiteTallies
from weighbridge.services.suites import Suites
from weighbridge.services.webhooks import Webhooks
from weighbridge.settings import Settings
from weighbridge.store.engine import Store
from weighbridge.store.migrate import migrate
from weighbridge.store.replies import Ceiling
from weighbridge.telemetry import Telemetry, open_telemetry
from weighbridge.versions.local import LocalVersions


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a door can call, and what it stands on."""

    settings: Settings
    store: Store
    catalog: Catalog
    models: Models
    model_list: ModelList
    inferences: Inferences
    inspections: Inspections
    judges: Judges
    keys: Keys
    leaderboards: Leaderboards
    datasets: Datasets
    evaluations: Evaluations
    runs: Runs
    standard: StandardBenchmarks
    outcomes: Outcomes
    overviews: Overviews
    exports: Exports
    productions: Productions
    red_teams: RedTeams
    reports: Reports
    repositories: Repositories
    scorings: Scorings
    seeding: Seeding
    suite_reports: SuiteReports
    suite_results: SuiteResults
    suite_runs: SuiteRuns
    suite_statistics: SuiteStatistics
    suite_tallies: SuiteTallies
    suites: Suites
    reviews: Reviews
    review_queues: ReviewQueues
    agreements: Agreements
    anonymizations: Anonymizations
    assets: Assets
    benchmarks: Benchmarks
    cache: Cache
    cases: Cases
    comparisons: Comparisons
    corrections: Corrections
    data_specs: DataSpecs
    data_uses: DataUses
    differences: Differences
    documents: Documents
    estimates: Estimates
    flips: Flips
    frames: Frames
    gates: Gates
    guard: Guard
    links: Links
    matrix: Matrix
    monitoring: Monitoring
    telemetry: Telemetry | None
    webhooks: Webhooks


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The services of an installation, with its database at the schema of this release.

    Raises:
        Invalid: a setting or the models file is wrong.
        Unavailable: the database cannot be reached.
    """
    models_file = load_models_file(settings.config) if settings.config else None
    catalog = Catalog(
        models_file,
        os.environ,
        judge=settings.default_judge,
        generator=settings.default_generator,
        added=added_models(settings.data),
    )
    store = Store(
        settings.database_url,
        settings.data,
        settings.blob_url,
        ceiling=Ceiling(
            bytes=settings.cache_max_mb << 20 or None,
            age=timedelta(days=settings.cache_max_days) if settings.cache_max_days else None,
        ),
    )
    models = Models(catalog)
    telemetry = open_telemetry(
        settings.otel_endpoint,
        content=settings.otel_content,
        process=store.process,
        environ=os.environ,
    )
    guard = Guard(read_networks(settings.allowed_networks))
    frames = Frames(store)
    links = Links(store)
    assets = Assets(store, links, guard)
    archives = ProductionArchives(store)
    try:
        await migrate(store)
        datasets = Datasets(store)
        outcomes = Outcomes(store)
        runs = Runs(store)
        repositories = Repositories(LocalVersions(store), store)
        evaluations = Evaluations(store, models, datasets, repositories)
        documents = Documents(store)
        seeding = Seeding(store)
        reviews = Reviews(store, runs, outcomes)
        suites = Suites(store, evaluations, runs, catalog)
        scorings = Scorings(store, suites, datasets, evaluations, runs, reviews)
        agreements = Agreements(store, runs)
        gates = Gates(store, runs)
        productions = Productions(store, datasets, evaluations, runs, models, archives)
        yield Services(
            settings=settings,
            store=store,
            catalog=catalog,
            models=models,
            model_list=ModelList(store, models, runs),
            judges=Judges(store, models),
            keys=Keys(store),
            leaderboards=Leaderboards(store),
            datasets=datasets,
            evaluations=evaluations,
            benchmarks=Benchmarks(store, datasets, documents, evaluations, runs, catalog),
            documents=documents,
            estimates=Estimates(store, evaluations, models),
            inferences=Inferences(store, repositories),
            inspections=Inspections(store, productions, evaluations, runs, models),
            runs=runs,
            standard=StandardBenchmarks(datasets, models),
            outcomes=outcomes,
            overviews=Overviews(store),
            exports=Exports(outcomes),
            productions=productions,
            red_teams=RedTeams(store, evaluations, runs, suites, catalog),
            reports=Reports(store, runs),
            repositories=repositories,
            reviews=reviews,
            review_queues=ReviewQueues(store, runs),
            scorings=scorings,
            seeding=seeding,
            suite_reports=SuiteReports(
                store, scorings, suites, agreements, evaluations, runs, outcomes
            ),
            suite_results=SuiteResults(store),
            suite_runs=SuiteRuns(suites, datasets, evaluations, gates),
            suite_statistics=SuiteStatistics(store, suites),
            suite_tallies=SuiteTallies(runs, outcomes),
            suites=suites,
            agreements=agreements,
            anonymizations=Anonymizations(store, seeding, datasets, evaluations, runs, catalog),
            assets=assets,
            cache=Cache(store),
            cases=Cases(store, runs, outcomes, reviews),
            corrections=Corrections(store),
            comparisons=Comparisons(store, runs),
            data_specs=DataSpecs(store, evaluations, runs, catalog),
            data_uses=DataUses(store),
            differences=Differences(store),
            flips=Flips(store, runs, outcomes),
            frames=frames,
            gates=gates,
            guard=guard,
            links=links,
            matrix=Matrix(store, outcomes),
            telemetry=telemetry,
            monitoring=Monitoring(store, models, settings.worker_lease_s),
            webhooks=Webhooks(store, guard),
        )
    finally:
        await archives.close()
        await assets.close()
        await frames.close()
        await models.close()
        if telemetry is not None:
            await telemetry.close()
        await store.close()
