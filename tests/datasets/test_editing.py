"""An edit of a file of rows is what the same edit of a list comes to, whatever its format."""

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.versions import FrameShape, RowNumbers
from weighbridge.datasets.columns import write_text
from weighbridge.datasets.editing import TYPES, Edit, write_edited
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.shapes import shape_of
from weighbridge.errors import Invalid

NAMES = ("a", "b c", "ü")
FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "arrow")

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
rows = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, texts)), max_size=12)
some_cells = st.dictionaries(st.sampled_from(NAMES), texts)


@st.composite
def edits(draw: st.DrawFn) -> tuple[list[dict[str, str]], Edit]:
    """Rows, and what is to become of them."""
    before = draw(rows)
    places, most = st.integers(0, max(0, len(before) - 1)), min(4, len(before))
    return before, Edit(
        changed=draw(st.dictionaries(places, some_cells, max_size=most)),
        removed=draw(st.frozensets(places, max_size=most)),
        added=draw(st.lists(some_cells, max_size=3)),
        column=draw(st.sampled_from([None, ("new", "string")])),
    )


def applied(before: list[dict[str, str]], edit: Edit, empty: str | None) -> list[dict[str, Any]]:
    """The same edit of a list."""
    more = {edit.column[0]: empty} if edit.column else {}
    kept = [
        {**row, **more, **edit.changed.get(position, {})}
        for position, row in enumerate(before)
        if position not in edit.removed
    ]
    return kept + [{**dict.fromkeys(NAMES, empty), **more, **row} for row in edit.added]


def write(path: Path, kind: str, before: list[dict[str, str]]) -> None:
    table = pa.Table.from_pylist(before, pa.schema([(name, pa.string()) for name in NAMES]))
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=5)
    elif kind == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table, max_chunksize=5)
    else:
        write_text(before, path, kind, list(NAMES))


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=60, deadline=None)
@given(case=edits())
def test_an_edit_is_that_of_a_list(kind: str, case: tuple[list[dict[str, str]], Edit]) -> None:
    before, edit = case
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / f"a.{kind}", Path(folder) / f"b.{kind}"
        write(source, kind, before)
        shape = shape_of(source, source.name)
        assert shape is not None
        if kind in {"json", "jsonl"} and not before:
            shape = FrameShape(kind, 0, dict.fromkeys(NAMES, "string"))  # text keeps no columns
        write_edited(source, shape, target, edit)
        expected = applied(before, edit, "" if kind in {"csv", "tsv"} else None)
        assert list(rows_of(target, kind)) == expected
        after = shape_of(target, target.name)
        assert after is not None
        assert after.rows == len(expected)
        if kind not in {"json", "jsonl"}:
            assert list(after.columns) == [*NAMES, *(["new"] if edit.column else [])]


@given(
    rows=st.integers(1, 20),
    actions=st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=30),
)
def test_numbers_of_rows_hold_whatever_comes_and_goes(rows: int, actions: list[int | None]) -> None:
    numbers, standing, following = RowNumbers("f00d"), list(range(rows)), rows
    for action in actions:
        if action is None:
            standing.append(following)
            following += 1
        elif action < len(standing):
            numbers = numbers.without(standing.pop(action))
        assert [numbers.number_at(place) for place in range(len(standing))] == standing
        assert [numbers.position_of(it) for it in standing] == list(range(len(standing)))
        assert len(standing) + len(numbers.removed) == following
        for number in numbers.removed:
            assert numbers.position_of(number) is None
        for place, number in enumerate(standing):
            assert numbers.number_of(numbers.id_at(place)) == number


@pytest.mark.parametrize("row_id", ["", "f00d", "f00d-", "f00d-x", "beef-1", "f00d-01", "f00d--1"])
def test_what_is_no_id_of_a_row_is_none(row_id: str) -> None:
    assert RowNumbers("f00d").number_of(row_id) is None


