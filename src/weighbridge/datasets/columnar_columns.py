"""`columns`, for parquet and arrow. Loading this loads pyarrow."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weighbridge.core.json import Json
from weighbridge.core.prompt import as_text
from weighbridge.datasets.columnar import BATCH_ROWS, batches_of, refusing
from weighbridge.datasets.columns import HIDDEN, Value
from weighbridge.datasets.rows import Row

_AT_ONCE = BATCH_ROWS * 8
_EXACT_DIGITS = 15
_EXACT_WHOLE = 2**53
"""What a floating-point number can hold of a text, and of a whole number, as it is."""
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
    header: list[str] | None,
    target: Path,
    target_format: str,
    column: str,
    cells: Iterator[Value],
    embeddings: bool,
) -> int:
    """From rows to columns: their types are found by a first pass over all rows.

    Args:
        read: gives the rows, anew each time.
        header: of a text whose every value is a string that may stand for a number or a truth
            value; None: values are what they are.
    """
    stringly = header is not None
    schema = types_of_values(read()) if header is None else _types_of_text(read(), header)
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
        words = {
            place: _Dictionary()
            for place, field in enumerate(schema)
            if pa.types.is_dictionary(field.type)
        }
        if not words:
            yield arrow.write_batch
            return

        def write(batch: pa.RecordBatch) -> None:
            columns = [
                words[place].grown(column) if place in words else column
                for place, column in enumerate(batch.columns)
            ]
            arrow.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))

        yield write


class _Dictionary:
    """The dictionary of a column of an arrow file, which may grow from batch to batch but not
    change: that of a stream may."""

    def __init__(self) -> None:
        self._words: Any = None

    def grown(self, array: Any) -> Any:
        """The array, by this dictionary."""
        if self._words is None:
            self._words = array.dictionary
        if array.dictionary.equals(self._words):
            return array
        added = array.dictionary.filter(pc.is_null(pc.index_in(array.dictionary, self._words)))
        if len(added):
            self._words = pa.concat_arrays([self._words, added.unique()])
        places = pc.index_in(array.dictionary, self._words).take(array.indices)
        return pa.DictionaryArray.from_arrays(
            places.cast(array.type.index_type), self._words, ordered=array.type.ordered
        )


def without_pandas(metadata: Any) -> Any:
    """What pandas noted about the columns no longer holds when there is one more."""
    if not metadata:
        return None
    return {key: value for key, value in metadata.items() if key != b"pandas"} or None


def types_of_values(rows: Iterable[Row]) -> pa.Schema:
    """The types of columns of JSON values, found by going through all rows; text where no other
    type holds all values."""
    found: dict[str, pa.DataType] = {}
    large: set[str] = set()
    rows = iter(rows)
    while part := list(itertools.islice(rows, _AT_ONCE)):
        for name in dict.fromkeys(name for row in part for name in row):
            kind, is_large = _inferred([row.get(name) for row in part])
            if is_large:
                large.add(name)
            found[name] = _common(found.get(name), kind, is_large=name in large)
    return pa.schema(
        [(name, kind if _can_be_kept(kind) else pa.string()) for name, kind in found.items()]
    )


def _can_be_kept(kind: Any) -> bool:
    """Whether a file can hold a column of this type: parquet has no objects without fields."""
    if pa.types.is_list(kind):
        return _can_be_kept(kind.value_type)
    if pa.types.is_struct(kind):
        fields = [kind.field(index).type for index in range(kind.num_fields)]
        return bool(fields) and all(map(_can_be_kept, fields))
    return bool(kind != pa.null())


def _inferred(values: list[Json]) -> tuple[Any, bool]:
    """The type that holds all values, and whether some of them are too large for a floating-point
    number."""
    try:
        # Made, and not only inferred: `pa.infer_type` finds types that do not hold all values.
        made: Any = pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.string(), False
    if _numbers_that_were_truths(made.type, values):
        return pa.string(), False
    ends: Any = pc.min_max(made).as_py() if made.type == pa.int64() else {}
    return made.type, any(end is not None and abs(end) > _EXACT_WHOLE for end in ends.values())


def _numbers_that_were_truths(kind: Any, values: Iterable[Any]) -> bool:
    """Whether arrow has made 1.0 of a true among numbers."""
    if pa.types.is_floating(kind):
        return any(type(value) is bool for value in values)
    there = [value for value in values if value is not None] if pa.types.is_nested(kind) else []
    if pa.types.is_list(kind):
        return _numbers_that_were_truths(kind.value_type, itertools.chain.from_iterable(there))
    if pa.types.is_struct(kind):
        return any(
            _numbers_that_were_truths(field.type, [value.get(field.name) for value in there])
            for field in (kind.field(index) for index in range(kind.num_fields))
        )
    return False


def _common(one: Any, other: Any, *, is_large: bool) -> Any:
    """The type that holds the values of both, none of them changed; text where there is none."""
    if one is None or one in (other, pa.null()):
        return other
    if other == pa.null():
        return one
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.string() if is_large else pa.float64()
    try:
        both = [pa.schema([("x", one)]), pa.schema([("x", other)])]
        merged = pa.unify_schemas(both, promote_options="permissive").field("x").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()
    return merged if _holds(merged, one) and _holds(merged, other) else pa.string()


def _holds(wide: Any, narrow: Any) -> bool:
    """Whether a type differs from another only in that fields are added, or nothing was known."""
    if pa.types.is_list(wide) and pa.types.is_list(narrow):
        return _holds(wide.value_type, narrow.value_type)
    if pa.types.is_struct(wide) and pa.types.is_struct(narrow):
        fields = [narrow.field(index) for index in range(narrow.num_fields)]
        return all(_holds(wide.field(field.name).type, field.type) for field in fields)
    return bool(narrow in (wide, pa.null()))


def _types_of_text(rows: Iterable[Row], header: list[str]) -> pa.Schema:
    """Types by which every value keeps what it says; text where there is none."""
    kinds = dict.fromkeys(header, "empty")
    for row in rows:
        for name, value in row.items():
            before = kinds[name]
            if before != "text" and value != "":
                kinds[name] = _joined(before, _told_by(str(value)))
    arrow: dict[str, Any] = {
        "whole": pa.int64(),
        "large": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
    }
    return pa.schema([(name, arrow.get(kind, pa.string())) for name, kind in kinds.items()])


def _told_by(text: str) -> str:
    if _WHOLE.fullmatch(text):
        return "whole" if len(text) <= _EXACT_DIGITS else "large"
    if _NUMBER.fullmatch(text):
        return "number" if _is_exact(text) else "text"
    return "truth" if text in {"true", "false"} else "text"


def _joined(one: str, other: str) -> str:
    if one in {"empty", other}:
        return other
    both = {one, other}
    if both == {"whole", "large"}:
        return "large"
    return "number" if both == {"whole", "number"} else "text"


def _is_exact(text: str) -> bool:
    """Whether a floating-point number says the same."""
    if len(text) <= _EXACT_DIGITS and "e" not in text and "E" not in text:
        return True
    return Decimal(repr(float(text))) == Decimal(text)


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
