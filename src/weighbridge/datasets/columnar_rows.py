"""Rows of any file of rows as arrow batches, and stretches of parquet and arrow files. Loading this
loads pyarrow."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weighbridge.core.versions import FrameShape
from weighbridge.datasets.columnar import BATCH_ROWS, batches_of, refusing, rows_of_batch
from weighbridge.datasets.columnar_columns import array_of, types_of_values
from weighbridge.datasets.columns import COLUMNAR
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.rows import Row
from weighbridge.datasets.slices import columns_of

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