TYPED = pa.table(
    {
        "i": pa.array([1, 2], pa.int8()),
        "f": pa.array([0.5, None], pa.float32()),
        "d": pa.array([Decimal("1.50"), None], pa.decimal128(6, 2)),
        "t": pa.array([dt.datetime(2024, 1, 31, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
        "day": pa.array([dt.date(2024, 1, 31), None]),
        "o'clock": pa.array([dt.time(9, 30), None], pa.time64("us")),
        "span": pa.array([dt.timedelta(seconds=90), None], pa.duration("ms")),
        "c": pa.array(["x", "y"]).dictionary_encode(),
        "b": pa.array([b"\x00", None], pa.binary()),
        "l": pa.array([[1.5], None], pa.list_(pa.float32())),
        "s": pa.array([{"k": "v"}, None]),
        "_oxen_id": ["x", "y"],
    }
)
CELLS: dict[str, Any] = {
    "i": -7,
    "f": 2,
    "d": "12.25",
    "t": "2025-02-01T12:00:00Z",
    "day": "2025-02-01",
    "o'clock": "10:00:00",
    "span": 1.25,
    "c": "new",
    "b": "AP8=",
    "l": [2.5, 3.0],
    "s": {"k": "w"},
}


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_types_of_columns_stay(tmp_path: Path, name: str) -> None:
    source, target = tmp_path / name, tmp_path / f"after-{name}"
    if name.endswith("parquet"):
        pq.write_table(TYPED, source, compression="gzip")
    else:
        with pa.OSFile(str(source), "wb") as sink, pa.ipc.new_file(sink, TYPED.schema) as file:
            file.write_table(TYPED)
    shape = shape_of(source, name)
    assert shape is not None
    write_edited(source, shape, target, Edit(changed={0: CELLS}, added=[CELLS, {"i": 1}]))
    format = name.partition(".")[2]  # noqa: A001
    first, second, third, fourth = rows_of(target, format)
    assert first == third == {**CELLS, "f": 2.0}
    assert second == {**dict.fromkeys(CELLS), "i": 2, "c": "y"}
    assert fourth == {**dict.fromkeys(CELLS), "i": 1}
    after = shape_of(target, name)
    assert after is not None
    assert {**after.columns, "_oxen_id": "string"} == shape.columns
    if format == "parquet":
        assert pq.ParquetFile(target).metadata.row_group(0).column(0).compression == "GZIP"


def test_an_arrow_file_with_a_dictionary_in_many_batches(tmp_path: Path) -> None:
    source, target = tmp_path / "a.arrow", tmp_path / "b.arrow"
    column = pa.array([f"v{it % 4}" for it in range(20)]).dictionary_encode()
    table = pa.table({"c": column})
    with pa.OSFile(str(source), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table, max_chunksize=3)
    shape = shape_of(source, "a.arrow")
    assert shape is not None
    edit = Edit(changed={1: {"c": "n1"}, 10: {"c": "n2"}}, added=[{"c": "n3"}, {"c": "v0"}])
    write_edited(source, shape, target, edit)
    expected = [f"v{it % 4}" for it in range(20)]
    expected[1], expected[10] = "n1", "n2"
    assert [row["c"] for row in rows_of(target, "arrow")] == [*expected, "n3", "v0"]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"i": "x"}, "column `i` is of the type int8, which cannot hold x"),
        ({"i": 300}, "cannot hold 300"),
        ({"d": "abc"}, "column `d`"),
        ({"d": "1.234567"}, "column `d`"),
        ({"t": "yesterday"}, "column `t`"),
        ({"span": "x"}, "column `span`"),
        ({"b": "not base64!"}, "column `b`"),
        ({"l": "x"}, "column `l`"),
        ({"s": 5}, "column `s`"),
        ({"i": None}, "column `i` is of the type int8"),
        ({"nope": 1}, "there is no column 'nope' (columns: i, f,"),
    ],
)
def test_a_value_of_another_type_is_refused(
    tmp_path: Path, cells: dict[str, Any], told: str
) -> None:
    source = tmp_path / "a.parquet"
    whole = pa.schema(
        [
            field.with_nullable(field.name != "i")
            for field in TYPED.schema
            if field.name != "_oxen_id"
        ]
    )
    pq.write_table(TYPED.drop_columns("_oxen_id").cast(whole), source)
    shape = shape_of(source, "a.parquet")
    assert shape is not None
    for edit in (Edit(changed={0: cells}), Edit(added=[{"i": 1, **cells}])):
        with pytest.raises(Invalid) as caught:
            write_edited(source, shape, tmp_path / "b.parquet", edit)
        assert told in caught.value.message


@pytest.mark.parametrize("kind", TYPES)
def test_a_new_column_has_its_type(tmp_path: Path, kind: str) -> None:
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"a": [1]}), source)
    shape = shape_of(source, "a.parquet")
    assert shape is not None
    write_edited(source, shape, target, Edit(column=("new", kind)))
    after = shape_of(target, "b.parquet")
    assert after is not None
    assert after.columns["new"].startswith(kind)


@pytest.mark.parametrize(
    "column", [("a", "string"), ("", "string"), ("_oxen_x", "string"), ("b", "nonsense")]
)
def test_a_column_that_cannot_be_is_refused(tmp_path: Path, column: tuple[str, str]) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a\n1\n")
    shape = shape_of(source, "a.csv")
    assert shape is not None
    with pytest.raises(Invalid):
        write_edited(source, shape, tmp_path / "b.csv", Edit(column=column))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "cell", ["\r", "a\rb", "\n", "\r\n", '"', ",", "\t", ";", " ", "\ufeff", "\u2028"]
)
def test_cells_of_any_text_are_read_as_they_were_written(
    tmp_path: Path, kind: str, cell: str
) -> None:
    source, target = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    write(source, kind, [dict.fromkeys(NAMES, "x")])
    shape = shape_of(source, source.name)
    assert shape is not None
    row = dict.fromkeys(NAMES, cell)
    write_edited(source, shape, target, Edit(changed={0: row}, added=[row]))
    assert list(rows_of(target, kind)) == [row, row]


def test_cells_of_csv_stay_letter_for_letter(tmp_path: Path) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text('n,t,_oxen_x\n007,"a, ""b""",x\n1.50,  c ,x\n')
    shape = shape_of(source, "a.csv")
    assert shape is not None
    write_edited(
        source, shape, target, Edit(changed={1: {"n": 2.5}}, added=[{"t": None}, {"n": True}])
    )
    assert target.read_text() == 'n,t\n007,"a, ""b"""\n2.5,  c \n,\ntrue,\n'
