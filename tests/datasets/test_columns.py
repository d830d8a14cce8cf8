"""A column more: every other cell, its type and the order of columns stay what they were."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.prompt import as_text
from weighbridge.datasets import columnar_columns
from weighbridge.datasets.columns import Value, write_with_column
from weighbridge.datasets.readers import FORMATS, rows_of
from weighbridge.datasets.shapes import shape_of

TEXTS = ("csv", "tsv", "jsonl", "json")
COLUMN = "answer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("columns")


@pytest.fixture(scope="module")
def in_small_parts() -> Iterator[None]:
    """Types are found of two rows at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar_columns, "_AT_ONCE", 2)
        yield


def written(
    folder: Path, data: bytes, kind: str, other: str | None = None, **more: Any
) -> tuple[Path, int]:
    """A file with a column more, and its rows."""
    source, target = folder / f"source.{kind}", folder / f"target.{other or kind}"
    source.write_bytes(data)
    values: list[Value] = more.pop("values", [])
    column = more.pop("column", COLUMN)
    count = write_with_column(source, kind, target, other or kind, column, values, **more)
    shape = shape_of(target, target.name)
    assert shape is not None
    assert shape.rows == count
    return target, count


def rows(path: Path) -> list[dict[str, Any]]:
    return list(rows_of(path, path.suffix[1:]))


def separated(table: list[dict[str, str]], names: list[str], separator: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    writer.writerows([row[name] for name in names] for row in table)
    return text.getvalue().encode()


def as_lines(table: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in table)


def as_bytes(table: pa.Table, kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, sink)
    else:
        feather.write_feather(table, sink, compression="uncompressed")
    return sink.getvalue()


def as_table(path: Path) -> pa.Table:
    return pq.read_table(path) if path.suffix == ".parquet" else feather.read_table(path)


# Text

letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(letters, max_size=8) | st.text("\",;\t\r\n'\\ =a", max_size=5)
name_texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0;\t\r\n")
).filter(lambda it: bool(it.strip()) and it != COLUMN and not it.startswith("\ufeff"))
names_of = st.lists(name_texts, min_size=1, max_size=3, unique=True)
answers = st.lists(st.none() | texts, max_size=5)


@st.composite
def text_tables(draw: st.DrawFn) -> tuple[list[str], list[dict[str, str]]]:
    names = draw(names_of)
    row = st.fixed_dictionaries(dict.fromkeys(names, texts))
    return names, draw(st.lists(row, min_size=1, max_size=5))


@settings(max_examples=100, deadline=None)
@given(text_tables(), answers, st.sampled_from(["csv", "tsv"]), st.data())
def test_cells_of_separated_text_stay(
    folder: Path,
    table: tuple[list[str], list[dict[str, str]]],
    values: list[Value],
    kind: str,
    data: st.DataObject,
) -> None:
    names, before = table
    separator = "\t" if kind == "tsv" else ","
    column = data.draw(st.sampled_from([COLUMN, *names]))
    source = separated(before, names, separator)
    target, _ = written(folder, source, kind, values=values, column=column)
    after = rows(target)
    assert list(after[0]) == (names if column in names else [*names, column])
    cells = [*values, *[None] * len(before)]
    assert after == [{**row, column: cell or ""} for row, cell in zip(before, cells, strict=False)]


def _kept(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(letters, max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(letters, max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
json_tables = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "ü \"'"]), json_values, min_size=1),
    min_size=1,
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(json_tables, answers, st.sampled_from(["jsonl", "json"]), st.sampled_from([COLUMN, "a"]))
def test_values_of_json_stay(
    folder: Path, before: list[dict[str, Any]], values: list[Value], kind: str, column: str
) -> None:
    source = as_lines(before) if kind == "jsonl" else json.dumps(before).encode()
    target, _ = written(folder, source, kind, values=values, column=column)
    cells = [*values, *[None] * len(before)]
    after = rows(target)
    assert after == [{**row, column: cell} for row, cell in zip(before, cells, strict=False)]
    for old, new in zip(before, after, strict=True):
        assert list(new) == list(old) if column in old else [*old, column]


# Columns with types

