"""Rows as one file: what is written is read as what it was."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.synthesis.table_file import TableFile

CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
)
ROWS = st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS}), max_size=8)


def written(extension: str, pages: Sequence[Sequence[dict[str, Any]]]) -> bytes:
    file = io.BytesIO()
    table = TableFile(file, extension, ["b", "a"])
    for page in pages:
        table.write(page)
    sha256 = table.finish()
    data = file.getvalue()
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert table.size == len(data)
    return data


@given(ROWS, st.integers(0, 8))
def test_json_is_a_list_of_the_records_in_the_order_of_the_columns(
    rows: list[dict[str, Any]], split: int
) -> None:
    found = json.loads(written(".json", [rows[:split], rows[split:]]))
    assert found == rows
    assert all(list(row) == ["b", "a"] for row in found)


@given(ROWS, st.integers(0, 8))
def test_lines_are_the_records(rows: list[dict[str, Any]], split: int) -> None:
    data = written(".jsonl", [rows[:split], rows[split:]])
    assert [json.loads(line) for line in data.split(b"\n") if line] == rows


@given(ROWS, st.integers(0, 8))
def test_csv_has_a_header_and_a_row_for_each_record(rows: list[dict[str, Any]], split: int) -> None:
    text = written(".csv", [rows[:split], rows[split:]]).decode()
    header, *found = csv.reader(io.StringIO(text, newline=""))
    assert header == ["b", "a"]
    expected = [[_cell(row[name]) for name in ("b", "a")] for row in rows]
    assert found == expected


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


@pytest.mark.parametrize(
    ("extension", "data"), [(".csv", b"b,a\n"), (".json", b"[]\n"), (".jsonl", b"")]
)
def test_no_rows_are_a_whole_file_too(extension: str, data: bytes) -> None:
    assert written(extension, []) == data
