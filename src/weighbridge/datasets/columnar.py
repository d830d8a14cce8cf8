"""Readers of parquet and arrow files, a record batch at a time. Loading this loads pyarrow.

Values become JSON like this:

    ======================  ====================================================================
    float                   number; NaN and infinities are null; float32 by its shortest digits
    decimal                 string of all its digits, such as `"12.50"`
    date, time, timestamp   ISO 8601 string: `"2024-01-31"`, `"2024-01-31T09:30:00Z"`
    duration                number of seconds
    binary                  base64 string
    dictionary              the value itself
    list, struct            array, object
    map                     object, when its keys are strings; else array of `{key, value}`
    ======================  ====================================================================
"""

import base64
import contextlib
import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from weighbridge.core.json import Json
from weighbridge.datasets.rows import Row, describe
from weighbridge.errors import Invalid

Array: TypeAlias = Any
"""An arrow array of any type; the stubs leave out half of its methods."""

BATCH_ROWS = 1024
_WRITTEN_ROWS = 16_384

_UNITS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def read_parquet(path: Path) -> Iterator[Row]:
    """Rows of a parquet file.

    Raises:
        Invalid: the file is damaged, or a column's type has no JSON form.
    """
    with refusing(path, "parquet"), pq.ParquetFile(path, pre_buffer=False) as file:
        _check_names(path, file.schema_arrow)
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            yield from rows_of_batch(batch)


def read_arrow(path: Path) -> Iterator[Row]:
    """Rows of an arrow file (also called feather, version 2) or arrow stream.

    Raises:
        Invalid: the file is damaged, or a column's type has no JSON form.
    """
    with refusing(path, "arrow"), pa.memory_map(str(path)) as source:
        if source.size() == 0:
            return
        for batch in _batches(path, source):
            # Offsets in such a file are taken as they are; unchecked, a wrong one reads any memory.
            batch.validate(full=True)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield from rows_of_batch(batch.slice(start, BATCH_ROWS))


def scan(path: Path, format: str) -> tuple[int, dict[str, str]]:  # noqa: A002 (as elsewhere)
    """Rows, and columns with their types, of a parquet or arrow file; all of it is read.

    Raises:
        Invalid: the file is damaged.
    """
    rows = 0
    if format == "parquet":
        with refusing(path, format), pq.ParquetFile(path, pre_buffer=False) as file:
            schema = file.schema_arrow
            _check_names(path, schema)
            for batch in file.iter_batches(batch_size=BATCH_ROWS * 16, use_threads=False):
                rows += batch.num_rows
        return rows, _types(schema)
    with refusing(path, format), pa.memory_map(str(path)) as source:
        for batch in _batches(path, source):
            batch.validate(full=True)
            rows += batch.num_rows
        source.seek(0)
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        return rows, _types(reader.schema)


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}


def names_of(path: Path, format: str) -> list[str]:  # noqa: A002 (as elsewhere)
    """The columns of a parquet or arrow file, rows or not."""
    if path.stat().st_size == 0:
        return []
    with refusing(path, format), contextlib.ExitStack() as open_:
        schema, _, _ = batches_of(path, format, open_)
        return list(schema.names)


def batches_of(
    path: Path,
    format: str,  # noqa: A002 (as elsewhere)
    open_: contextlib.ExitStack,
) -> tuple[pa.Schema, Iterator[pa.RecordBatch], str]:
    """Schema, batches and compression (`zstd`…) of a parquet or arrow file, which is open as long
    as `open_` is. Inside of `refusing`."""
    if format == "parquet":
        file = open_.enter_context(pq.ParquetFile(path, pre_buffer=False))
        compression = "snappy"
        if file.metadata.num_row_groups and file.metadata.num_columns:
            compression = file.metadata.row_group(0).column(0).compression.lower()
        batches = file.iter_batches(batch_size=_WRITTEN_ROWS, use_threads=False)
        known = {"snappy", "gzip", "brotli", "lz4", "zstd"}
        return file.schema_arrow, batches, compression if compression in known else "none"
    source = open_.enter_context(pa.memory_map(str(path)))
    is_file = source.read(6) == b"ARROW1"
    source.seek(0)
    reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
    schema = reader.schema
    source.seek(0)
    return schema, _batches(path, source), "zstd"


def _batches(path: Path, source: pa.MemoryMappedFile) -> Iterator[pa.RecordBatch]:
    is_file = source.read(6) == b"ARROW1"
    source.seek(0)
    if is_file:
        reader = pa.ipc.open_file(source)
        _check_names(path, reader.schema)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
        return
    stream = pa.ipc.open_stream(source)
    _check_names(path, stream.schema)
    yield from stream


