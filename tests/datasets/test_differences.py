"""What is told of two files of rows is what dictionaries say."""

import json
import tempfile
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.differences import Alignment, FrameDifference, RowChange
from weighbridge.core.versions import FrameShape
from weighbridge.datasets import differences
from weighbridge.datasets.differences import FrameFile, compare_frames
from weighbridge.datasets.shapes import shape_of
from weighbridge.errors import Invalid

Rows = list[dict[str, Any]]


def framed(folder: Path, name: str, rows: Rows) -> FrameFile:
    """Rows as a file, in the format that its name says."""
    path = folder / f"stored-{name}"
    kind = name.rpartition(".")[2]
    if kind == "jsonl":
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    elif kind == "json":
        path.write_bytes(orjson.dumps(rows))
    elif kind in {"parquet", "arrow"}:
        table = pa.Table.from_pylist(rows)
        if kind == "parquet":
            pq.write_table(table, path)
        else:
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
                file.write_table(table)
    else:
        separator = "\t" if kind == "tsv" else ","
        lines = [list(rows[0]), *([str(it) for it in row.values()] for row in rows)]
        path.write_text("".join(separator.join(cells) + "\n" for cells in lines))
    shape = shape_of(path, name)
    assert shape is not None
    return FrameFile(path, name, shape)


def compared(
    folder: Path,
    before: Rows,
    after: Rows,
    *,
    names: tuple[str, str] = ("before.jsonl", "after.jsonl"),
    **options: Any,
) -> FrameDifference:
    old, new = (framed(folder, *it) for it in zip(names, (before, after), strict=True))
    if options.get("keys"):
        options.setdefault("align", Alignment.KEY)
    return compare_frames(old, new, folder, **options)


def counts(found: FrameDifference) -> tuple[int, int, int, int]:
    return found.added, found.removed, found.changed, found.same


def places(changes: Sequence[RowChange]) -> list[tuple[int | None, int | None]]:
    return [(it.before_at, it.after_at) for it in changes]


def test_by_position_each_row_is_held_against_the_one_in_its_place(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [{"q": "a", "n": 1}, {"q": "b", "n": 2}],
        [{"q": "a", "n": 1}, {"q": "b", "n": 3}, {"q": "c", "n": 4}],
    )
    assert counts(found) == (1, 0, 1, 1)
    (changed,), (added,) = found.changed_rows, found.added_rows
    assert (changed.before_at, changed.after_at, changed.columns) == (1, 1, ("n",))
    assert (changed.before, changed.after) == ({"q": "b", "n": 2}, {"q": "b", "n": 3})
    assert (added.before_at, added.after_at) == (None, 2)
    assert (added.before, added.after) == (None, {"q": "c", "n": 4})


def test_by_key_a_row_is_found_wherever_it_went(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"}],
        [{"id": 4, "v": "d"}, {"id": 3, "v": "c"}, {"id": 1, "v": "A"}],
        keys=["id"],
    )
    assert counts(found) == (1, 1, 1, 1)
    assert places(found.changed_rows) == [(0, 2)]
    assert found.changed_rows[0].key == {"id": 1}
    assert places(found.added_rows) == [(None, 0)]
    assert places(found.removed_rows) == [(1, None)]
    assert found.removed_rows[0].key == {"id": 2}


def test_by_content_rows_that_are_there_twice_are_counted_twice(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [{"v": "a"}, {"v": "b"}, {"v": "a"}, {"v": "a"}],
        [{"v": "new"}, {"v": "a"}, {"v": "b"}, {"v": "b"}],
        align=Alignment.CONTENT,
    )
    assert counts(found) == (2, 2, 0, 2)
    assert places(found.added_rows) == [(None, 0), (None, 3)]
    assert places(found.removed_rows) == [(2, None), (3, None)]