TABLE = pa.table(
    {
        "whole": pa.array([1, None, -(2**62)], pa.int64()),
        "small": pa.array([1, 2, None], pa.uint8()),
        "half": pa.array([1.5, None, float("nan")], pa.float32()),
        "text": pa.array(['a"b', "ü\n🦆", None], pa.large_string()),
        "truth": pa.array([True, None, False]),
        "when": pa.array(
            [datetime(2024, 1, 31, 9, 30, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")
        ),
        "day": pa.array([19_000, None, 1], pa.date32()),
        "price": pa.array([Decimal("12.50"), None, Decimal("-0.01")], pa.decimal128(10, 2)),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "bytes": pa.array([b"\0\xff", None, b""], pa.binary()),
        "nested": pa.array([[{"a": 1, "b": None}], [], None]),
        "none": pa.array([None, None, None], pa.string()),
    }
).replace_schema_metadata({"note": "kept"})  # fmt: skip


@pytest.mark.parametrize("target", ["parquet", "arrow"])
@pytest.mark.parametrize("source", ["parquet", "arrow"])
@pytest.mark.parametrize("column", [COLUMN, "text"])
def test_types_stay(folder: Path, source: str, target: str, column: str) -> None:
    data = as_bytes(TABLE, source)
    before = as_table(_kept(folder / f"before.{source}", data))
    path, count = written(folder, data, source, target, values=["one", None], column=column)
    after = as_table(path)
    assert count == 3
    assert after.column(column).to_pylist() == ["one", None, None]
    assert after.schema.metadata == {b"note": b"kept"}
    names = list(before.column_names) + ([COLUMN] if column == COLUMN else [])
    assert after.column_names == names
    for name in set(before.column_names) - {column}:
        assert after.schema.field(name).type == before.schema.field(name).type, name
        same = after.column(name).to_pylist(), before.column(name).to_pylist()
        assert repr(same[0]) == repr(same[1]), name  # NaN is not itself


@pytest.mark.parametrize("target", ["parquet", "arrow"])
@pytest.mark.parametrize("source", ["parquet", "arrow"])
def test_a_dictionary_that_grows_stays_one(folder: Path, source: str, target: str) -> None:
    many = 20_000  # more than one batch, each with words of its own
    words = pa.array([f"w{number // 3_000}" for number in range(many)]).dictionary_encode()
    data = as_bytes(pa.table({"kind": words}), source)
    path, count = written(folder, data, source, target, values=["x"] * many)
    after = as_table(path)
    assert count == many
    assert pa.types.is_dictionary(after.schema.field("kind").type)
    assert after.column("kind").to_pylist() == words.to_pylist()


def test_an_arrow_stream_whose_dictionaries_replace_each_other_is_taken(folder: Path) -> None:
    kind = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([("kind", kind)])
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as stream:
        for word in ("one", "two", "three"):
            array = pa.array([word, None]).dictionary_encode().cast(kind)
            stream.write_batch(pa.record_batch([array], schema=schema))
    for target in ("arrow", "parquet"):
        path, count = written(folder, sink.getvalue(), "arrow", target, values=["x"])
        assert count == 6
        words = as_table(path).column("kind").to_pylist()
        assert words == ["one", None, "two", None, "three", None]


def test_columns_that_are_the_vendors_own_are_left_out(folder: Path) -> None:
    table = pa.table({"_oxen_id": ["x"], "q": ["y"]})
    for kind in FORMATS:
        if kind in ("parquet", "arrow"):
            data = as_bytes(table, kind)
        elif kind in ("csv", "tsv"):
            data = separated(table.to_pylist(), ["_oxen_id", "q"], "\t" if kind == "tsv" else ",")
        else:
            data = as_lines(table.to_pylist())
            data = b"[" + data.strip() + b"]" if kind == "json" else data
        for target in FORMATS:
            path, _ = written(folder, data, kind, target, values=["z"])
            assert rows(path) == [{"q": "y", COLUMN: "z"}]


# From one format to another


@settings(max_examples=100, deadline=None)
@given(json_tables, st.sampled_from(["parquet", "arrow"]))
@pytest.mark.usefixtures("in_small_parts")
def test_any_json_becomes_columns(folder: Path, before: list[dict[str, Any]], target: str) -> None:
    path, count = written(folder, as_lines(before), "jsonl", target, values=["x"] * len(before))
    assert count == len(before)
    for old, new in zip(before, rows(path), strict=True):
        assert new.pop(COLUMN) == "x"
        for name, value in new.items():
            was = old.get(name)
            assert _means(value, was), (name, was, value)


def _means(value: Any, was: Any) -> bool:
    """Whether a value of a typed column is what a JSON value was: as such, or as its text; objects
    have all fields that any row has."""
    if isinstance(was, dict) and isinstance(value, dict):
        return all(_means(value.get(key), it) for key, it in was.items()) and all(
            value[key] is None for key in value.keys() - was.keys()
        )
    if isinstance(was, list) and isinstance(value, list):
        return len(was) == len(value) and all(map(_means, value, was))
    if isinstance(value, str):
        return value == as_text(was)
    return bool(value == was) and isinstance(value, bool) == isinstance(was, bool)


@settings(max_examples=100, deadline=None)
@given(json_tables, st.sampled_from(["csv", "tsv"]))
def test_any_json_becomes_text_of_every_column(
    folder: Path, before: list[dict[str, Any]], target: str
) -> None:
    path, _ = written(folder, as_lines(before), "jsonl", target, values=["x"] * len(before))
    names = list(dict.fromkeys(name for row in before for name in row))
    assert rows(path) == [
        {**{name: as_text(row.get(name)) for name in names}, COLUMN: "x"} for row in before
    ]


numbers = st.sampled_from(
    ["1", "-0", "007", "1.50", "1e3", "1e999", "9" * 18, "9" * 30, "true", "", "0.1", "NaN", "-1"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=4), st.sampled_from(["parquet", "arrow"]))
def test_numbers_in_text_become_numbers_only_where_they_stay_what_they_are(
    folder: Path, before: list[str], target: str
) -> None:
    source = separated([{"n": it} for it in before], ["n"], ",")
    path, count = written(folder, source, "csv", target)
    assert count == len(before)
    for was, value in zip(before, as_table(path).column("n").to_pylist(), strict=True):
        if isinstance(value, bool):
            assert was == as_text(value)
        elif isinstance(value, int | float):
            assert Decimal(was) == Decimal(repr(value))
        else:
            assert was == (value or "")


def test_typed_columns_become_text(folder: Path) -> None:
    typed = as_bytes(TABLE, "parquet")
    before = list(rows_of(_kept(folder / "typed.parquet", typed), "parquet"))
    path, _ = written(folder, typed, "parquet", "jsonl", values=["x"])
    assert rows(path)[0] == {**before[0], COLUMN: "x"}
    assert before[0]["when"] == "2024-01-31T09:30:00Z"
    path, _ = written(folder, typed, "parquet", "csv", values=["x"])
    assert rows(path)[1] == {**{n: as_text(it) for n, it in before[1].items()}, COLUMN: ""}


# Embeddings, and few rows


@pytest.mark.parametrize("kind", FORMATS)
def test_embeddings_are_lists_or_their_text(folder: Path, kind: str) -> None:
    source = as_lines([{"q": "a"}, {"q": "b"}])
    path, _ = written(folder, source, "jsonl", kind, values=[[0.5, -1.0], None], embeddings=True)
    vector: Any = [0.5, -1.0]
    expected = ["[0.5,-1.0]", ""] if kind in ("csv", "tsv") else [vector, None]
    assert [row[COLUMN] for row in rows(path)] == expected
    if kind in ("parquet", "arrow"):
        assert as_table(path).schema.field(COLUMN).type == pa.list_(pa.float32())


def empty_sources() -> Iterator[Any]:
    table = pa.table({"q": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    yield pytest.param("csv", b"q,n\n", ["q", "n"], id="csv")
    yield pytest.param("tsv", b"q\tn\n", ["q", "n"], id="tsv")
    yield pytest.param("parquet", as_bytes(table, "parquet"), ["q", "n"], id="parquet")
    yield pytest.param("arrow", as_bytes(table, "arrow"), ["q", "n"], id="arrow")
    yield pytest.param("json", b"[]", [], id="json")
    for kind in TEXTS:
        yield pytest.param(kind, b"", [], id=f"{kind} of nothing")


@pytest.mark.parametrize(("kind", "data", "names"), list(empty_sources()))
@pytest.mark.parametrize("target", FORMATS)
def test_without_rows_the_columns_are_there(
    folder: Path, kind: str, data: bytes, names: list[str], target: str
) -> None:
    path, count = written(folder, data, kind, target)
    assert count == 0
    assert rows(path) == []
    if target in ("csv", "tsv"):
        separator = "\t" if target == "tsv" else ","
        assert path.read_text() == separator.join([*names, COLUMN]) + "\n"
    elif target in ("parquet", "arrow"):
        assert as_table(path).column_names == [*names, COLUMN]


@pytest.mark.parametrize("kind", FORMATS)
def test_only_the_first_rows(folder: Path, kind: str) -> None:
    source = as_lines([{"q": str(number)} for number in range(5)])
    whole, _ = written(folder, source, "jsonl", kind, values=list("abcde"))
    data = whole.read_bytes()
    for target in FORMATS:
        path, count = written(folder, data, kind, target, values=["x", "y"], only=2)
        assert count == 2
        assert [(row["q"], row[COLUMN]) for row in rows(path)] in (
            [("0", "x"), ("1", "y")],
            [(0, "x"), (1, "y")],  # text that became a number
        )
