"""Flat outcome rows as a Parquet file, written piece by piece."""

import io
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

_TYPES: dict[str, pa.DataType] = {
    "position": pa.int64(),
    "epoch": pa.int32(),
    "latency_s": pa.float64(),
    "input_tokens": pa.int64(),
    "output_tokens": pa.int64(),
    "cost_usd": pa.float64(),
    "calls": pa.int32(),
    "cached": pa.int32(),
}


class Writer:
    """Turns chunks of rows into the bytes of one Parquet file.

    Args:
        names: of all columns, in order. scorers: keys of the scorers.
    """

    def __init__(self, names: list[str], scorers: tuple[str, ...]) -> None:
        scores = {f"score.{key}{part}" for key in scorers for part in ("", ".override")}
        self._schema = pa.schema(
            [
                (name, pa.float64() if name in scores else _TYPES.get(name, pa.string()))
                for name in names
            ]
        )
        self._pieces = _Pieces()
        sink = cast("IO[bytes]", self._pieces)
        self._writer = pq.ParquetWriter(sink, self._schema, compression="zstd")

    def add(self, rows: list[dict[str, Any]]) -> bytes:
        """The bytes that are ready after these rows."""
        self._writer.write_table(pa.Table.from_pylist(rows, schema=self._schema))
        return self._pieces.take()

    def finish(self) -> bytes:
        """The last bytes."""
        self._writer.close()
        return self._pieces.take()


class _Pieces(io.RawIOBase):
    """A file that is only ever written forward, and hands out what was written."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._written.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        taken, self._written = b"".join(self._written), []
        return taken
