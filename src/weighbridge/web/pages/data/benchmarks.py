"""Benchmarks: the standard ones and those of the workspace; their cases, and who leads."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from weighbridge.core.benchmark import Benchmark, BenchmarkState, Document
from weighbridge.core.caller import Role
from weighbridge.core.outcome import Metric
from weighbridge.core.run import Run
from weighbridge.dialects.multipart import Form as ReceivedForm
from weighbridge.dialects.native.upload import file_name
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import NotFound, WeighbridgeError
from weighbridge.services.leaderboards import Board
from weighbridge.services.standard_benchmarks import Listed
from weighbridge.store.datasets import Dataset
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.pages.data.shared import address, next_of, start_of
from weighbridge.web.routing import form, page, status_of, upload_form
from weighbridge.web.rows import PAGE_ROWS, table_of
from weighbridge.web.visit import Visit

_PAGE = 50
_MOST_VERSIONS = 100
_MOST_COMPARED = 20
_BOARDS = 10


@dataclass(frozen=True, slots=True)
class StandardView:
    """A standard benchmark in a list.

    Attributes:
        dataset: its cases, if they were taken in.
        uses: evaluations that read them.
    """

    listed: Listed
    dataset: Dataset | None
    uses: int


@dataclass(frozen=True, slots=True)
class Place:
    """A model on a leaderboard; `metric`: its figure, if there is one."""

    run: Run
    metric: Metric | None


@dataclass(frozen=True, slots=True)
class BoardView:
    """A leaderboard, the best first.

    Attributes:
        figure: key of the scorer that it goes by.
        compare: the address of the comparison of its models; None: there is one alone.
    """

    board: Board
    figure: str | None
    places: tuple[Place, ...]
    compare: str | None


async def show_benchmarks(visit: Visit) -> Response:
    """The benchmarks of the workspace and the standard ones."""
    services, cursor = visit.services, visit.query.text("cursor")
    search = visit.query.text("q").casefold()
    own = await services.benchmarks.list(
        visit.caller,
        after=decode_cursor(cursor, str)[0] if cursor else None,
        limit=_PAGE + 1,
    )
    standard = [
        await _standard_view(visit, it)
        for it in await asyncio.to_thread(services.standard.list)
        if search in f"{it.benchmark.name} {it.benchmark.title} {it.benchmark.measures}".casefold()
    ]
    return visit.page(
        "data_benchmarks.html",
        standard=standard,
        own=[it for it in own[:_PAGE] if search in it.name.casefold()],
        next=encode_cursor(own[_PAGE - 1].id) if len(own) > _PAGE else None,
        search=search,
    )


async def _standard_view(visit: Visit, listed: Listed) -> StandardView:
    sets = await visit.services.datasets.versions(visit.caller, listed.benchmark.name, limit=1)
    if not sets:
        return StandardView(listed, None, 0)
    uses = await visit.services.data_uses.counts(visit.caller, [sets[0].id])
    return StandardView(listed, sets[0], uses[sets[0].id])


async def show_standard(visit: Visit) -> Response:
    """One standard benchmark: what it measures, who leads, its cases, what was done with it."""
    services, name = visit.services, visit.path("name")
    every = await asyncio.to_thread(services.standard.list)
    listed = next((it for it in every if it.benchmark.name == name), None)
    if listed is None:
        raise NotFound(f"there is no standard benchmark {name[:80]!r}")
    sets = await services.datasets.versions(visit.caller, name, limit=_MOST_VERSIONS)
    return visit.page(
        "data_standard_benchmark.html",
        listed=listed,
        it=listed.benchmark,
        dataset=sets[0] if sets else None,
        **await _parts(visit, sets[0] if sets else None, [it.id for it in sets]),
    )


async def take_cases(visit: Visit, _read: Form) -> Response:
    """Make a data set of the installed copy of a standard benchmark."""
    visit.caller.must_be(Role.WRITER)
    benchmark, _ = visit.services.standard.find(visit.path("name"))
    made = await visit.services.standard.take_in_installed(visit.caller, benchmark)
    to = address("benchmarks/standard", benchmark.name, show="cases")
    return visit.go(to, f"{made.frame.rows:,} cases are here.")


async def show_benchmark(visit: Visit) -> Response:
    """One benchmark of the workspace."""
    services = visit.services
    found = await _own(visit)
    dataset = None
    if found.dataset_id is not None:
        dataset = await services.datasets.get(visit.caller, found.dataset_id)
    return visit.page(
        "data_benchmark.html",
        it=found,
        writing=found.state is BenchmarkState.WRITING,
        failed=found.state is BenchmarkState.FAILED,
        documents=await _documents(visit, found.documents),
        dataset=dataset,
        **await _parts(visit, dataset, [dataset.id] if dataset else []),
    )


async def _parts(
    visit: Visit, dataset: Dataset | None, dataset_ids: Collection[str]
) -> dict[str, Any]:
    """The part of a benchmark's page that is looked at: `boards`, `cases` or `uses`."""
    show = visit.query.text("show", "boards")
    if show == "cases" and dataset is not None:
        return {"show": show, **await _cases(visit, dataset)}
    if show == "uses":
        return {"show": show, **await _uses(visit, dataset_ids)}
    if show not in {"boards", "cases"}:
        raise NotFound(f"a benchmark has no part {show!r} (parts: boards, cases, uses)")
    boards: list[Board] = []
    if dataset_ids and show == "boards":
        boards = await visit.services.leaderboards.of_data(visit.caller, dataset_ids)
    return {"show": show, "boards": [_board(it) for it in boards[:_BOARDS]], "table": None}


