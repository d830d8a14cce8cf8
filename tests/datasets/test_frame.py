"""A frame gives back the rows written to it, segment by segment."""

import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.datasets import frame
from weighbridge.datasets.frame import SEGMENT, FrameIndex, parse_rows, segment_range, write_frame
from weighbridge.errors import Invalid

values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text()
    | st.lists(st.text(), max_size=2)
)


def written(rows: list[dict[str, Any]]) -> tuple[bytes, FrameIndex]:
    destination = io.BytesIO()
    index = write_frame(rows, destination)
    return destination.getvalue(), index


@given(st.lists(st.dictionaries(st.text(), values, max_size=4), max_size=20))
def test_rows_come_back_as_they_were(rows: list[dict[str, Any]]) -> None:
    data, index = written(rows)
    finite = [
        {k: None if v in (float("inf"), float("-inf")) else v for k, v in row.items()}
        for row in rows
    ]
    assert parse_rows(data) == finite
    assert index.rows == len(rows)
    assert index.size == len(data)
    assert index.sha256 == hashlib.sha256(data).hexdigest()
    assert set(index.columns) == {column for row in rows for column in row}


@pytest.mark.parametrize("n", [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT])
def test_each_segment_holds_its_rows(n: int) -> None:
    rows = [{"i": i, "text": "x\n" * (i % 7)} for i in range(n)]
    data, index = written(rows)
    assert index.segments == -(-n // SEGMENT)
    assert index.offsets[0] == 0
    assert index.offsets[-1] == len(data)
    found = []
    for segment in range(index.segments):
        start, end = segment_range(index, segment)
        part = parse_rows(data[start:end])
        assert part == rows[segment * SEGMENT : (segment + 1) * SEGMENT]
        found += part
    assert found == rows


def test_a_segment_that_is_not_there_is_an_error() -> None:
    _, index = written([{"a": 1}])
    for segment in (-1, 1):
        with pytest.raises(IndexError):
            segment_range(index, segment)


def test_a_frame_without_rows_has_no_segments() -> None:
    data, index = written([])
    assert (data, index.rows, index.segments, index.offsets) == (b"", 0, 0, (0,))
    assert parse_rows(data) == []


def test_columns_stand_in_the_order_of_their_appearance() -> None:
    assert written([{"b": 1, "a": 2}, {"c": 1}, {"a": 1}])[1].columns == ("b", "a", "c")


def test_the_hash_depends_on_content_and_order_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"i": i} for i in range(100)]
    sha256 = written(rows)[1].sha256
    assert written(rows[::-1])[1].sha256 != sha256
    monkeypatch.setattr(frame, "_FLUSH_BYTES", 50)
    assert written(rows)[1].sha256 == sha256


def test_memory_is_flushed_as_rows_come() -> None:
    class Counting(io.RawIOBase):
        largest = 0

        def write(self, data: Any) -> int:
            self.largest = max(self.largest, len(data))
            return len(data)

    destination = Counting()
    write_frame(({"a": "x" * 10_000} for _ in range(1_000)), destination)  # type: ignore[arg-type]
    assert destination.largest < 2 << 20


def test_a_value_without_a_json_form_is_refused_with_its_row() -> None:
    with pytest.raises(Invalid, match="row 2 cannot be kept as JSON"):
        written([{"a": 1}, {"a": 2**70}])
