"""Benchmarks of a workspace: uploaded, or written from documents by a model."""

import asyncio
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.benchmark import Benchmark, BenchmarkState, Origin
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.json import Json
from weighbridge.core.run import RunState
from weighbridge.datasets.readers import open_rows
from weighbridge.datasets.rows import Row
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.generation import questions
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.datasets import Datasets
from weighbridge.services.documents import Documents
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store import benchmarks
from weighbridge.store.engine import Store
from weighbridge.store.moments import now

MOST_QUESTIONS = 1_000_000

# The names that a question and its answer go by, the one that we keep first.
_QUESTION = ("question", "instruction", "prompt", "input")
_ANSWER = ("answer", "response", "expected_answer", "reference", "target", "output")
_NUMBER = ("question_num", "sample_num")
_IMAGE = "image_url"
_CLUSTER = "cluster"
_OPTIONAL = (_IMAGE, _CLUSTER)
_ADDRESSES = ("https://", "http://", "data:image/")
_OVER = {RunState.FAILED, RunState.CANCELLED}


class Benchmarks:
    """The benchmarks of an installation.

    Args:
        store: where they are kept.
        datasets: where their questions are.
        documents: what they may be written from.
        evaluations: have them written.
        runs: how far that is.
        catalog: which models there are.
    """

    def __init__(
        self,
        store: Store,
        datasets: Datasets,
        documents: Documents,
        evaluations: Evaluations,
        runs: Runs,
        catalog: Catalog,
    ) -> None:
        self._store = store
        self._datasets = datasets
        self._documents = documents
        self._evaluations = evaluations
        self._runs = runs
        self._catalog = catalog

    async def upload(
        self,
        caller: Caller,
        path: Path,
        filename: str,
        *,
        name: str,
        description: str | None = None,
        documents: Sequence[str] = (),
        format: str | None = None,  # noqa: A002 (the word users know)
    ) -> Benchmark:
        """Take in a file of questions: json (an array of objects), jsonl, csv, tsv, parquet or
        arrow. Each row has `question` and `answer` (or `instruction` and `response`), and may have
        `question_num`, `image_url`, `cluster` (questions with the same are not independent) and
        whatever else is to be kept.

        Raises:
            Forbidden: the caller may not write.
            Invalid: it cannot be read, or a row lacks something; the message says item and field.
            NotFound: there is no such document.
        """
        caller.must_be(Role.WRITER)
        name = _checked_name(name)
        await self._documents.find(caller, documents)
        optional = await asyncio.to_thread(_look_at, path, format)
        dataset = await self._datasets.import_rows(
            caller, name, _questions(open_rows(path, format), optional), None
        )
        moment = now()
        made = Benchmark(
            id=new_id("benchmark"),
            workspace_id=caller.workspace_id,
            name=name,
            description=description,
            origin=Origin.UPLOADED,
            state=BenchmarkState.READY,
            dataset_id=dataset.id,
            questions=dataset.frame.rows,
            documents=tuple(documents),
            wanted=None,
            evaluation_id=None,
            filename=filename[:500],
            problem=None,
            created_by=caller.user_id,
            created_at=moment,
            updated_at=moment,
            finished_at=moment,
        )
        async with self._store.begin() as connection:
            await benchmarks.add_benchmark(connection, made)
        return made

    async def write(
        self,
        caller: Caller,
        documents: Sequence[str],
        wanted: int,
        *,
        name: str | None = None,
        generator: str | None = None,
        judge: str | None = None,
    ) -> Benchmark:
        """Have a model write questions about documents; the benchmark is ready when its run ends.

        Args:
            documents: ids.
            wanted: how many questions, 1 to `generation.questions.MOST_WANTED`.
            name: None: made of its id.
            generator: who writes; None: the installation's default generator, else `embedded`. That
                is too weak to: sentences of the documents with a gap are its questions.
            judge: who says which questions may stay; None: the default judge where that is a
                model, else nobody.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such document.
            Invalid: there are no documents, they say too little, or a model is not there.
        """
        caller.must_be(Role.WRITER)
        if not documents:
            raise InvalidFields([FieldProblem("documents", "name at least one document")])
        if not 1 <= wanted <= questions.MOST_WANTED:
            message = f"1 to {questions.MOST_WANTED:,} questions can be asked for, not {wanted}"
            raise InvalidFields([FieldProblem("num_questions", message)])
        found = await self._documents.find(caller, list(dict.fromkeys(documents)))
        sources = [questions.Source(it.id, it.name, await self._documents.text(it)) for it in found]
        benchmark_id = new_id("benchmark")
        name = _checked_name(name or f"generated_{benchmark_id}")
        judge = judge or self._catalog.defaults.judge
        writer = generator or self._catalog.defaults.generator or RESERVED_NAME
        by_gaps = writer == RESERVED_NAME
        rows = (questions.gap_slots if by_gaps else questions.slots)(sources, wanted)
        spec = parse_spec(
            {
                **questions.evaluation(
                    f"questions of {name}"[:200],
                    rows,
                    None if by_gaps else writer,
                    None if judge == RESERVED_NAME else judge,
                ),
                "metadata": {"writes": benchmark_id},
            }
        )
        moment = now()
        made = Benchmark(
            id=benchmark_id,
            workspace_id=caller.workspace_id,
            name=name,
            description=None,
            origin=Origin.GENERATED,
            state=BenchmarkState.WRITING,
            dataset_id=None,
            questions=0,
            documents=tuple(it.id for it in found),
            wanted=wanted,
            evaluation_id=None,
            filename=None,
            problem=None,
            created_by=caller.user_id,
            created_at=moment,
            updated_at=moment,
            finished_at=None,
        )

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            await benchmarks.add_benchmark(connection, replace(made, evaluation_id=evaluation_id))

        started = await self._evaluations.start(caller, spec, along=keep)
        return replace(made, evaluation_id=started.evaluation.id)

    async def get(self, caller: Caller, benchmark_id: str) -> Benchmark:
        """One benchmark.

        Raises:
            NotFound: the workspace has no such benchmark.
        """
        async with self._store.begin() as connection:
            found = await benchmarks.find_benchmark(connection, caller.workspace_id, benchmark_id)
        if found is None:
            raise NotFound(f"there is no benchmark {benchmark_id[:80]!r}")
        return await self._settled(caller, found)

    async def list(
        self, caller: Caller, *, start: int = 0, after: str | None = None, limit: int = 100
    ) -> builtins.list[Benchmark]:
        """Newest first, from the 0-based place `start` on, or below the id `after`."""
        async with self._store.begin() as connection:
            found = await benchmarks.list_benchmarks(
                connection, caller.workspace_id, after=after, start=start, limit=limit
            )
        return [await self._settled(caller, it) for it in found]

    async def count(self, caller: Caller) -> int:
        """How many there are."""
        async with self._store.begin() as connection:
            return await benchmarks.count_benchmarks(connection, caller.workspace_id)

    async def questions(
        self, caller: Caller, benchmark: Benchmark, *, start: int = 0, limit: int = 1_000
    ) -> builtins.list[dict[str, Any]]:
        """Its questions as rows, from the 0-based position `start` on; none while it is written."""
        if benchmark.dataset_id is None:
            return []
        dataset = await self._datasets.get(caller, benchmark.dataset_id)
        return await self._datasets.page(dataset, start=start, limit=limit)

    async def _settled(self, caller: Caller, benchmark: Benchmark) -> Benchmark:
        """As it is, or, where the run that was to write its questions has ended without any,
        failed."""
        if benchmark.state is not BenchmarkState.WRITING or benchmark.evaluation_id is None:
            return benchmark
        runs = await self._runs.list(caller, evaluation_id=benchmark.evaluation_id, limit=1)
        if not runs or runs[0].state not in _OVER:
            return benchmark
        problem = runs[0].reason or f"the run that was to write them was {runs[0].state}"
        return replace(
            benchmark,
            state=BenchmarkState.FAILED,
            problem=problem,
            finished_at=runs[0].finished_at,
        )


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise InvalidFields(
            [FieldProblem("name", "a benchmark's name has 1 to 200 printable characters")]
        )
    return name


