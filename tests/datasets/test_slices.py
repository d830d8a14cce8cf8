"""A stretch of the rows of a file, of any format."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weighbridge.datasets.shapes import shape_of
from weighbridge.datasets.slices import columns_of, read_slice
from weighbridge.errors import Invalid

ROWS: list[dict[str, Any]] = [{"i": i, "s": f"text {i}"} for i in range(3000)]


def written(folder: Path, name: str) -> Path:
    path = folder / name
    table = pa.Table.from_pylist([{**row, "_oxen_id": "x"} for row in ROWS])
    if name.endswith(".csv"):
        path.write_text("i,s\n" + "".join(f"{row['i']},{row['s']}\n" for row in ROWS))
    elif name.endswith(".parquet"):
        pq.write_table(table, path, row_group_size=700)
    elif name.endswith(".arrow"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table, max_chunksize=999)
    else:
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.arrow"])
@pytest.mark.parametrize(
    ("start", "stop"), [(0, 3), (699, 701), (700, 2100), (2999, 3000), (2990, 9999), (3000, 3001)]
)
def test_the_rows_in_between_are_read(tmp_path: Path, name: str, start: int, stop: int) -> None:
    path = written(tmp_path, name)
    shape = shape_of(path, name)
    assert shape is not None
    assert list(columns_of(shape)) == ["i", "s"]
    as_text = name == "a.csv"
    assert read_slice(path, shape, start, stop) == [
        {**row, "i": str(row["i"])} if as_text else row for row in ROWS[start:stop]
    ]


def test_rows_of_json_have_every_column(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"b": 2}\n')
    shape = shape_of(path, "a.jsonl")
    assert shape is not None
    assert read_slice(path, shape, 0, 9) == [{"a": 1, "b": None}, {"a": None, "b": 2}]


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "a,b\n"), ("a.csv", "a;b\n\n"), ("a.tsv", "\ufeffa\tb")]
)
def test_a_header_without_rows_has_columns(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    shape = shape_of(tmp_path / name, name)
    assert shape is not None
    assert (shape.rows, dict(shape.columns)) == (0, {"a": "string", "b": "string"})


@pytest.mark.parametrize("content", [b"a,a\n", b"a,\n", b"a,\xff\n", b'a,"b\n'])
def test_a_wrong_header_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(Invalid):
        shape_of(tmp_path / "a.csv", "a.csv")