def test_columns_that_come_go_and_change_their_type_are_told_once(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        [{"id": 1, "old": "x", "n": 1}, {"id": 2, "old": "y", "n": 2}],
        [{"id": 1, "n": "1", "answer": "yes"}, {"id": 2, "n": "3", "answer": "no"}],
    )
    assert found.columns.added == {"answer": "string"}
    assert found.columns.removed == {"old": "string"}
    assert found.columns.retyped == {"n": ("int64", "string")}
    assert [it.columns for it in found.changed_rows] == [("n",), ("n",)]
    assert found.changed_rows[0].after == {"id": 1, "n": "1", "answer": "yes"}


def test_a_new_column_alone_changes_no_row(tmp_path: Path) -> None:
    found = compared(tmp_path, [{"q": "a"}], [{"answer": "b", "q": "a"}])
    assert counts(found) == (0, 0, 0, 1)
    assert found.columns


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, "", False),
        ("1", 1, False),
        (-0.0, 0, True),
        (2**63, 2**63, True),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1], "[1]", False),
        (1e300, 1e300, True),
    ],
)
@pytest.mark.parametrize("align", [Alignment.POSITION, Alignment.CONTENT])
def test_values_are_compared_as_json(
    tmp_path: Path, one: object, other: object, same: bool, align: Alignment
) -> None:
    found = compared(tmp_path, [{"v": one}], [{"v": other}], align=align)
    assert found.same == same


def test_a_value_that_a_row_does_not_have_is_null(tmp_path: Path) -> None:
    assert compared(tmp_path, [{"a": 1, "b": None}, {"b": 1}], [{"a": 1}, {"b": 1}]).same == 2


TYPED: Rows = [
    {"id": 1, "text": "a", "number": 1.5, "truth": True, "none": "x"},
    {"id": 2, "text": "7", "number": 2.0, "truth": False, "none": None},
]


@pytest.mark.parametrize("name", ["b.jsonl", "b.json", "b.parquet", "b.arrow"])
@pytest.mark.parametrize("other", ["a.jsonl", "a.parquet", "a.arrow"])
def test_formats_with_types_hold_the_same_rows(tmp_path: Path, name: str, other: str) -> None:
    found = compared(tmp_path, TYPED, TYPED, names=(name, other), keys=["id"])
    assert counts(found) == (0, 0, 0, 2)


@pytest.mark.parametrize("align", [Alignment.POSITION, Alignment.CONTENT])
@pytest.mark.parametrize("name", ["b.csv", "b.tsv"])
def test_cells_are_held_against_typed_values_by_what_they_say(
    tmp_path: Path, name: str, align: Alignment
) -> None:
    cells = [
        {"id": "1", "text": "a", "number": "1.50", "truth": "true", "none": "x"},
        {"id": "2", "text": "7", "number": "2", "truth": "false", "none": ""},
    ]
    found = compared(tmp_path, cells, TYPED, names=(name, "a.parquet"), align=align)
    assert counts(found) == (0, 0, 0, 2)
    assert found.columns.retyped["number"] == ("string", "double")
    leading = compared(tmp_path, [{"n": "007"}], [{"n": 7}], names=(name, "a.jsonl"))
    assert leading.changed == 1
    long = compared(tmp_path, [{"n": "9" * 20}], [{"n": "9" * 19 + "8"}], names=(name, "a.jsonl"))
    assert long.changed == 1


def test_cells_of_two_text_files_are_compared_letter_by_letter(tmp_path: Path) -> None:
    found = compared(tmp_path, [{"n": "1.0"}], [{"n": "1"}], names=("b.csv", "a.tsv"))
    assert found.changed == 1


def test_a_file_that_is_new_or_gone_has_all_its_rows_added_or_removed(tmp_path: Path) -> None:
    side = framed(tmp_path, "a.jsonl", [{"v": number} for number in range(5)])
    new = compare_frames(None, side, tmp_path, start=3)
    assert counts(new) == (5, 0, 0, 0)
    assert new.columns.added == {"v": "int64"}
    assert [it.after for it in new.added_rows] == [{"v": 3}, {"v": 4}]
    gone = compare_frames(side, None, tmp_path, align=Alignment.KEY, keys=["v"], limit=1)
    assert counts(gone) == (0, 5, 0, 0)
    assert (gone.removed_rows[0].key, places(gone.removed_rows)) == ({"v": 0}, [(0, None)])


