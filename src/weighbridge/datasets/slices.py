"""A stretch of the rows of a file, without holding the others."""

import importlib
from itertools import islice
from pathlib import Path

from weighbridge.core.versions import FrameShape
from weighbridge.datasets.columns import COLUMNAR, HIDDEN
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.rows import Row


def columns_of(shape: FrameShape) -> dict[str, str]:
    """Name → type, without the columns that are a vendor's own."""
    return {name: kind for name, kind in shape.columns.items() if not name.startswith(HIDDEN)}


def read_slice(path: Path, shape: FrameShape, start: int, stop: int) -> list[Row]:
    """The rows `start` to `stop` (exclusive), each with every column of `columns_of`.

    Text is read from its beginning; of parquet and arrow, what lies before is skipped.

    Raises:
        Invalid: the file is damaged.
    """
    stop = min(stop, shape.rows)
    if start >= stop:
        return []
    if shape.format in COLUMNAR:
        # Loads pyarrow, which text formats do not need.
        columnar = importlib.import_module("weighbridge.datasets.columnar_rows")
        rows: list[Row] = columnar.slice_of(path, shape.format, start, stop)
    else:
        rows = list(islice(rows_of(path, shape.format), start, stop))
    names = columns_of(shape)
    return [{name: row.get(name) for name in names} for row in rows]
