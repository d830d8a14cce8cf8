"""Files are taken apart and put together again in their format."""

import csv
import io
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import Invalid
from weighbridge.synthesis.pieces import Piece, passages, take_apart

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=10)


def same(extension: str, text: str) -> str:
    pieces, write = take_apart(extension, text)
    return write([it.text for it in pieces])


@given(JSON)
def test_json_that_nothing_is_done_to_stays_the_same(value: Any) -> None:
    assert json.loads(same(".json", json.dumps(value))) == value


@given(st.lists(JSON, min_size=1))
def test_lines_of_json_stay_lines(values: list[Any]) -> None:
    text = "".join(f"{json.dumps(it)}\n\n" for it in values)
    assert [json.loads(it) for it in same(".jsonl", text).split("\n") if it] == values


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1))
def test_a_table_stays_a_table(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b"], *rows])
    read = list(csv.reader(io.StringIO(same(".csv", out.getvalue()), newline="")))
    assert read == [["a", "b"], *rows]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_the_separator_of_a_table_stays(separator: str) -> None:
    text = f"a{separator}b\n1{separator}2\n"
    assert same(".csv", text) == text


@given(st.text())
def test_any_other_file_is_one_text(text: str) -> None:
    assert same(".md", text) == text


def test_pieces_know_their_field_and_row() -> None:
    pieces, _ = take_apart(".json", '[{"a": {"b": ["x", 12345]}}, {"c": 1.5}, "y"]')
    assert pieces == [Piece("x", "b", 0), Piece("12345", "b", 0), Piece("y", "", 2)]
    pieces, _ = take_apart(".csv", "a,b\n1,2\n3,4\n")
    assert pieces[2] == Piece("3", "a", 1)


@pytest.mark.parametrize(
    ("extension", "text"),
    [(".json", "{"), (".json", "[NaN]"), (".json", "[1e999]"), (".jsonl", "{}\n{"), (".csv", '"a')],
)
def test_what_is_not_what_it_is_called_is_refused(extension: str, text: str) -> None:
    with pytest.raises(Invalid):
        take_apart(extension, text)


@given(st.lists(st.builds(Piece, st.text(max_size=120), CELL, st.integers(0, 3))))
def test_passages_show_all_that_holds_anything(pieces: list[Piece]) -> None:
    seen: list[set[int]] = [set() for _ in pieces]
    for passage in passages(pieces, 300):
        for span in passage.spans:
            part = pieces[span.piece].text[span.start : span.start + span.length]
            assert passage.text[span.at : span.at + span.length] == part.replace("\0", "\ufffd")
            seen[span.piece] |= set(range(span.start, span.start + span.length))
    for piece, places in zip(pieces, seen, strict=True):
        assert {at for at, it in enumerate(piece.text) if it.strip()} <= places


def test_a_long_piece_is_shown_in_parts_that_overlap() -> None:
    text = "".join(chr(97 + it % 26) for it in range(10_000))
    shown = [passage.spans[0] for passage in passages([Piece(text)])]
    assert len(shown) > 1
    for before, after in itertools.pairwise(shown):
        assert after.start < before.start + before.length
    assert shown[-1].start + shown[-1].length == len(text)


def test_what_no_database_keeps_is_not_in_passages() -> None:
    pieces, write = take_apart(".json", '{"a\\u0000": "x\\u0000\\ud800y"}')
    [passage] = passages(pieces)
    assert passage.text == "a\ufffd: x\ufffd\ufffdy\n"
    assert json.loads(write(["z"])) == {"a\0": "z"}