def _look_at(path: Path, format: str | None) -> frozenset[str]:  # noqa: A002 (as elsewhere)
    """Which of `_OPTIONAL` any question has; all that can be wrong with the file is found."""
    seen: set[str] = set()
    for row in _questions(open_rows(path, format), frozenset(_OPTIONAL)):
        seen |= {name for name in _OPTIONAL if row[name] is not None}
    return frozenset(seen)


def _questions(rows: Iterator[Row], optional: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The rows of a file as those of a benchmark.

    Args:
        optional: of `_OPTIONAL`, what each has, be it null.

    Raises:
        Invalid: a row lacks its question or answer, or has the number of another.
    """
    numbers: set[int] = set()
    for place, row in enumerate(rows, 1):
        if place > MOST_QUESTIONS:
            raise Invalid(f"a benchmark has at most {MOST_QUESTIONS:,} questions")
        question, asked_by = _text(row, place, "question", _QUESTION)
        answer, answered_by = _text(row, place, "answer", _ANSWER)
        numbered_by = next((name for name in _NUMBER if name in row), None)
        taken = {asked_by, answered_by, *_NUMBER}
        kept: dict[str, Any] = {
            "question_num": _number(row.get(numbered_by) if numbered_by else None, place),
            "question": question,
            "answer": answer,
        }
        if kept["question_num"] in numbers:
            raise Invalid(f"item {place}, `question_num`: {kept['question_num']} is there twice")
        numbers.add(kept["question_num"])
        found = {
            _IMAGE: _image(row.get(_IMAGE), place),
            _CLUSTER: _cluster(row.get(_CLUSTER), place),
        }
        kept |= {name: value for name, value in found.items() if name in optional}
        taken |= found.keys()
        kept |= {name: value for name, value in row.items() if name not in taken | kept.keys()}
        yield kept


def _image(value: Json, place: int) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.startswith(_ADDRESSES):
        raise Invalid(
            f"item {place}, `{_IMAGE}`: an address that begins with {', '.join(_ADDRESSES)} is "
            "needed"
        )
    return value


def _cluster(value: Json, place: int) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Invalid(f"item {place}, `{_CLUSTER}`: text or a number is needed")
    return str(value)


def _text(row: Row, place: int, what: str, names: Sequence[str]) -> tuple[str, str]:
    """The text of a question or answer, and the name that it goes by."""
    name = next((it for it in names if it in row), None)
    if name is None:
        there = ", ".join(map(str, list(row)[:20])) or "none"
        raise Invalid(f"item {place} has no `{what}` (nor `{names[1]}`); its fields are: {there}")
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Invalid(f"item {place}, `{name}`: text is needed, not {_kind(value)}")
    if not str(value).strip():
        raise Invalid(f"item {place}, `{name}`: it is empty")
    return str(value), name


def _number(value: Json, place: int) -> int:
    """The number of a question; one that is not given is its place, from 1."""
    if value is None or value == "":
        return place
    try:
        number = int(str(value))
    except ValueError as error:
        raise Invalid(f"item {place}, `question_num`: {str(value)[:40]!r} is no number") from error
    return number


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    kinds: dict[type, str] = {bool: "true or false", list: "an array", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)