def test_a_file_without_rows_is_no_obstacle(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("id,v\n")
    before = FrameFile(empty, "b.csv", FrameShape("csv", 0, {}))
    after = framed(tmp_path, "a.jsonl", [{"id": 1}])
    for align in Alignment:
        keys = ["id"] if align is Alignment.KEY else []
        assert compare_frames(before, after, tmp_path, align=align, keys=keys).added == 1
        assert compare_frames(after, before, tmp_path, align=align, keys=keys).removed == 1


@pytest.mark.parametrize(
    ("before", "after"), [([1, 2, 1], [1, 2]), ([1, 2], [3, 2, 3]), ([1, 2], [2, 1, 2])]
)
def test_a_key_that_stands_twice_is_refused_by_name(
    tmp_path: Path, before: list[int], after: list[int]
) -> None:
    def rows(ids: list[int]) -> Rows:
        return [{"id": it, "part": "x"} for it in ids]

    twice = next(it for ids in (before, after) for it in ids if ids.count(it) > 1)
    name = "before.jsonl" if before.count(twice) > 1 else "after.jsonl"
    with pytest.raises(Invalid) as refused:
        compared(tmp_path, rows(before), rows(after), keys=["id", "part"])
    assert f"two rows of {name} have the key id = {twice}, part = " in refused.value.message
    places = [at + 1 for at, it in enumerate(before if "before" in name else after) if it == twice]
    assert f"row {places[0]} and row {places[1]}" in refused.value.message


def test_a_key_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"after\.jsonl has no column `idx`.*its columns: id, v"):
        compared(tmp_path, [{"idx": 1}], [{"id": 1, "v": 2}], keys=["idx"])


@pytest.mark.parametrize(
    "options",
    [
        {"align": Alignment.KEY},
        {"align": Alignment.POSITION, "keys": ["v"]},
        {"start": -1},
        {"limit": -1},
        {"limit": differences.MOST_ROWS + 1},
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        compared(tmp_path, [{"v": 1}], [{"v": 1}], **options)


def test_a_damaged_file_is_told_by_its_name(tmp_path: Path) -> None:
    good = framed(tmp_path, "a.jsonl", [{"v": 1}])
    stored = tmp_path / "0a1b2c"
    stored.write_text('{"v": 1}\n{"v":')
    bad = FrameFile(stored, "data/b.jsonl", FrameShape("jsonl", 2, {"v": "int64"}))
    for align in (Alignment.POSITION, Alignment.CONTENT):
        with pytest.raises(Invalid, match=r"data/b\.jsonl, line 2"):
            compare_frames(good, bad, tmp_path, align=align)


def test_values_that_are_nested_too_deep_are_refused(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    path = tmp_path / "deep"
    path.write_text(json.dumps({"v": deep}) + "\n")
    side = FrameFile(path, "deep.jsonl", FrameShape("jsonl", 1, {"v": "list"}))
    for align in (Alignment.POSITION, Alignment.CONTENT):
        with pytest.raises(Invalid, match="cannot be compared"):
            compare_frames(side, side, tmp_path, align=align)


# Laws

values = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, 1.0, -2.0]), st.text("ab1")
)
frames = st.lists(
    st.dictionaries(st.sampled_from("abc"), values, min_size=1), min_size=1, max_size=12
)
keyed = st.dictionaries(st.integers(0, 15), st.tuples(values, values), min_size=1, max_size=12)