async def _cases(visit: Visit, dataset: Dataset) -> dict[str, Any]:
    start = start_of(visit)
    rows = await visit.services.datasets.page(dataset, start=start, limit=PAGE_ROWS)
    numbered = [(start + number, row) for number, row in enumerate(rows)]
    column = visit.query.whole("column", 0)
    return {
        "table": table_of(dataset.frame.columns, numbered, column=column),
        "next": next_of(start, len(rows), dataset.frame.rows),
        "row_at": lambda at: address("sets", dataset.id, "rows", str(at)),
    }


async def _uses(visit: Visit, dataset_ids: Collection[str]) -> dict[str, Any]:
    cursor = visit.query.text("cursor")
    found = await visit.services.data_uses.of_datasets(
        visit.caller,
        dataset_ids,
        after=decode_cursor(cursor, str)[0] if cursor else None,
        limit=_PAGE + 1,
    )
    return {
        "found": found[:_PAGE],
        "next": encode_cursor(found[_PAGE - 1].run.id) if len(found) > _PAGE else None,
    }


def _board(board: Board) -> BoardView:
    figure = next((run.metrics[0].scorer for run in board.runs if run.metrics), None)
    places = [
        Place(run, next((it for it in run.metrics or () if it.scorer == figure), None))
        for run in board.runs
    ]
    places.sort(key=_value, reverse=True)
    runs = "&".join(f"run={place.run.id}" for place in places[:_MOST_COMPARED])
    return BoardView(board, figure, tuple(places), f"/compare?{runs}" if len(places) > 1 else None)


def _value(place: Place) -> float:
    known = place.metric is not None and place.metric.value is not None
    return place.metric.value if known else float("-inf")  # type: ignore[union-attr,return-value]


async def _documents(visit: Visit, ids: Sequence[str]) -> list[Document]:
    try:
        return await visit.services.documents.find(visit.caller, ids)
    except NotFound:
        return []


async def show_upload(visit: Visit) -> Response:
    """The form that takes in a benchmark."""
    visit.caller.must_be(Role.WRITER)
    return _upload_page(visit, Problems())


async def take_upload(visit: Visit, read: ReceivedForm) -> Response:
    """Take in a file of questions and answers."""
    said = {it: read.fields.get(it, "").strip() for it in ("name", "description")}
    file = next((it for it in read.files if it.field == "file" and it.name), None)
    if file is None:
        return _upload_page(visit, Problems({"file": "choose a file"}), said, 422)
    name = file_name(file.name.encode("utf-8", "replace"))
    path = file.path.with_name(name)
    await asyncio.to_thread(file.path.rename, path)
    try:
        made = await visit.services.benchmarks.upload(
            visit.caller,
            path,
            name,
            name=said["name"] or name.rpartition(".")[0] or name,
            description=said["description"] or None,
        )
    except WeighbridgeError as error:
        problems = problems_of(error, ("name",))
        if not problems.of:
            problems = Problems({"file": error.message})
        return _upload_page(visit, problems, said, status_of(error))
    return visit.go(address("benchmarks", made.id), f"{made.questions:,} questions taken in.")


def _upload_page(
    visit: Visit, problems: Problems, said: dict[str, str] | None = None, status: int = 200
) -> Response:
    return visit.page(
        "data_benchmark_upload.html",
        status=status,
        problems=problems,
        said=said or {"name": "", "description": ""},
        most_mb=visit.services.settings.max_upload_mb,
    )


async def _own(visit: Visit) -> Benchmark:
    benchmark_id = visit.path("id")
    if not benchmark_id.isprintable():
        raise NotFound("there is no such benchmark")
    return await visit.services.benchmarks.get(visit.caller, benchmark_id[:64])


ROUTES = (
    page("/data/benchmarks", show_benchmarks),
    page("/data/benchmarks/upload", show_upload),
    upload_form("/data/benchmarks/upload", take_upload),
    page("/data/benchmarks/standard/{name}", show_standard),
    form("/data/benchmarks/standard/{name}/cases", take_cases),
    page("/data/benchmarks/{id}", show_benchmark),
)
