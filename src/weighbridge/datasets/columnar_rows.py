"""Rows of any file of rows as arrow batches; stretches and edits of parquet and arrow files.
Loading this loads pyarrow."""

import base64
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weighbridge.core.json import Json
from weighbridge.core.prompt import as_text
from weighbridge.core.versions import FrameShape
from weighbridge.datasets.columnar import BATCH_ROWS, batches_of, refusing, rows_of_batch
from weighbridge.datasets.columnar_columns import (
    array_of,
    types_of_values,
    without_pandas,
    writer,
)
from weighbridge.datasets.columns import COLUMNAR
from weighbridge.datasets.editing import Edit
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.rows import Row, describe
from weighbridge.datasets.slices import columns_of
from weighbridge.errors import Invalid

_AT_ONCE = BATCH_ROWS * 8


@dataclass(frozen=True, slots=True)
class Batches:
    """The rows of a file as arrow batches.

    Attributes:
        schema: the same for all of them; without the columns that are a vendor's own.
        read: gives the batches, anew each time, in order; raises `Invalid` when the file is
            damaged.
    """

    schema: pa.Schema
    read: Callable[[], Iterator[pa.RecordBatch]]


def slice_of(path: Path, format: str, start: int, stop: int) -> list[Row]:  # noqa: A002
    """The rows `start` to `stop` (exclusive) of a parquet or arrow file.

    Raises:
        Invalid: the file is damaged, or a column's type has no JSON form.
    """
    rows: list[Row] = []
    with refusing(path, format), contextlib.ExitStack() as open_:
        passed, batches = _from(path, format, start, open_)
        for batch in batches:
            wanted = batch.slice(max(0, start - passed), max(0, stop - max(start, passed)))
            passed += batch.num_rows
            if wanted.num_rows:
                wanted.validate(full=True)
                rows.extend(rows_of_batch(wanted))
            if passed >= stop:
                break
    return rows


def _from(
    path: Path,
    format: str,  # noqa: A002
    start: int,
    open_: contextlib.ExitStack,
) -> tuple[int, Iterator[pa.RecordBatch]]:
    """Batches, the first of them at or before a row; and how many rows come before them."""
    if format != "parquet":
        return 0, batches_of(path, format, open_)[1]
    file = open_.enter_context(pq.ParquetFile(path, pre_buffer=False))
    sizes = [file.metadata.row_group(it).num_rows for it in range(file.num_row_groups)]
    ends = list(itertools.accumulate(sizes))
    first = sum(1 for end in ends if end <= start)
    groups = list(range(first, len(sizes)))
    batches = file.iter_batches(batch_size=BATCH_ROWS, row_groups=groups, use_threads=False)
    return ends[first - 1] if first else 0, batches


def batches(path: Path, shape: FrameShape) -> Batches:
    """The rows of a file of any format. Cells of csv stay text; types of JSON are found by a pass
    over all rows.

    Raises:
        Invalid: the file is damaged.
    """
    names = list(columns_of(shape))
    if shape.rows == 0 and path.stat().st_size == 0:
        return Batches(pa.schema([]), lambda: iter(()))
    if shape.format in COLUMNAR:
        return _columnar_batches(path, shape.format, names)
    if shape.format in {"csv", "tsv"}:
        kinds = dict.fromkeys(names, pa.string())
    else:
        found = types_of_values(rows_of(path, shape.format))
        kinds = {name: found.field(name).type for name in names}
    schema = pa.schema(list(kinds.items()))

    def read() -> Iterator[pa.RecordBatch]:
        rows = rows_of(path, shape.format)
        while part := list(itertools.islice(rows, _AT_ONCE)):
            arrays = [array_of(part, name, kind, False) for name, kind in kinds.items()]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return Batches(schema, read)


