"""Data sets: listed, taken in, looked at row by row, and what was done with them."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.core.differences import FrameDifference
from weighbridge.core.inference import frame_address
from weighbridge.dialects.multipart import Form as ReceivedForm
from weighbridge.dialects.native.upload import file_name
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Invalid, NotFound, WeighbridgeError
from weighbridge.store.datasets import Dataset
from weighbridge.web.downloads import of_pieces
from weighbridge.web.forms import Form, Problems
from weighbridge.web.pages.data.shared import (
    address,
    called,
    cell_as_file,
    in_words,
    next_of,
    start_of,
)
from weighbridge.web.routing import form, page, status_of, upload_form
from weighbridge.web.rows import PAGE_ROWS, table_of, whole
from weighbridge.web.visit import Visit

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "arrow")
_PAGE = 50
_VERSIONS = 100
_LONGEST_NAME = 200
_DIFFERENT_ROWS = 50


@dataclass(frozen=True, slots=True)
class Origin:
    """The file of a repository that a data set was taken from."""

    text: str
    address: str


async def show_data_sets(visit: Visit) -> Response:
    """What there is to evaluate with, the newest first."""
    query = visit.query
    search, tag = query.text("q"), query.text("tag")
    every = bool(query.text("every"))
    cursor = query.text("cursor")
    found = await visit.services.datasets.list(
        visit.caller,
        after=decode_cursor(cursor, str)[0] if cursor else None,
        limit=_PAGE + 1,
        tag=tag or None,
        search=search or None,
        selected=every,
        newest=not every and not tag,
    )
    shown = found[:_PAGE]
    uses = await visit.services.data_uses.counts(visit.caller, [it.id for it in shown])
    return visit.page(
        "data_sets.html",
        sets=shown,
        called=called,
        uses=uses,
        next=encode_cursor(shown[-1].id) if len(found) > _PAGE else None,
        filtered=bool(search or tag or every),
    )


async def show_upload(visit: Visit) -> Response:
    """The form that takes in a file."""
    visit.caller.must_be(Role.WRITER)
    return _upload_page(visit, Problems())


async def take_upload(visit: Visit, read: ReceivedForm) -> Response:
    """Take in a file."""
    name, kind = read.fields.get("name", "").strip(), read.fields.get("format", "").strip()
    file = next((it for it in read.files if it.field == "file" and it.name), None)
    said = {"name": name, "format": kind}
    if file is None:
        return _upload_page(visit, Problems({"file": "choose a file"}), said, 422)
    if "\0" in name or len(name) > _LONGEST_NAME:
        problem = f"at most {_LONGEST_NAME} characters, and no NUL"
        return _upload_page(visit, Problems({"name": problem}), said, 422)
    path = file.path.with_name(file_name(file.name.encode("utf-8", "replace")))
    await asyncio.to_thread(file.path.rename, path)
    try:
        made = await visit.services.datasets.import_file(
            visit.caller, path, name=name or None, format=kind or None
        )
    except WeighbridgeError as error:
        problems = Problems({"file": error.message})
        return _upload_page(visit, problems, said, status_of(error))
    return visit.go(address("sets", made.id), f"{made.name}: {made.frame.rows:,} rows taken in.")


async def show_data_set(visit: Visit) -> Response:
    """One data set: its rows, what reads it, or its versions."""
    dataset = await _dataset(visit)
    services, show = visit.services, visit.query.text("show", "rows")
    parts = {"rows": _rows, "uses": _uses, "versions": _versions}
    if show not in parts:
        raise NotFound(f"a data set has no part {show!r} (parts: {', '.join(parts)})")
    parent = None
    if dataset.parent_id is not None:
        parent = await services.datasets.get(visit.caller, dataset.parent_id)
    newest = (await services.datasets.versions(visit.caller, dataset.name, limit=1))[0]
    uses = await services.data_uses.counts(visit.caller, [dataset.id])
    return visit.page(
        "data_set.html",
        it=dataset,
        title=called(dataset.name),
        called=called,
        show=show,
        parent=parent,
        selection=in_words(dataset.selection),
        origin=_origin(dataset),
        newest=newest,
        uses=uses[dataset.id],
        **await parts[show](visit, dataset),
    )


async def _rows(visit: Visit, dataset: Dataset) -> dict[str, Any]:
    start = start_of(visit)
    rows = await visit.services.datasets.page(dataset, start=start, limit=PAGE_ROWS)
    table = table_of(
        dataset.frame.columns,
        [(start + number, row) for number, row in enumerate(rows)],
        column=visit.query.whole("column", 0),
    )
    return {
        "table": table,
        "start": start,
        "next": next_of(start, len(rows), dataset.frame.rows),
        "row_at": lambda at: address("sets", dataset.id, "rows", str(at)),
    }


async def _uses(visit: Visit, dataset: Dataset) -> dict[str, Any]:
    cursor = visit.query.text("cursor")
    found = await visit.services.data_uses.of_datasets(
        visit.caller,
        [dataset.id],
        after=decode_cursor(cursor, str)[0] if cursor else None,
        limit=_PAGE + 1,
    )
    return {
        "found": found[:_PAGE],
        "next": encode_cursor(found[_PAGE - 1].run.id) if len(found) > _PAGE else None,
    }


async def _versions(visit: Visit, dataset: Dataset) -> dict[str, Any]:
    cursor = visit.query.text("cursor")
    found = await visit.services.datasets.versions(
        visit.caller,
        dataset.name,
        below=decode_cursor(cursor, int)[0] if cursor else None,
        limit=_VERSIONS + 1,
    )
    shown = found[:_VERSIONS]
    return {
        "versions": shown,
        "counts": await visit.services.data_uses.counts(visit.caller, [it.id for it in shown]),
        "next": encode_cursor(shown[-1].version) if len(found) > _VERSIONS else None,
    }


async def show_row(visit: Visit) -> Response:
    """One row in full."""
    dataset, position, row = await _row(visit)
    return visit.page(
        "data_row.html",
        title=f"Row {position + 1:,}",
        crumbs=[("Data sets", "/data"), (called(dataset.name), address("sets", dataset.id))],
        cells=[(name, whole(value, indented=True)) for name, value in row.items()],
        cell_at=lambda name: address("sets", dataset.id, f"rows/{position}/cell", column=name),
        previous=address("sets", dataset.id, f"rows/{position - 1}") if position else None,
        next=(
            address("sets", dataset.id, f"rows/{position + 1}")
            if position + 1 < dataset.frame.rows
            else None
        ),
    )


async def save_cell(visit: Visit) -> Response:
    """One value as a file."""
    _, position, row = await _row(visit)
    return cell_as_file(row, visit.query.text("column"), f"row-{position + 1}.txt")


async def save_data_set(visit: Visit) -> Response:
    """All rows as JSON Lines."""
    dataset = await _dataset(visit)
    lines = visit.services.datasets.lines(dataset)
    name = file_name(f"{dataset.name}-v{dataset.version}.jsonl".encode("utf-8", "replace"))
    return of_pieces(lines, name, "application/x-ndjson", dataset.frame.size)


async def show_differences(visit: Visit) -> Response:
    """What differs between two data sets, row by row."""
    dataset = await _dataset(visit)
    datasets = visit.services.datasets
    with_ = visit.query.text("with")
    if not with_:
        raise Invalid("name the data set to compare with, as `with=…` in the address")
    before = await datasets.called(visit.caller, with_)
    keys = visit.query.texts("key")
    start = start_of(visit)
    problem, found = None, None
    try:
        found = await visit.services.differences.of_datasets(
            datasets, before, dataset, keys=keys, start=start, limit=_DIFFERENT_ROWS
        )
    except Invalid as error:  # such as a key that is there twice: another can be chosen
        problem = error.message
    return visit.page(
        "data_set_differences.html",
        status=200 if problem is None else 400,
        it=dataset,
        called=called,
        before=before,
        keys=keys,
        both=[name for name in dataset.frame.columns if name in before.frame.columns],
        found=found,
        problem=problem,
        next=more_differences(found, start, _DIFFERENT_ROWS) if found else None,
    )


def more_differences(found: FrameDifference, start: int, limit: int) -> str | None:
    """The cursor of the next page of a difference; None on the last."""
    left = max(found.added, found.removed, found.changed) - start
    return encode_cursor(start + limit) if left > limit else None


async def take_tag(visit: Visit, read: Form) -> Response:
    """Give this version a name of its own."""
    dataset_id, tag = visit.path("id"), read.text("tag")
    made = await visit.services.datasets.tag(visit.caller, (await _dataset(visit)).id, tag)
    return visit.go(
        address("sets", dataset_id, show="versions"), f"{tag} is version {made.version} now."
    )


async def take_untag(visit: Visit, read: Form) -> Response:
    """Take a name from this version."""
    dataset = await _dataset(visit)
    await visit.services.datasets.untag(visit.caller, dataset.id, read.text("tag"))
    return visit.go(address("sets", dataset.id, show="versions"), f"{read.text('tag')} is gone.")


async def _dataset(visit: Visit) -> Dataset:
    dataset_id = visit.path("id")
    if not dataset_id.isprintable():
        raise NotFound("there is no such data set")
    return await visit.services.datasets.get(visit.caller, dataset_id[:64])


async def _row(visit: Visit) -> tuple[Dataset, int, dict[str, Any]]:
    dataset = await _dataset(visit)
    position = min(int(visit.path("position")[:18]), dataset.frame.rows)
    rows = await visit.services.datasets.page(dataset, start=position, limit=1)
    if not rows:
        raise NotFound(f"{dataset.name} has {dataset.frame.rows:,} rows, and not this one")
    return dataset, position, rows[0]


def _origin(dataset: Dataset) -> Origin | None:
    found = frame_address(dataset.name)
    if found is None:
        return None
    place = address(f"repos/{found.repository}", "files", found.path, at=found.revision)
    return Origin(f"{found.path} of {found.repository}", place)


def _upload_page(
    visit: Visit, problems: Problems, said: dict[str, str] | None = None, status: int = 200
) -> Response:
    return visit.page(
        "data_upload.html",
        status=status,
        problems=problems,
        said=said or {"name": "", "format": ""},
        formats=[(it, it) for it in FORMATS],
        most_mb=visit.services.settings.max_upload_mb,
    )


ROUTES = (
    page("/data", show_data_sets),
    page("/data/sets", show_data_sets),
    page("/data/sets/upload", show_upload),
    upload_form("/data/sets/upload", take_upload),
    page("/data/sets/{id}", show_data_set),
    page("/data/sets/{id}/file", save_data_set),
    page("/data/sets/{id}/rows/{position:int}", show_row),
    page("/data/sets/{id}/rows/{position:int}/cell", save_cell),
    page("/data/sets/{id}/differences", show_differences),
    form("/data/sets/{id}/tags", take_tag),
    form("/data/sets/{id}/tags/remove", take_untag),
)
