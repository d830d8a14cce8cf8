"""`columns`, for parquet and arrow. Loading this loads pyarrow."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weighbridge.core.json import Json
from weighbridge.core.prompt import as_text
from weighbridge.datasets.columnar import BATCH_ROWS, batches_of, refusing
from weighbridge.datasets.columns import HIDDEN, Value
from weighbridge.datasets.rows import Row

_AT_ONCE = BATCH_ROWS * 8
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def write_batches(
    source: Path,
    source_format: str,
    target: Path,
    target_format: str,
    column: str,
    cells: Iterator[Value],
    embeddings: bool,
    only: int | None,
) -> int:
    """From columns to columns, a batch at a time: every type stays what it is."""
    kind = _kind(embeddings)
    count = 0
    with refusing(source, source_format), contextlib.ExitStack() as open_:
        schema, batches, compression = batches_of(source, source_format, open_)
        kept = pa.schema(
            [field for field in schema if not field.name.startswith(HIDDEN)],
            metadata=without_pandas(schema.metadata),
        )
        place = kept.get_field_index(column)
        field = pa.field(column, kind)
        wanted = kept.append(field) if place < 0 else kept.set(place, field)
        write = open_.enter_context(writer(target, target_format, wanted, compression))
        for batch in batches:
            if only is not None:
                batch = batch.slice(0, only - count)
            values = pa.array(itertools.islice(cells, batch.num_rows), kind)
            arrays = [
                values if name == column else batch.column(batch.schema.get_field_index(name))
                for name in wanted.names
            ]
            write(pa.RecordBatch.from_arrays(arrays, schema=wanted))
            count += batch.num_rows
            if only is not None and count >= only:
                break
    return count


def write_converted(
    read: Callable[[], Iterable[Row]],
    stringly: bool,
    target: Path,
    target_format: str,
    column: str,
    cells: Iterator[Value],
    embeddings: bool,
) -> int:
    """From rows to columns: their types are found by a first pass over all rows.

    Args:
        read: gives the rows, anew each time.
        stringly: whether every value is a string that may stand for a number or a truth value.
    """
    schema = _types_of_text(read()) if stringly else types_of_values(read())
    kept = pa.schema([f for f in schema if not f.name.startswith(HIDDEN) and f.name != column])
    names = [name for name in schema.names if not name.startswith(HIDDEN)]
    wanted = pa.schema(
        [
            kept.field(name) if name != column else pa.field(column, _kind(embeddings))
            for name in (names if column in names else [*names, column])
        ]
    )
    count = 0
    rows = iter(read())
    with writer(target, target_format, wanted, "zstd") as write:
        while part := list(itertools.islice(rows, _AT_ONCE)):
            found = list(itertools.islice(cells, len(part)))
            arrays = [
                pa.array(found, wanted.field(name).type)
                if name == column
                else array_of(part, name, wanted.field(name).type, stringly)
                for name in wanted.names
            ]
            write(pa.RecordBatch.from_arrays(arrays, schema=wanted))
            count += len(part)
    return count


def _kind(embeddings: bool) -> Any:
    return pa.list_(pa.float32()) if embeddings else pa.string()


@contextlib.contextmanager
def writer(
    target: Path, target_format: str, schema: pa.Schema, compression: str
) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """What writes batches to a parquet or arrow file, which is whole when this is left."""
    if target_format == "parquet":
        options: Any = {"compression": compression}
        with pq.ParquetWriter(target, schema, **options) as parquet:
            yield parquet.write_batch
        return
    deltas = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with (
        pa.OSFile(str(target), "wb") as sink,
        pa.ipc.new_file(sink, schema, options=deltas) as arrow,
    ):
        yield arrow.write_batch


def without_pandas(metadata: Any) -> Any:
    """What pandas noted about the columns no longer holds when there is one more."""
    if not metadata:
        return None
    return {key: value for key, value in metadata.items() if key != b"pandas"} or None


def types_of_values(rows: Iterable[Row]) -> pa.Schema:
    """The types of columns of JSON values, found by going through all rows; text where no other
    type holds all values."""
    found: dict[str, pa.DataType] = {}
    rows = iter(rows)
    while part := list(itertools.islice(rows, _AT_ONCE)):
        for name in dict.fromkeys(name for row in part for name in row):
            values = [row.get(name) for row in part]
            found[name] = _common(found.get(name), _inferred(values))
    return pa.schema(
        [(name, kind if kind != pa.null() else pa.string()) for name, kind in found.items()]
    )


def _inferred(values: list[Json]) -> Any:
    try:
        infer: Any = pa.infer_type  # the stubs want an argument that has a default
        return infer(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.string()


def _common(one: Any, other: Any) -> Any:
    if one is None or one == other:
        return other
    try:
        both = [pa.schema([("x", one)]), pa.schema([("x", other)])]
        return pa.unify_schemas(both, promote_options="permissive").field("x").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _types_of_text(rows: Iterable[Row]) -> pa.Schema:
    kinds: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            before = kinds.setdefault(name, "empty")
            if before != "text" and value != "":
                kinds[name] = _joined(before, _told_by(str(value)))
    arrow: dict[str, Any] = {"whole": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}
    return pa.schema([(name, arrow.get(kind, pa.string())) for name, kind in kinds.items()])


def _told_by(text: str) -> str:
    if _WHOLE.fullmatch(text):
        return "whole"
    if _NUMBER.fullmatch(text):
        return "number"
    return "truth" if text in {"true", "false"} else "text"


def _joined(one: str, other: str) -> str:
    if one in {"empty", other}:
        return other
    return "number" if {one, other} == {"whole", "number"} else "text"


def array_of(part: list[Row], name: str, kind: Any, stringly: bool) -> Any:
    """One column of some rows as an arrow array.

    Args:
        kind: its type.
        stringly: whether the values are strings that stand for numbers and truth values.
    """
    values: list[Any] = [row.get(name) for row in part]
    if stringly and not pa.types.is_string(kind):
        convert: Callable[[str], Any] = {
            pa.int64(): int,
            pa.float64(): float,
        }.get(kind, lambda text: text == "true")
        return pa.array([None if it in ("", None) else convert(it) for it in values], kind)
    if pa.types.is_string(kind):
        values = [it if it is None else as_text(it) for it in values]
    return pa.array(values, kind)