def _columnar_batches(path: Path, format: str, names: list[str]) -> Batches:  # noqa: A002
    with refusing(path, format), contextlib.ExitStack() as open_:
        whole = batches_of(path, format, open_)[0]
    schema = pa.schema([(name, _plainer(whole.field(name).type)) for name in names])

    def read() -> Iterator[pa.RecordBatch]:
        with refusing(path, format), contextlib.ExitStack() as open_:
            for batch in batches_of(path, format, open_)[1]:
                if format == "arrow":
                    batch.validate(full=True)
                arrays = [
                    _as_plain(batch.column(batch.schema.get_field_index(field.name)), field.type)
                    for field in schema
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return Batches(schema, read)


def _plainer(kind: Any) -> Any:
    """A type that a query can work with: without the encodings of arrow, durations in seconds."""
    if isinstance(kind, pa.ExtensionType):
        return _plainer(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _plainer(kind.value_type)
    if pa.types.is_duration(kind):
        return pa.float64()
    if pa.types.is_float16(kind):
        return pa.float32()
    return pa.string() if pa.types.is_decimal256(kind) else kind


def _as_plain(array: Any, kind: Any) -> Any:
    if isinstance(array, pa.ExtensionArray):
        return _as_plain(array.storage, kind)
    if array.type == kind:
        return array
    if pa.types.is_dictionary(array.type):
        return _as_plain(array.dictionary_decode(), kind)
    if pa.types.is_duration(array.type):
        seconds = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[array.type.unit]
        numbers = array.cast(pa.int64()).to_pylist()
        return pa.array([None if it is None else it / seconds for it in numbers], kind)
    return array.cast(kind)


def write_edited(
    source: Path,
    format: str,  # noqa: A002
    target: Path,
    names: list[str],
    edit: Edit,
) -> None:
    """`editing.write_edited`, for parquet and arrow, a batch at a time.

    Args:
        names: of the columns that there are afterwards.
    """
    try:
        with contextlib.ExitStack() as open_:
            with refusing(source, format):
                whole, parts, compression = batches_of(source, format, open_)
            schema = _schema_of(whole, names, edit)
            write = open_.enter_context(writer(target, format, schema, compression))
            known: dict[str, Any] = {}
            for arrays in _edited(_refusing(source, format, parts), schema, edit):
                apart = _on_top(arrays, schema, known) if format == "arrow" else arrays
                write(pa.RecordBatch.from_arrays(apart, schema=schema))
    except pa.ArrowException as error:
        reason = str(error).strip().splitlines()[0]
        raise Invalid(f"{describe(source)} cannot be edited: {reason}") from error


def _edited(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, edit: Edit
) -> Iterator[list[Any]]:
    position = 0
    for batch in batches:
        arrays = [_kept_column(batch, field, position, edit) for field in schema]
        arrays = _without(arrays, position, batch.num_rows, edit)
        position += batch.num_rows
        if arrays and len(arrays[0]):
            yield arrays
    if edit.added:
        yield [_typed([row.get(field.name) for row in edit.added], field) for field in schema]


def _refusing(
    source: Path,
    format: str,  # noqa: A002
    parts: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    with refusing(source, format):
        for batch in parts:
            if format == "arrow":
                batch.validate(full=True)
            yield batch


def _schema_of(whole: pa.Schema, names: list[str], edit: Edit) -> pa.Schema:
    fields = [
        whole.field(name) if name in whole.names else pa.field(name, _type_called(edit))
        for name in names
    ]
    same = names == whole.names
    metadata: Any = whole.metadata if same else without_pandas(whole.metadata)
    return pa.schema(fields, metadata)


def _type_called(edit: Edit) -> Any:
    called: Any = pa.type_for_alias  # the stubs know it of literals only
    return called(edit.column[1] if edit.column else "string")


def _kept_column(batch: pa.RecordBatch, field: Any, position: int, edit: Edit) -> Any:
    """One column of a batch that begins at a position, with the cells that change."""
    place = batch.schema.get_field_index(field.name)
    array: Any = pa.nulls(batch.num_rows, field.type) if place < 0 else batch.column(place)
    stop = position + batch.num_rows
    changes = {
        at - position: cells[field.name]
        for at, cells in edit.changed.items()
        if position <= at < stop and field.name in cells
    }
    if not changes:
        return array
    order = list(range(len(array)))
    for number, at in enumerate(changes):
        order[at] = len(array) + number
    both = pa.concat_arrays([array, _typed(list(changes.values()), field)])
    return both.take(pa.array(order))


def _without(arrays: list[Any], position: int, rows: int, edit: Edit) -> list[Any]:
    gone = [it - position for it in edit.removed if position <= it < position + rows]
    if not gone:
        return arrays
    kept = pa.array(sorted(set(range(rows)) - set(gone)), pa.int64())
    return [array.take(kept) for array in arrays]


def _on_top(arrays: list[Any], schema: pa.Schema, known: dict[str, Any]) -> list[Any]:
    """The columns of a batch of an arrow file, which has one dictionary a column, to which later
    batches may only add: so each of them begins with what was `known` before it."""
    made = []
    for array, field in zip(arrays, schema, strict=True):
        if pa.types.is_dictionary(array.type):
            if field.name in known:
                empty = pa.array([], array.type.index_type)
                before = pa.DictionaryArray.from_arrays(empty, known[field.name])
                array = pa.concat_arrays([before, array])
            known[field.name] = array.dictionary
        made.append(array)
    return made


def _typed(values: list[Json], field: Any) -> Any:
    """JSON values as an array of a column's type.

    Raises:
        Invalid: one is none of that type.
    """
    try:
        array = _from_json(values, field.type)
        if array.null_count and not field.nullable:
            raise ValueError("empty")
        return array
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        shown = ", ".join(as_text(it)[:80] for it in values[:3])
        raise Invalid(
            f"the column `{field.name}` is of the type {field.type}, which cannot hold {shown}"
        ) from error


def _from_json(values: list[Any], kind: Any) -> Any:
    if isinstance(kind, pa.ExtensionType):
        return pa.ExtensionArray.from_storage(kind, _from_json(values, kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _from_json(values, kind.value_type).dictionary_encode().cast(kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.array([it if it is None else as_text(it) for it in values], kind)
    if pa.types.is_duration(kind):
        units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        whole = [None if it is None else round(it * units) for it in values]
        return pa.array(whole, pa.int64()).cast(kind)
    if any(is_(kind) for is_ in _BYTES):
        decoded = [None if it is None else base64.b64decode(it, validate=True) for it in values]
        return pa.array(decoded, kind)
    if pa.types.is_time(kind):
        times = [None if it is None else time.fromisoformat(it) for it in values]
        return pa.array(times, kind)
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return pa.array([it if it is None else as_text(it) for it in values]).cast(kind)
    return pa.array(values, kind)


_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)