def alike(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def naive(before: Rows, after: Rows, pairs: list[tuple[int, int]], common: set[str]) -> Any:
    """Added, removed and changed places, where rows are paired so."""
    changed = [
        (i, j, {it for it in common if not alike(before[i].get(it), after[j].get(it))})
        for i, j in sorted(pairs, key=lambda pair: pair[1])
    ]
    added = sorted(set(range(len(after))) - {j for _, j in pairs})
    removed = sorted(set(range(len(before))) - {i for i, _ in pairs})
    return added, removed, [it for it in changed if it[2]]


def told(found: FrameDifference) -> Any:
    return (
        [it.after_at for it in found.added_rows],
        [it.before_at for it in found.removed_rows],
        [(it.before_at, it.after_at, set(it.columns)) for it in found.changed_rows],
    )


def columns_of(rows: Rows) -> set[str]:
    return {name for row in rows for name in row}


@given(frames, frames)
def test_by_position_it_is_what_a_loop_says(before: Rows, after: Rows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = compared(Path(folder), before, after)
    pairs = [(it, it) for it in range(min(len(before), len(after)))]
    assert told(found) == naive(before, after, pairs, columns_of(before) & columns_of(after))
    assert found.same == len(pairs) - found.changed


@given(keyed, keyed, st.randoms(), st.sampled_from([1, 2, 20_000]), st.booleans())
def test_by_key_it_is_what_a_dictionary_says(
    before: dict[int, Any], after: dict[int, Any], chance: Any, bucket: int, apart: bool
) -> None:
    def rows(found: dict[int, Any]) -> Rows:
        listed = [
            {"x": key // 4, "y": float(key % 4) if apart else key % 4, "a": a, "b": b}
            for key, (a, b) in found.items()
        ]
        chance.shuffle(listed)
        return listed

    old, new = rows(before), rows(after)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(differences, "_BUCKET_ROWS", bucket)
        found = compared(Path(folder), old, new, keys=["x", "y"])
        part = compared(Path(folder), old, new, keys=["x", "y"], start=1, limit=2)
    places = {(row["x"], row["y"]): at for at, row in enumerate(old)}
    pairs = [
        (places[row["x"], row["y"]], at)
        for at, row in enumerate(new)
        if (row["x"], row["y"]) in places
    ]
    assert told(found) == naive(old, new, pairs, columns_of(old) & columns_of(new))
    assert found.same == len(pairs) - found.changed
    assert counts(part) == counts(found)
    for one, all_ in zip(told(part), told(found), strict=True):
        assert one == all_[1:3]
    for change in found.changed_rows:
        assert change.before_at is not None
        assert change.after_at is not None
        assert (change.before, change.after) == (old[change.before_at], new[change.after_at])


@given(frames, frames, st.sampled_from([1, 20_000]))
def test_by_content_it_is_what_counting_says(before: Rows, after: Rows, bucket: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(differences, "_BUCKET_ROWS", bucket)
        found = compared(Path(folder), before, after, align=Alignment.CONTENT)
    common = columns_of(before) & columns_of(after)
    left = dict(enumerate(before))
    pairs = []
    for j, row in enumerate(after):
        for i, other in left.items():
            if all(alike(row.get(it), other.get(it)) for it in common):
                pairs.append((i, j))
                del left[i]
                break
    assert told(found) == naive(before, after, pairs, common)
    assert found.same == len(pairs)


@pytest.mark.parametrize("align", list(Alignment))
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, align: Alignment) -> None:
    def peak(rows: int) -> int:
        listed = [{"id": it, "v": f"{it % 7} {'x' * 50}"} for it in range(rows)]
        changed = [{**it, "v": "other"} if it["id"] == 5 else it for it in listed]
        before, after = framed(tmp_path, "b.jsonl", listed), framed(tmp_path, "a.jsonl", changed)
        del listed, changed
        keys = ["id"] if align is Alignment.KEY else []
        tracemalloc.start()
        try:
            found = compare_frames(before, after, tmp_path, align=align, keys=keys, limit=1)
            assert found.same == rows - 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(differences, "_BUCKET_ROWS", 500)
        patch.setattr(differences, "_BLOCK", 4_000)
        small, large = peak(2_000), peak(20_000)
    assert large < small + 100_000 + 2 * 20_000
