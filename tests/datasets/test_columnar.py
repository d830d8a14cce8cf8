"""Parquet and arrow values become JSON in the documented way; damaged files are refused."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weighbridge.datasets.columnar import json_values
from weighbridge.datasets.readers import open_rows
from weighbridge.errors import Invalid

MOMENT = dt.datetime(2024, 1, 31, 9, 30, 0)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1.5, float("nan"), float("inf"), None], pa.float64(), [1.5, None, None, None]),
        ([0.1, None], pa.float32(), [0.1, None]),
        ([Decimal("12.50"), None], pa.decimal128(6, 2), ["12.50", None]),
        ([dt.date(2024, 1, 31), None], pa.date32(), ["2024-01-31", None]),
        ([MOMENT, None], pa.timestamp("ns"), ["2024-01-31T09:30:00", None]),
        (
            [MOMENT.replace(microsecond=50_000)],
            pa.timestamp("us"),
            ["2024-01-31T09:30:00.05"],
        ),
        ([MOMENT], pa.timestamp("ms", tz="UTC"), ["2024-01-31T09:30:00Z"]),
        ([MOMENT], pa.timestamp("us", tz="+05:30"), ["2024-01-31T15:00:00+05:30"]),
        ([dt.time(9, 30, 5)], pa.time64("us"), ["09:30:05"]),
        ([dt.timedelta(minutes=1, milliseconds=500), None], pa.duration("ms"), [60.5, None]),
        ([b"\x00\xff", None], pa.binary(), ["AP8=", None]),
        ([b"ab"], pa.binary(2), ["YWI="]),
        ([True, None], pa.bool_(), [True, None]),
        ([2**63], pa.uint64(), [2**63]),
        ([None], pa.null(), [None]),
        ([[1.0, float("nan")], [], None], pa.list_(pa.float64()), [[1.0, None], [], None]),
        ([[b"a"]], pa.large_list(pa.binary()), [["YQ=="]]),
        ([[1, 2], None], pa.list_(pa.int8(), 2), [[1, 2], None]),
        (
            [{"when": MOMENT, "n": 1}, None, {"when": None, "n": 2}],
            pa.struct([("when", pa.timestamp("s")), ("n", pa.int8())]),
            [{"when": "2024-01-31T09:30:00", "n": 1}, None, {"when": None, "n": 2}],
        ),
        ([[("a", 1)], None], pa.map_(pa.string(), pa.int8()), [{"a": 1}, None]),
        ([[(1, "a")]], pa.map_(pa.int8(), pa.string()), [[{"key": 1, "value": "a"}]]),
        (["x", None], pa.large_string(), ["x", None]),
        (["x", None], pa.string_view(), ["x", None]),
        (["x", "y", "x"], pa.dictionary(pa.int8(), pa.string()), ["x", "y", "x"]),
    ],
)
def test_each_type_has_its_json_form(
    values: list[Any], kind: pa.DataType, expected: object
) -> None:
    array = pa.array(values, kind)
    assert json_values(array) == expected
    # A slice of an array shares its buffers; what is converted must be the slice only.
    assert json_values(array.slice(1)) == expected[1:]  # type: ignore[index]


def test_null_lists_and_structs_within_slices_keep_their_places() -> None:
    array = pa.array([[1], None, [2, 3], [], [4]], pa.list_(pa.int64())).slice(1, 3)
    assert json_values(array) == [None, [2, 3], []]


def test_rows_of_all_batches_come_in_order(tmp_path: Path) -> None:
    n = 5_000
    table = pa.table({"a": range(n), "b": [str(i) for i in range(n)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=700)
    expected = [{"a": i, "b": str(i)} for i in range(n)]
    assert list(open_rows(tmp_path / "a.parquet")) == expected


@pytest.mark.parametrize("damage", ["cut", "rubbish", "middle", "empty"])
def test_a_corrupt_parquet_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [str(i) for i in range(2000)]}), path)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "rubbish":
        content = bytearray(b"PAR1 this is not a parquet file")
    elif damage == "middle":
        content[4:400] = b"\xff" * 396
    else:
        content.clear()
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"a\.parquet is damaged or not parquet"):
        list(open_rows(path))


@pytest.mark.parametrize("damage", ["cut", "rubbish", "offsets"])
def test_a_corrupt_arrow_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"a": ["abc", "def"]})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    content = path.read_bytes()
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "rubbish":
        content = b"ARROW1 and then nothing of the sort"
    else:
        offsets = b"\0\0\0\0\x03\0\0\0\x06\0\0\0"
        assert offsets in content
        content = content.replace(offsets, b"\0\0\0\0\x03\0\0\0\xff\xff\xff\x7f")
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"a\.arrow is damaged or not arrow"):
        list(open_rows(path))


def test_files_without_rows_say_so(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.int8())}), tmp_path / "a.parquet")
    (tmp_path / "a.arrow").write_bytes(b"")
    for name in ("a.parquet", "a.arrow"):
        with pytest.raises(Invalid, match="has no rows"):
            list(open_rows(tmp_path / name))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(Invalid, match="two columns are called `a`"):
        list(open_rows(tmp_path / "a.arrow"))


def test_a_type_without_a_json_form_is_named(tmp_path: Path) -> None:
    table = pa.table({"ok": [1], "odd": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(Invalid, match="column `odd` has the type month_day_nano"):
        list(open_rows(tmp_path / "a.arrow"))


def test_reading_timestamps_does_not_load_pandas(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": pa.array([MOMENT], pa.timestamp("ns"))}), path)
    script = (
        "import sys; from pathlib import Path; from weighbridge.datasets.readers import open_rows; "
        f"assert list(open_rows(Path({str(path)!r}))) == [{{'t': '2024-01-31T09:30:00'}}]; "
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
