"""Standard benchmarks: found by name, taken in as data sets, and made into evaluations."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.benchmarks import registry
from weighbridge.benchmarks.cases import Tally, read_cases
from weighbridge.benchmarks.form import Copy, Manner, StandardBenchmark
from weighbridge.benchmarks.sources import Source, find_source, installed, missing
from weighbridge.core.caller import Caller
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.model import Models
from weighbridge.services.datasets import Datasets
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.store.datasets import Dataset

SUBJECT = "subject"
"""The column by which a benchmark falls into parts, where it does."""

_LISTED_SUBJECTS = 60

# Protocols that give the log-probabilities of any text. Of an endpoint that speaks another one it
# is not known before it is asked.
_WEIGHING = frozenset({"llama", "embedded"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A benchmark and where its data are.

    Attributes:
        copy: the installed copy that would be read; None: the data are not here.
        missing: what to do about that.
    """

    benchmark: StandardBenchmark
    copy: Copy | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases of a benchmark are asked of whom, and how.

    Attributes:
        models: names.
        manner: None: the benchmark's default, or what the models can do.
        subjects: parts of it; none: all.
        source: where its data are; None: an installed copy.
        limit: the most cases, from the first on. sample: how many to draw at random. seed: of that.
        judge: the model that judges.
    """

    benchmark: StandardBenchmark
    models: tuple[str, ...]
    manner: Manner | None = None
    subjects: tuple[str, ...] = ()
    source: Path | None = None
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    judge: str | None = None

    @property
    def name(self) -> str:
        """Of the evaluation: `boolq`, `mmlu:anatomy`."""
        name = self.benchmark.name
        return f"{name}:{','.join(self.subjects)}" if self.subjects else name


@dataclass(frozen=True, slots=True)
class Prepared:
    """An evaluation that is ready to be started.

    Attributes:
        spec: it names its data set by its id.
        notes: what to know of it, a sentence each.
    """

    spec: EvaluationSpec
    dataset: Dataset
    manner: Manner
    notes: tuple[str, ...]


class StandardBenchmarks:
    """The standard benchmarks of an installation.

    Args:
        datasets: where their cases are kept. models: who can be asked how.
    """

    def __init__(self, datasets: Datasets, models: Models) -> None:
        self._datasets = datasets
        self._models = models

    def list(self) -> tuple[Listed, ...]:
        """All of them, by name."""
        listed = []
        for name in registry.names():
            benchmark = registry.find_benchmark(name)
            copy = next((copy for copy in benchmark.copies if installed(copy)), None)
            listed.append(Listed(benchmark, copy, None if copy else missing(benchmark)))
        return tuple(listed)

    def find(self, reference: str) -> tuple[StandardBenchmark, tuple[str, ...]]:
        """The benchmark that a reference means, and the subjects: `boolq`, `mmlu:anatomy`,
        `mmlu:anatomy,virology`.

        Raises:
            NotFound: there is none; the message lists those there are.
        """
        name, _, subjects = reference.partition(":")
        parts = tuple(part.strip() for part in subjects.split(",") if part.strip())
        return registry.find_benchmark(name.strip()), parts

    @staticmethod
    def offered(benchmark: StandardBenchmark, manner: Manner | None) -> Manner:
        """The manner, or the benchmark's default for None.

        Raises:
            InvalidFields: the benchmark has no such mode.
        """
        if manner is not None and manner not in benchmark.modes:
            offered = ", ".join(benchmark.modes)
            message = f"{benchmark.name} has no mode `{manner}` (modes: {offered})"
            raise InvalidFields([FieldProblem("mode", message)])
        return manner or benchmark.default

    def settle(self, wanted: Wanted) -> tuple[Manner, str | None]:
        """How the models are asked, and why not by the benchmark's default, where that is so.

        Raises:
            InvalidFields: the benchmark is not asked in the manner that is wanted.
            Invalid: there is no such model.
        """
        benchmark = wanted.benchmark
        if wanted.manner is not None:
            return self.offered(benchmark, wanted.manner), None
        if "generation" not in benchmark.modes:
            return benchmark.default, None
        if benchmark.default == "likelihood":
            for name in wanted.models:
                if not self._surely_weighs(name):
                    return "generation", (
                        f"asked for words: whether {name} gives log-probabilities of a text is not "
                        "known; if it does, --mode likelihood asks for those"
                    )
        judge = wanted.judge or self._models.catalog.defaults.judge or RESERVED_NAME
        if benchmark.default == "judge" and judge == RESERVED_NAME:
            return "generation", (
                "scored by overlap with the true answers, for want of a judge: "
                "--judge MODEL has one read the answers"
            )
        return benchmark.default, None

    async def take_in(
        self, caller: Caller, benchmark: StandardBenchmark, source: Source
    ) -> tuple[Dataset, Tally]:
        """The data set of a benchmark, called as it is; the same cases are kept once.

        Raises:
            Invalid: the data cannot be read, or are in another format.
        """
        tally = Tally()
        rows = read_cases(benchmark, source, tally)
        return await self._datasets.import_rows(caller, benchmark.name, rows), tally

    async def take_in_installed(self, caller: Caller, benchmark: StandardBenchmark) -> Dataset:
        """As `take_in`, of the copy that is installed.

        Raises:
            Invalid: there is none; the message says where the data can be had.
        """
        source = await asyncio.to_thread(find_source, benchmark)
        return (await self.take_in(caller, benchmark, source))[0]

    async def prepare(self, caller: Caller, wanted: Wanted) -> Prepared:
        """An evaluation of models by a benchmark, its data taken in.

        Raises:
            Forbidden: the caller may not start runs.
            Invalid: there are no data, or no such subject, mode or model.
        """
        manner, why = self.settle(wanted)
        source = find_source(wanted.benchmark, wanted.source)
        dataset, tally = await self.take_in(caller, wanted.benchmark, source)
        spec = evaluation_of(wanted, manner, source, tally, dataset.id)
        return Prepared(spec, dataset, manner, notes_on(wanted, source, tally, why))

    def _surely_weighs(self, name: str) -> bool:
        declared = self._models.catalog.resolve(name)
        return declared.protocol in _WEIGHING and not declared.batch


def evaluation_of(
    wanted: Wanted, manner: Manner, source: Source, tally: Tally, data: str
) -> EvaluationSpec:
    """The evaluation of models by a benchmark.

    Args:
        tally: of the cases in `data`, which is what the evaluation names as its data.

    Raises:
        Invalid: there is no such subject.
    """
    _check_subjects(wanted, source, tally)
    said = {
        "name": wanted.benchmark.name,
        "mode": manner,
        "subjects": list(wanted.subjects),
        "source": source.words,
        "shots": tally.shots,
    }
    fields: dict[str, Any] = {
        "name": wanted.name[:200],
        "data": data,
        "id": "id",
        "models": list(wanted.models),
        **wanted.benchmark.modes[manner].fields(),
        "metadata": {"benchmark": said},
    }
    if wanted.subjects:
        fields["where"] = {SUBJECT: list(wanted.subjects)}
    if wanted.sample is not None:
        fields["sample"] = {"n": wanted.sample, "seed": wanted.seed}
    if wanted.limit is not None:
        fields["limit"] = wanted.limit
    if wanted.judge is not None:
        fields["judge"] = wanted.judge
    return parse_spec(fields)


def notes_on(wanted: Wanted, source: Source, tally: Tally, why: str | None) -> tuple[str, ...]:
    """What to know of the cases and of how they are asked, a sentence each."""
    benchmark = wanted.benchmark
    notes = [f"{benchmark.name}: {tally.kept:,} cases from {source.words}"]
    if source.note is not None:
        notes.append(source.note)
    if tally.left_out and source.note is None:
        notes.append(f"{tally.left_out:,} records left out; the first: {tally.reason}")
    if (shots := benchmark.shots) is not None:
        some = f"{tally.shots} worked examples before each question, of the {shots.split} split"
        none = f"no worked examples before the questions: the data have no {shots.split} split"
        notes.append(some if tally.shots else none)
    if why is not None:
        notes.append(why)
    return tuple(notes)


def _check_subjects(wanted: Wanted, source: Source, tally: Tally) -> None:
    known = sorted(tally.subjects)
    for subject in wanted.subjects:
        if not known:
            raise Invalid(
                f"{source.words} does not say which subject a question belongs to; get "
                f"{wanted.benchmark.obtain}, and say where it is: --source PATH"
            )
        if subject not in tally.subjects:
            listed = ", ".join(known[:_LISTED_SUBJECTS])
            hint = did_you_mean(subject, known)
            raise InvalidFields(
                [FieldProblem("subject", f"there is no `{subject}`{hint} (subjects: {listed})")]
            )
