"""What is told of a file of a repository between two of its commits."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weighbridge.core.differences import Alignment, Line
from weighbridge.core.versions import Commit, Moved, Signature
from weighbridge.datasets import differences as rows
from weighbridge.datasets.differences import compare_frames
from weighbridge.errors import Invalid, NotFound, TooLarge
from weighbridge.services import differences as service
from weighbridge.services.datasets import Datasets
from weighbridge.services.differences import Differences
from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store
from weighbridge.versions.base import Repo
from weighbridge.versions.local import LocalVersions

ANN = Signature("Ann", "ann@example.com")


@pytest.fixture
async def repo(store: Store) -> Repo:
    workspace = (await Keys(store).operator()).workspace_id
    return await LocalVersions(store).create(workspace, "ns", "one")


@pytest.fixture
def found(store: Store) -> Differences:
    return Differences(store)


async def committed(repo: Repo, files: dict[str, str | bytes | None]) -> Commit:
    contents = {
        path: None
        if text is None
        else await repo.keep_bytes(text.encode() if isinstance(text, str) else text, path)
        for path, text in files.items()
    }
    return await repo.commit("main", contents, "a change", ANN)


async def test_rows_are_compared_by_position_and_by_key(repo: Repo, found: Differences) -> None:
    one = await committed(repo, {"d/a.csv": "id,v\n1,a\n2,b\n"})
    two = await committed(repo, {"d/a.csv": "id,v\n2,B\n1,a\n3,c\n"})
    told = await found.of_file(repo, one, two, "d/a.csv")
    assert told.how is Moved.CHANGED
    assert told.rows is not None
    assert (told.rows.changed, told.rows.added) == (2, 1)
    told = await found.of_file(repo, one, two, "/d/a.csv".strip("/"), keys=["id"], limit=1)
    assert told.rows is not None
    assert (told.rows.changed, told.rows.added, told.rows.same) == (1, 1, 1)
    assert told.rows.changed_rows[0].before == {"id": "2", "v": "b"}
    assert told.rows.changed_rows[0].after == {"id": "2", "v": "B"}
    assert told.lines is None


async def test_two_data_sets_are_compared(store: Store, found: Differences) -> None:
    datasets, operator = Datasets(store), await Keys(store).operator()
    one = await datasets.import_rows(operator, "d", [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}])
    two = await datasets.import_rows(operator, "d", [{"id": 2, "v": "B", "n": 1.5}, {"id": 3}])
    told = await found.of_datasets(datasets, one, two, keys=["id"], limit=1)
    assert (told.changed, told.added, told.removed, told.same) == (1, 1, 1, 0)
    assert told.changed_rows[0].after == {"id": 2, "v": "B", "n": 1.5}
    assert dict(told.columns.added) == {"n": "double"}
    by_place = await found.of_datasets(datasets, one, two)
    assert by_place.changed == 2
    with pytest.raises(Invalid, match="no column `x` to be a key"):
        await found.of_datasets(datasets, one, two, keys=["x"])


async def test_a_file_that_is_on_one_side_only_was_added_or_removed(
    repo: Repo, found: Differences
) -> None:
    one = await committed(repo, {"t.txt": "x\n"})
    two = await committed(repo, {"a.csv": "id,v\n1,a\n2,b\n", "t.txt": None})
    added = await found.of_file(repo, one, two, "a.csv", keys=["id"])
    assert (added.how, added.before, added.rows and added.rows.added) == (Moved.ADDED, None, 2)
    removed = await found.of_file(repo, two, one, "a.csv")
    assert (removed.how, removed.after) == (Moved.REMOVED, None)
    assert removed.rows is not None
    assert [it.before for it in removed.rows.removed_rows] == [
        {"id": "1", "v": "a"},
        {"id": "2", "v": "b"},
    ]
    gone = await found.of_file(repo, one, two, "t.txt")
    assert gone.lines == (Line(Moved.REMOVED, "x"),)


async def test_what_did_not_change_is_not_read(
    repo: Repo, found: Differences, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await committed(repo, {"a.csv": "id\n1\n2\n", "b.txt": "b"})
    two = await committed(repo, {"b.txt": "c"})

    def read(*_sides: object, **_more: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(service, "compare_frames", read)
    told = await found.of_file(repo, one, two, "a.csv", align=Alignment.CONTENT)
    assert told.how is None
    assert told.rows is not None
    assert (told.rows.same, told.rows.changed, bool(told.rows.columns)) == (2, 0, False)


async def test_a_file_may_change_its_format_under_its_name(repo: Repo, found: Differences) -> None:
    array, object_ = '[{"id": 1}, {"id": 2}]', '{"id": 1}'
    one = await committed(repo, {"a.json": array})
    two = await committed(repo, {"a.json": object_})
    told = await found.of_file(repo, one, two, "a.json")
    assert told.rows is None
    assert told.lines == (Line(Moved.REMOVED, array), Line(Moved.ADDED, object_))
    with pytest.raises(Invalid, match="no file of rows on both sides"):
        await found.of_file(repo, one, two, "a.json", keys=["id"])


async def test_a_parquet_file_is_compared_with_another(repo: Repo, found: Differences) -> None:
    def parquet(values: list[Any]) -> bytes:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"id": [1, 2], "v": values}), sink)
        return bytes(sink.getvalue().to_pybytes())

    one = await committed(repo, {"a.parquet": parquet([1, 2])})
    two = await committed(repo, {"a.parquet": parquet([1.0, 2.5])})
    told = await found.of_file(repo, one, two, "a.parquet", keys=["id"])
    assert told.rows is not None
    assert told.rows.columns.retyped == {"v": ("int64", "double")}
    assert [it.key for it in told.rows.changed_rows] == [{"id": 2}]


async def test_lines_of_texts_are_told_and_bytes_are_not(repo: Repo, found: Differences) -> None:
    one = await committed(repo, {"a.md": "ä\nb\n", "b.bin": b"\0\1", "c.bin": "é".encode("latin")})
    two = await committed(repo, {"a.md": "ä\nc\n", "b.bin": b"\0\2", "c.bin": "ü".encode("latin")})
    told = await found.of_file(repo, one, two, "a.md")
    assert told.lines == (Line(None, "ä"), Line(Moved.REMOVED, "b"), Line(Moved.ADDED, "c"))
    for name in ("b.bin", "c.bin"):
        told = await found.of_file(repo, one, two, name)
        assert (told.how, told.rows, told.lines) == (Moved.CHANGED, None, None)
        assert told.before is not None
        assert told.after is not None
        assert told.before.hash != told.after.hash


async def test_a_letter_across_the_part_that_is_looked_at_is_no_mistake(
    repo: Repo, found: Differences
) -> None:
    one = await committed(repo, {"a.txt": "a" + "ä" * 40_000})
    two = await committed(repo, {"a.txt": "a" + "ä" * 40_001})
    told = await found.of_file(repo, one, two, "a.txt")
    assert told.lines is not None
    assert len(told.lines) == 2


async def test_texts_that_are_too_long_are_refused(
    repo: Repo, found: Differences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_TEXT_BYTES", 100)
    one = await committed(repo, {"a.txt": "a" * 101, "b.bin": b"\0" * 101})
    two = await committed(repo, {"a.txt": "b", "b.bin": b"\0" * 102})
    with pytest.raises(TooLarge, match="download both"):
        await found.of_file(repo, one, two, "a.txt")
    assert (await found.of_file(repo, one, two, "b.bin")).lines is None


async def test_what_is_no_file_is_refused(repo: Repo, found: Differences) -> None:
    one = await committed(repo, {"d/a.csv": "id\n1\n"})
    with pytest.raises(NotFound, match="at either revision"):
        await found.of_file(repo, one, one, "d/b.csv")
    for path in ("d", "", "../a.csv", "/d/a.csv"):
        with pytest.raises(Invalid):
            await found.of_file(repo, one, one, path)


async def test_an_unknown_or_repeated_key_is_refused_by_the_files_name(
    repo: Repo, found: Differences
) -> None:
    one = await committed(repo, {"a.csv": "id,v\n1,a\n"})
    two = await committed(repo, {"a.csv": "id,v\n1,a\n1,b\n"})
    with pytest.raises(Invalid, match=r"a\.csv \(before\) has no column `idd`.*mean `id`"):
        await found.of_file(repo, one, two, "a.csv", keys=["idd"])
    with pytest.raises(Invalid, match=r'two rows of a\.csv \(after\) have the key id = "1"'):
        await found.of_file(repo, one, two, "a.csv", keys=["id"])


async def test_a_comparison_nobody_waits_for_ends_its_thread_and_leaves_nothing(
    repo: Repo, store: Store, found: Differences, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await committed(repo, {"a.csv": "id\n1\n"})
    two = await committed(repo, {"a.csv": "id\n2\n"})
    begun, ended = threading.Event(), threading.Event()

    last = 0

    def endless(*_args: object) -> Iterator[dict[str, Any]]:
        nonlocal last
        for last in range(5_000_000):  # a test that fails should end, too
            begun.set()
            yield {"id": last}

    def compare(*sides: Any, **more: Any) -> Any:
        try:
            return compare_frames(*sides, **more)
        finally:
            ended.set()

    monkeypatch.setattr(rows, "rows_of", endless)
    monkeypatch.setattr(service, "compare_frames", compare)
    before = set(store.folder.iterdir())
    task = asyncio.create_task(found.of_file(repo, one, two, "a.csv"))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(3_000):
        if ended.is_set():
            break
        await asyncio.sleep(0.01)
    assert ended.is_set()
    assert 0 < last < 4_999_999
    assert set(store.folder.iterdir()) == before
