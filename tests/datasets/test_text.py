"""Text files become rows as they stand, or are refused with the line that is wrong."""

from pathlib import Path

import pytest

from weighbridge.datasets import text
from weighbridge.datasets.readers import open_rows
from weighbridge.errors import Invalid, TooLarge

Row = dict[str, object]


def rows_of(folder: Path, name: str, content: bytes | str, format: str | None = None) -> list[Row]:  # noqa: A002
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [dict(row) for row in open_rows(path, format)]


def test_csv_cells_stay_strings(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "a.csv", 'id,x\n007,"a, ""b""\nc"\n\n8,\n') == [
        {"id": "007", "x": 'a, "b"\nc'},
        {"id": "8", "x": ""},
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_takes_the_separator_that_its_header_has(tmp_path: Path, separator: str) -> None:
    content = f"id{separator}x\n1{separator}2\n"
    assert rows_of(tmp_path, "a.csv", content) == [{"id": "1", "x": "2"}]


def test_tsv_is_separated_by_tabs_only(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "a.tsv", "a,b\tc\n1,2\t3\n") == [{"a,b": "1,2", "c": "3"}]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_all_line_endings_are_read(tmp_path: Path, ending: str) -> None:
    assert rows_of(tmp_path, "a.csv", ending.join(["a", "1", "2"])) == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "a\né\n"),
        ("a.jsonl", '{"a":"é"}\n'),
        ("a.json", '[{"a":"é"}]'),
        ("a.tsv", "a\né"),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path: Path, name: str, content: str) -> None:
    assert rows_of(tmp_path, name, b"\xef\xbb\xbf" + content.encode()) == [{"a": "é"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n3\n", r"line 3: 1 cells where the header has 2"),
        ('a,b\n"x\ny",2\n1,2,3\n', r"line 4: 3 cells"),
        ("a,,c\n1,2,3\n", r"line 1: column 2 has no name"),
        ("a,b,a\n1,2,3\n", r"line 1: two columns are called `a`"),
        ('a,b\n1,"x\n', r"line 2: unexpected end of data"),
        ('a,b\n1,"x"y\n', r"line 2: "),
    ],
)
def test_a_broken_csv_is_refused_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(Invalid, match=rf"a\.csv, {said}"):
        rows_of(tmp_path, "a.csv", content)


def test_a_long_cell_is_read_and_an_endless_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows_of(tmp_path, "a.csv", "a\n" + "x" * 200_000 + "\n")[0]["a"] == "x" * 200_000
    limit = text.csv.field_size_limit(1000)
    try:
        with pytest.raises(Invalid, match="line 2: field larger"):
            rows_of(tmp_path, "a.csv", "a\n" + "x" * 1001)
    finally:
        text.csv.field_size_limit(limit)


def test_jsonl_rows_keep_their_types_and_may_differ_in_columns(tmp_path: Path) -> None:
    content = '{"a":1,"b":[true,null]}\n\n{"a":"1"}'
    assert rows_of(tmp_path, "a.jsonl", content) == [{"a": 1, "b": [True, None]}, {"a": "1"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a":1}\n{"a":}\n', "line 2: not JSON"),
        ('{"a":1}\n\n[1]\n', "line 3: an array, not an object"),
        ("{}\n7\n", "line 2: a number, not an object"),
        ('{"a":NaN}\n', "line 1: not JSON"),
        ('{"a":1}\n{"a":', "line 2: not JSON"),
    ],
)
def test_a_broken_jsonl_is_refused_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(Invalid, match=rf"a\.jsonl, {said}"):
        rows_of(tmp_path, "a.jsonl", content)


def test_a_line_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_ROW_BYTES", 1 << 10)
    with pytest.raises(TooLarge, match="line 2: longer than"):
        rows_of(tmp_path, "a.jsonl", '{"a":1}\n{"a":"' + "x" * 2000 + '"}\n')


@pytest.mark.parametrize(
    "content",
    [
        '[{"a":1},{"a":2}]',
        '{"data":[{"a":1},{"a":2}]}',
        '{"name":"x","cases":\n[{"a":1},{"a":2}]}',
        '{"a":1}\n{"a":2}\n',
    ],
)
def test_json_holds_an_array_somewhere_or_lines(tmp_path: Path, content: str) -> None:
    assert rows_of(tmp_path, "a.json", content) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a":1},2]', "row 2 is a number, not an object"),
        ('{"a":1}', "expected an array of objects"),
        ('{"data":5}', "expected an array of objects"),
        ("[1", "not JSON"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        rows_of(tmp_path, "a.json", content)


def test_a_json_file_over_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "MAX_JSON_BYTES", 5)
    with pytest.raises(TooLarge, match="write it as jsonl"):
        rows_of(tmp_path, "a.json", '[{"a":1}]')


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"a,b\n1,\xff\n"),
        ("a.jsonl", b'{"a":1}\n{"\xff":2}\n'),
        ("a.json", b'[\n"\xff"]'),
    ],
)
def test_a_file_that_is_not_utf8_is_refused_with_line_and_byte(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(Invalid, match=r"line 2: not UTF-8 at byte \d of the line \(0xff\)"):
        rows_of(tmp_path, name, content)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a"])
def test_utf16_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="UTF-16; save it as UTF-8"):
        rows_of(tmp_path, name, "a,b\n1,2\n".encode("utf-16"))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a"])
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_has_no_rows(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(Invalid, match="has no rows"):
        rows_of(tmp_path, name, content)


@pytest.mark.parametrize(("name", "content"), [("a.csv", "a,b\n"), ("a.json", "[]")])
def test_a_file_with_a_header_only_has_no_rows(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(Invalid, match="has no rows"):
        rows_of(tmp_path, name, content)
