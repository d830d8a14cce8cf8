"""The process in which queries are carried out, one at a time: `python -m` this module.

SQL comes from users, and an engine for SQL can be made to work for hours or to fill the memory by
one function call that nothing interrupts. So it works here, where it can be killed, and holds
nothing worth having: no settings, no keys, no connection to anything, and no way to a file.
`datasets.querying` starts this process and says what it is asked, a line of JSON a query.

The only module that loads duckdb.
"""

import contextlib
import os
import resource
import select
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import orjson
import pyarrow as pa
import pyarrow.types

from weighbridge.core.versions import FrameShape, RowNumbers
from weighbridge.datasets import columnar, columnar_rows
from weighbridge.datasets.columnar_rows import Batches
from weighbridge.datasets.frame import FrameIndex, write_frame
from weighbridge.datasets.rows import Row
from weighbridge.errors import Invalid, OutOfSpace, TooLarge, WeighbridgeError

TABLE = "df"
IDLE_S = 60
"""How long this process waits for a next query before it ends."""

MAX_ROWS = 1_000_000
MAX_BYTES = 256 << 20
"""The largest answer."""

_MEMORY = 2 << 30  # of the process; the engine's own accounting misses what some functions take
_ENGINE_MEMORY = "512MiB"
_WORN_KIB = 400 << 10  # a process that has had so much ends: the engine does not give it all back
_BATCH = 2048

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "secret_directory": "",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": _ENGINE_MEMORY,
    "threads": "1",
    # Cells of csv are text; `n > 1` may compare them as numbers all the same.
    "old_implicit_casting": "true",
}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one query; what is wrong with it is an answer too."""
    try:
        return _answer(request)
    except WeighbridgeError as error:
        return {"error": error.message, "kind": error.kind}
    except MemoryError:
        return {"error": _TOO_MUCH_MEMORY, "kind": TooLarge.kind}
    except OSError as error:
        kind = OutOfSpace.kind if error.errno else Invalid.kind
        return {"error": f"the answer cannot be kept: {error.strerror or error}", "kind": kind}


_TOO_MUCH_MEMORY = "the query needs too much memory; take fewer rows or columns, or smaller groups"


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    shape = FrameShape(**request["shape"])
    source = columnar_rows.batches(Path(request["path"]), shape)
    if request["id_column"]:
        numbers = RowNumbers(request["numbers"]["base"], tuple(request["numbers"]["removed"]))
        source = _with_ids(source, request["id_column"], numbers)
    if not source.schema.names:
        raise Invalid("the file has no columns; there is nothing to ask it for")
    table = _Table(source)
    with Path(request["target"]).open("wb") as target:
        try:
            columns, index = _written(table, request["sql"], target)
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            if table.broken is not None:
                raise table.broken from error
            raise _refusal(error, source, shape.format) from error
    return {"columns": columns, "index": asdict(index)}


def _written(table: "_Table", sql: str, target: BinaryIO) -> tuple[dict[str, str], FrameIndex]:
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    with contextlib.closing(connection):
        connection.register(TABLE, table)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
        connection.execute("SET lock_configuration = true")
        # Closed before the connection is, which a stream that is still open does not survive.
        with _selected(connection, sql) as reader:
            names = _apart(reader.schema.names)
            exact = {str(it.type) for it in table.schema if pa.types.is_decimal(it.type)}
            rows = _limited(_rows(reader, names, exact), target)
            kinds = [str(_told_as(it.type, exact)) for it in reader.schema]
            return dict(zip(names, kinds, strict=True)), write_frame(rows, target)


def _selected(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.RecordBatchReader:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise Invalid(f"a query is one SELECT statement over the table `{TABLE}`")
    reader: pa.RecordBatchReader = connection.sql(statements[0]).to_arrow_reader(_BATCH)
    return reader


class _Table:
    """What the engine reads as its table: a new stream of batches whenever it asks for one.

    Attributes:
        broken: what was wrong with the file, should it turn out to be damaged.
    """

    def __init__(self, source: Batches) -> None:
        self._source = source
        self.schema = source.schema
        self.broken: WeighbridgeError | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader: Any = pa.RecordBatchReader.from_batches(self.schema, self._read())
        return reader.__arrow_c_stream__(requested_schema)

    def _read(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._source.read()
        except WeighbridgeError as error:
            self.broken = error
            raise


def _with_ids(source: Batches, column: str, numbers: RowNumbers) -> Batches:
    schema = source.schema.append(pa.field(column, pa.string()))

    def read() -> Iterator[pa.RecordBatch]:
        position = 0
        for batch in source.read():
            places = range(position, position + batch.num_rows)
            ids = pa.array([numbers.id_at(place) for place in places], pa.string())
            yield pa.RecordBatch.from_arrays([*batch.columns, ids], schema=schema)
            position += batch.num_rows

    return Batches(schema, read)


def _rows(reader: pa.RecordBatchReader, names: list[str], exact: set[str]) -> Iterator[Row]:
    for batch in reader:
        told = [_told(array, exact) for array in batch.columns]
        yield from columnar.rows_of_batch(pa.RecordBatch.from_arrays(told, names))


def _told_as(kind: Any, exact: set[str]) -> Any:
    """Decimals that arithmetic made are numbers, as in every answer in JSON; those of the file keep
    all their digits."""
    if pa.types.is_decimal(kind) and str(kind) not in exact:
        return pa.int64() if kind.scale == 0 else pa.float64()
    return kind


def _told(array: Any, exact: set[str]) -> Any:
    kind = _told_as(array.type, exact)
    try:
        return array.cast(kind)
    except pa.ArrowInvalid:
        return array.cast(pa.float64())  # beyond 64 bits


def _limited(rows: Iterator[Row], target: BinaryIO) -> Iterator[Row]:
    for count, row in enumerate(rows):
        if count >= MAX_ROWS or (count % 256 == 0 and target.tell() > MAX_BYTES):
            raise TooLarge(
                f"the answer has more than {MAX_ROWS:,} rows or {MAX_BYTES >> 20} MiB; "
                "ask for less, by WHERE or LIMIT"
            )
        yield row


def _apart(names: list[str]) -> list[str]:
    """Names of columns, the second `a` called `a_1`."""
    found: dict[str, None] = {}
    for name in names:
        others = (f"{name}_{number}" for number in range(1, len(names) + 1))
        found[name if name not in found else next(it for it in others if it not in found)] = None
    return list(found)


def _refusal(error: Exception, source: Batches, format: str) -> WeighbridgeError:  # noqa: A002
    """What the engine says of a query, as the user should be told."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    reason = said[0][:500]
    if reason.startswith("Out of Memory"):
        return TooLarge(_TOO_MUCH_MEMORY)
    if isinstance(error, duckdb.PermissionException) or "disabled by configuration" in reason:
        return Invalid(f"a query reads the table `{TABLE}` and nothing else: no files, no network")
    hint = ""
    if "not found in FROM clause" in reason or "does not have a column" in reason:
        hint = f" (columns: {', '.join(islice(source.schema.names, 50))})"
    elif "Table with name" in reason:
        hint = f" (the table is called `{TABLE}`)"
    elif format in {"csv", "tsv"} and isinstance(error, duckdb.ConversionException):
        hint = f" (cells of a {format} file are text: TRY_CAST(… AS DOUBLE) leaves others out)"
    return Invalid(f"{reason}{hint}")


def _confine() -> None:
    """Give up what this process will not need."""
    for limit, most in ((resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):  # not on every system
            resource.setrlimit(limit, (most, most))


def main() -> None:
    """Answer queries until no more come."""
    _confine()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints is taken for an answer
    questions = sys.stdin.buffer
    while select.select([questions], [], [], IDLE_S)[0]:
        line = questions.readline()
        if not line:
            break
        request = orjson.loads(line)
        signal.alarm(request["seconds"])  # ends the process, whatever it is doing
        answers.write(orjson.dumps(answer(request), option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()
        signal.alarm(0)
        if _peak_kib() > _WORN_KIB:
            break
    os._exit(0)  # the engine's library does not end in good order


def _peak_kib() -> int:
    """The most memory that this process has had. What `getrusage` says on Linux is no less than
    what the process had that started it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.split("VmHWM:", 1)[1].split(maxsplit=1)[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