@contextlib.contextmanager
def refusing(path: Path, what: str) -> Iterator[None]:
    """What arrow says of a damaged file, as `Invalid`."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Invalid(f"{describe(path)} is damaged or not {what}: {reason}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        # Arrow says most of what is wrong inside a file by an OSError without a number.
        reason = str(error).strip().splitlines()[0]
        raise Invalid(f"{describe(path)} is damaged or not {what}: {reason}") from error


def _check_names(path: Path, schema: pa.Schema) -> None:
    for name in schema.names:
        if not name.strip():
            raise Invalid(f"{describe(path)}: a column has no name")
        if schema.names.count(name) > 1:
            raise Invalid(f"{describe(path)}: two columns are called `{name}`")


def rows_of_batch(batch: pa.RecordBatch) -> Iterator[Row]:
    """The rows of a batch, by the table at the top of this module. Raises `Invalid` where a type
    has no JSON form."""
    names = batch.schema.names
    columns = []
    for name, column in zip(names, batch.columns, strict=True):
        try:
            columns.append(json_values(column))
        except (pa.ArrowNotImplementedError, NotImplementedError) as error:
            raise Invalid(
                f"column `{name}` has the type {column.type}, which has no JSON form"
            ) from error
    if not columns:
        return
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def json_values(array: Array) -> list[Json]:
    """The values of an arrow array as JSON, by the table at the top of this module.

    Raises:
        NotImplementedError, pa.ArrowNotImplementedError: the type has no JSON form.
    """
    if isinstance(array, pa.ExtensionArray):
        return json_values(array.storage)
    for has_type, convert in _CONVERTERS:
        if has_type(array.type):
            return convert(array)
    raise NotImplementedError(str(array.type))


def _plain(array: Array) -> list[Json]:
    values: list[Json] = array.to_pylist()
    return values


def _strings(array: Array) -> list[Json]:
    return _plain(array.cast(pa.string()))


def _finite(array: Array) -> list[Json]:
    if array.type != pa.float64():
        array = array.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    return [v if v is not None and math.isfinite(v) else None for v in array.to_pylist()]


def _seconds(array: Array) -> list[Json]:
    per_second = _UNITS_A_SECOND[array.type.unit]
    return [None if v is None else v / per_second for v in array.cast(pa.int64()).to_pylist()]


def _base64(array: Array) -> list[Json]:
    return [None if v is None else base64.b64encode(v).decode() for v in array.to_pylist()]


def _times(array: Array) -> list[Json]:
    return _plain(_without_zeros(array.cast(pa.string())))


def _without_zeros(strings: Array) -> Array:
    """`09:30:00.500000` → `09:30:00.5`, and no fraction at all where it is zero."""
    trimmed = pc.replace_substring_regex(strings, r"(\.\d*?)0+($|Z|[+-])", r"\1\2")
    return pc.replace_substring_regex(trimmed, r"\.($|Z|[+-])", r"\1")


def _timestamps(array: Array) -> list[Json]:
    strings = _without_zeros(array.cast(pa.string()))
    strings = pc.replace_substring(strings, " ", "T", max_replacements=1)
    # ISO 8601 writes an offset with a colon.
    return _plain(pc.replace_substring_regex(strings, r"([+-]\d\d)(\d\d)$", r"\1:\2"))


def _structs(array: Array) -> list[Json]:
    names = [array.type.field(index).name for index in range(array.type.num_fields)]
    present = array.is_valid().to_pylist()
    if not names:
        return [{} if there else None for there in present]
    fields = [json_values(field) for field in array.flatten()]
    return [
        dict(zip(names, values, strict=True)) if there else None
        for there, *values in zip(present, *fields, strict=True)
    ]


def _lists(array: Array) -> list[Json]:
    values = iter(json_values(array.flatten()))
    lengths = pc.list_value_length(array).to_pylist()
    return [None if length is None else list(islice(values, length)) for length in lengths]


def _maps(array: Array) -> list[Json]:
    kind = array.type
    pair = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
    rows: list[Json] = []
    for pairs in _lists(array.cast(pa.list_(pair))):
        if isinstance(pairs, list) and all(isinstance(pair["key"], str) for pair in pairs):
            rows.append({pair["key"]: pair["value"] for pair in pairs})
        else:
            rows.append(pairs)
    return rows


_CONVERTERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], list[Json]]], ...] = (
    (pa.types.is_string, _plain),
    (pa.types.is_large_string, _plain),
    (pa.types.is_integer, _plain),
    (pa.types.is_floating, _finite),
    (pa.types.is_boolean, _plain),
    (pa.types.is_null, _plain),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_date, _strings),
    (pa.types.is_time, _times),
    (pa.types.is_duration, _seconds),
    (pa.types.is_decimal, _strings),
    (pa.types.is_struct, _structs),
    (pa.types.is_map, _maps),
    (pa.types.is_list, _lists),
    (pa.types.is_large_list, _lists),
    (pa.types.is_fixed_size_list, _lists),
    (pa.types.is_dictionary, lambda array: json_values(array.dictionary_decode())),
    (pa.types.is_run_end_encoded, lambda array: json_values(array.cast(array.type.value_type))),
    (pa.types.is_binary, _base64),
    (pa.types.is_large_binary, _base64),
    (pa.types.is_fixed_size_binary, _base64),
    (pa.types.is_binary_view, _base64),
    (pa.types.is_string_view, _strings),
)
"""Which arrow types are converted by what; the first whose test holds."""
