"""Seeds as samples."""

import asyncio
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfWriter

from support.pdfs import pdf
from weighbridge.core.ids import new_id
from weighbridge.core.synthesis import SeedFile, Seeds, Shape
from weighbridge.errors import Invalid, Unavailable
from weighbridge.store.engine import Store
from weighbridge.store.seeds import seed_key, seed_text_key
from weighbridge.synthesis import reading
from weighbridge.synthesis.reading import SeedSample, count_rows, seed_samples


@pytest.fixture
async def database_url() -> None:
    """Nothing here asks the database."""


async def kept(store: Store, shape: Shape, *files: tuple[str, bytes]) -> Seeds:
    """Seeds whose files are blobs."""
    listed = []
    for path, data in files:
        sha256 = hashlib.sha256(data).hexdigest()
        await store.blobs.put(seed_key(sha256), data)
        listed.append(SeedFile(new_id("sfile"), path, "text/plain", len(data), sha256))
    moment = datetime.now(UTC)
    return Seeds(
        *(new_id("seeds"), "ws_1", "seeds", None, shape, tuple(listed), 0, None, "ann"),
        *(moment, moment),
    )


@pytest.mark.parametrize(
    ("name", "data", "rows"),
    [
        ("t.csv", b"\xef\xbb\xbfid,age\n007,30\n008,40\n", [("007", "30"), ("008", "40")]),
        ("t.json", b'[{"id": 7, "age": null}, {"id": 8, "age": [1]}]', [(7, None), (8, [1])]),
        ("t.jsonl", b'{"id": 7, "age": 1}\n\n{"id": 8, "age": 2}', [(7, 1), (8, 2)]),
    ],
)
async def test_rows_of_a_table_are_samples(
    store: Store, name: str, data: bytes, rows: list[tuple[object, object]]
) -> None:
    seeds = await kept(store, Shape.SINGLE_FILE, (name, data))
    found = await seed_samples(store, seeds)
    assert [it.row for it in found] == [{"id": id_, "age": age} for id_, age in rows]
    assert [it.name for it in found] == ["sample_1", "sample_2"]
    assert all(it.files == () for it in found)
    assert await seed_samples(store, seeds, 1) == found[:1]


async def test_files_are_samples_with_their_texts_as_they_are(store: Store) -> None:
    seeds = await kept(
        store, Shape.MULTI_FILE, ("b.txt", b"\xef\xbb\xbf two\n"), ("a.txt", "grün".encode())
    )
    assert await seed_samples(store, seeds) == [
        SeedSample("b.txt", (("b.txt", " two\n"),), None),
        SeedSample("a.txt", (("a.txt", "grün"),), None),
    ]
    assert [it.name for it in await seed_samples(store, seeds, 1)] == ["b.txt"]


async def test_folders_are_samples_and_their_files_keep_their_order(store: Store) -> None:
    seeds = await kept(
        store,
        Shape.MULTI_FOLDER,
        ("y/2.md", b"y2"),
        ("x/1.json", b"{}"),
        ("y/1.csv", b"a\n1\n"),
    )
    assert await seed_samples(store, seeds) == [
        SeedSample("y", (("2.md", "y2"), ("1.csv", "a\n1\n")), None),
        SeedSample("x", (("1.json", "{}"),), None),
    ]


async def test_text_is_taken_out_of_a_pdf_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pdf("Dear Mr Jones"), pdf("Dear Ms Smith")
    seeds = await kept(store, Shape.MULTI_FILE, ("1.pdf", first), ("2.pdf", second))
    found = await seed_samples(store, seeds)
    assert [it.files for it in found] == [
        (("1.pdf", "Dear Mr Jones"),),
        (("2.pdf", "Dear Ms Smith"),),
    ]

    async def never(*_: object) -> tuple[str, str]:
        raise AssertionError

    monkeypatch.setattr(reading, "read_text", never)
    assert await seed_samples(store, seeds) == found
    assert await store.blobs.exists(seed_text_key(seeds.files[0].sha256))


async def test_a_pdf_without_text_is_refused_by_its_name(store: Store) -> None:
    blank = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(blank)
    seeds = await kept(
        store, Shape.MULTI_FILE, ("1.pdf", pdf("Dear Ms Smith")), ("scan.pdf", blank.getvalue())
    )
    with pytest.raises(Invalid, match=r"'scan\.pdf' holds no text"):
        await seed_samples(store, seeds)
    with pytest.raises(Invalid, match=r"'a/2\.pdf' .*damaged"):
        await seed_samples(
            store, await kept(store, Shape.MULTI_FOLDER, ("a/2.pdf", b"%PDF-1.7 nothing"))
        )


async def test_bytes_that_are_gone_are_said_to_be(store: Store) -> None:
    for shape in (Shape.SINGLE_FILE, Shape.MULTI_FILE):
        seeds = await kept(store, shape, ("t.csv", b"a\n1\n2\n"))
        await store.blobs.delete(seed_key(seeds.files[0].sha256))
        with pytest.raises(Unavailable, match="gone"):
            await seed_samples(store, seeds)


async def test_tables_in_an_object_store_are_read_as_well(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = await kept(store, Shape.SINGLE_FILE, ("t.csv", b"a\n1\n2\n"))
    monkeypatch.setattr(store.blobs, "local_path", lambda _key: None)
    assert [it.row for it in await seed_samples(store, seeds)] == [{"a": "1"}, {"a": "2"}]
    left = await asyncio.to_thread(lambda: [*store.folder.glob(".reading-*")])
    assert left == []


async def test_rows_are_counted_without_being_kept(tmp_path: Path) -> None:
    path = tmp_path / "17"
    path.write_text('{"a": 1}\n{"a": 2}\n')
    assert await count_rows(path, "t.jsonl") == 2
    path.write_text('{"a": 1}\n17\n')
    with pytest.raises(Invalid, match=r"^people\.jsonl, line 2: a number, not an object$"):
        await count_rows(path, "people.jsonl")
