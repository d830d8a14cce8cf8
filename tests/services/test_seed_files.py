"""Seeds: which files and archives are taken in, and which are refused."""

import asyncio
import os
import random
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import psutil
import pytest

from support.pdfs import pdf
from support.seeding import archive_of, by_field, incoming, paths, refused
from weighbridge.core.caller import Caller
from weighbridge.core.synthesis import Seeds, Shape
from weighbridge.errors import InvalidFields
from weighbridge.services.keys import Keys
from weighbridge.services.seeds import Incoming, Seeding
from weighbridge.store.engine import Store

NOISE = random.Random(7).randbytes((1 << 19) + 1).hex()
"""Text of a little over 1 MB that cannot be packed well."""

Files = Callable[..., list[Incoming]]
Archive = Callable[..., Path]


@pytest.fixture
def database_url() -> None:
    """One database is enough: what is looked at are files."""


@pytest.fixture
async def caller(store: Store) -> Caller:
    return await Keys(store).operator()


@pytest.fixture
def seeding(store: Store) -> Seeding:
    return Seeding(store)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Makes files that have come in."""
    return partial(incoming, tmp_path)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Makes a ZIP archive."""
    return partial(archive_of, tmp_path)


# What is taken in


@pytest.mark.parametrize(
    ("extension", "media_type", "data"),
    [
        (".txt", "text/plain", b"words"),
        (".md", "text/markdown", b"# words"),
        (".json", "application/json", b'"words"'),
        (".csv", "text/csv", b"words,more\n1,2,3\n"),
        (".jsonl", "application/jsonl", b"1\n[2]\n\n{}\n"),
        (".pdf", "application/pdf", pdf("words")),
        (".TXT", "text/plain", b"<html>words</html>"),
    ],
)
async def test_files_of_each_format_are_samples(
    seeding: Seeding, caller: Caller, files: Files, extension: str, media_type: str, data: bytes
) -> None:
    sent = files((f"a{extension}", data), (f"b{extension}", data))
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=sent)
    assert [it.media_type for it in made.files] == [media_type] * 2
    assert (made.rows, made.folders) == (None, 0)


async def test_a_path_that_is_sent_as_a_name_counts_from_its_last_part(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    sent = files(("../../etc/a.txt", "1"), ("C:\\temp\\b.txt", "2"))
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=sent)
    assert paths(made) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("shape", "data", "path"),
    [
        ("SINGLE_FILE", b"a,b\n1,2\n3,4\n", "upload.csv"),
        ("SINGLE_FILE", b'[{"a": 1}, {"a": 2}]', "upload.json"),
        ("SINGLE_FILE", b'{"a": 1}\n{"a": 2}\n', "upload.jsonl"),
        ("MULTI_FILE", b"Dear Ann, dear Bob", "upload_1.txt"),
        ("MULTI_FILE", b"[not json", "upload_1.txt"),
        ("MULTI_FILE", b'[{"a": 1}]', "upload_1.json"),
        ("MULTI_FILE", pdf("words"), "upload_1.pdf"),
    ],
)
async def test_a_file_without_a_name_gets_one_by_its_content(
    seeding: Seeding, caller: Caller, files: Files, shape: str, data: bytes, path: str
) -> None:
    sent = files(*[("upload", data)] * (1 if shape == "SINGLE_FILE" else 2))
    made = await seeding.create(caller, name="seeds", shape=shape, files=sent)
    assert paths(made)[0] == path


# What is refused


async def test_everything_that_is_missing_is_told_at_once(seeding: Seeding, caller: Caller) -> None:
    assert await refused(seeding, caller, None, [], name=" ") == {
        "name": ["This field is required."],
        "shape": [
            "Valid dataset_type is required (SINGLE_FILE, MULTI_FILE, MULTI_FOLDER)",
        ],
    }
    assert (
        "requires exactly 1 file" in (await refused(seeding, caller, "SINGLE_FILE", []))["files"][0]
    )


@pytest.mark.parametrize(
    ("shape", "listed", "message"),
    [
        ("SINGLE_FILE", [("a.csv", "a\n1\n2\n")] * 2, "requires exactly 1 file, got 2"),
        ("SINGLE_FILE", [("a.txt", "x")], "not allowed for SINGLE_FILE ('a.txt'). Allowed: .csv"),
        ("SINGLE_FILE", [("a.csv", "a,b\n1,2\n")], "requires at least 2 rows; 'a.csv' has 1"),
        ("SINGLE_FILE", [("a.csv", "a,b\n1,2\n3\n")], "a.csv, line 3"),
        ("SINGLE_FILE", [("a.csv", "")], "'a.csv' is empty"),
        ("SINGLE_FILE", [("a.json", '{"a": 1}')], "a.json: expected an array of objects"),
        ("SINGLE_FILE", [("a.jsonl", '{"a": 1}\n{"a": \n')], "a.jsonl, line 2: not JSON"),
        ("SINGLE_FILE", [("a.csv", b"a\n\xff\n1\n")], "'a.csv': the file is nothing that can be"),
        ("SINGLE_FILE", [("a.xlsx", b"PK\3\4")], "save the sheet as CSV"),
        ("MULTI_FILE", [("a.txt", "x")], "requires at least 2 files, got 1"),
        ("MULTI_FILE", [("a.txt", "x"), ("b.md", "x")], "same extension. Found: .md, .txt"),
        ("MULTI_FILE", [("a.txt", "x"), ("b", "x")], "without an extension not allowed"),
        ("MULTI_FILE", [("a.txt", "x"), ("a.txt", "y")], "2 files are called 'a.txt'"),
        ("MULTI_FILE", [("a.txt", "x"), ("b.txt", b"x" * (1 << 20) + b"x")], "at most 1 MB"),
        ("MULTI_FILE", [("a.txt", "x"), ("b.txt", "")], "'b.txt' is empty"),
        ("MULTI_FILE", [("a.txt", "x"), ("con.txt", "x")], "name of a device"),
        ("MULTI_FILE", [("a.txt", "x"), ("b\n.txt", "x")], "control character"),
        ("MULTI_FILE", [("a.docx", "x"), ("b.docx", "x")], "Allowed: .txt, .md, .json, .csv"),
        ("MULTI_FILE", [("a.pdf", "x"), ("b.pdf", "y")], "'a.pdf': it is no PDF"),
        ("MULTI_FILE", [("a.txt", pdf("x")), ("b.txt", "y")], "application/pdf, and no text"),
        ("MULTI_FILE", [("a.txt", b"PK\3\4"), ("b.txt", "y")], "a zip file"),
        ("MULTI_FILE", [("a.txt", b"\x89PNG\r\n\x1a\n"), ("b.txt", "y")], "image/png"),
        ("MULTI_FILE", [("a.json", "{"), ("b.json", "1")], "'a.json': it is not JSON"),
        ("MULTI_FILE", [("a.jsonl", "1\nx"), ("b.jsonl", "1")], "line 2 is not JSON"),
    ],
)
async def test_files_that_break_a_rule_are_refused_with_the_rule(
    seeding: Seeding,
    caller: Caller,
    files: Files,
    shape: str,
    listed: list[tuple[str, str | bytes]],
    message: str,
) -> None:
    found = await refused(seeding, caller, shape, files(*listed))
    assert list(found) == ["files"]
    assert any(message in it for it in found["files"]), found
    assert await seeding.list(caller) == []


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], "folder_names array is required for MULTI_FOLDER dataset"),
        (["x"], "same length. Got 2 files and 1 folder names."),
        (["x", "x"], "at least 2 different folders"),
        (["x", ""], "at least 2 different folders"),
        (["x", "y/z"], "may not lie in folders"),
        (["x", ".."], "leads out of its folder"),
    ],
)
async def test_folders_that_break_a_rule_are_refused_with_the_rule(
    seeding: Seeding, caller: Caller, files: Files, folders: list[str], message: str
) -> None:
    sent = files(("a.txt", "x"), ("b.txt", "y"))
    found = await refused(seeding, caller, "MULTI_FOLDER", sent, folders)
    assert any(message in it for it in found["folders"]), found


async def test_a_folder_has_at_most_20_files(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    sent = files(*((f"{number}.txt", "x") for number in range(22)))
    found = await refused(seeding, caller, "MULTI_FOLDER", sent, ["x"] * 21 + ["y"])
    assert found == {
        "folders": ["The folder 'x' has 21 files; at most 20 may be in a folder."],
    }
    made = await seeding.create(
        caller, name="seeds", shape="MULTI_FOLDER", files=sent, folders=["x"] * 20 + ["y"] * 2
    )
    assert made.folders == 2


async def test_there_are_at_most_1000_files_and_50_mb(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    [one] = files(("a.txt", "x"))
    many = [Incoming(one.path, f"{number}.txt") for number in range(1_001)]
    found = await refused(seeding, caller, "MULTI_FILE", many)
    assert found == {"files": ["MULTI_FILE dataset may have at most 1,000 files, got 1,001."]}
    [large] = files(("a.txt", "x" * (1 << 20)))
    many = [Incoming(large.path, f"{number}.txt") for number in range(51)]
    found = await refused(seeding, caller, "MULTI_FILE", many)
    assert found == {"files": ["The files have 51.0 MB in all; at most 50 MB may be."]}


async def test_of_many_problems_the_first_ten_are_told(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    found = await refused(
        seeding, caller, "MULTI_FILE", files(*((f"{it}.exe", "x") for it in range(25)))
    )
    assert len(found["files"]) == 11
    assert found["files"][-1] == "… and 15 more like these."


# Archives


async def from_zip(seeding: Seeding, caller: Caller, path: Path) -> Seeds:
    return await seeding.create_from_zip(caller, name="seeds", archive=path)


@pytest.mark.parametrize(
    ("names", "shape", "found"),
    [
        (["a.jsonl"], Shape.SINGLE_FILE, ["a.jsonl"]),
        (["data/a.jsonl", "__MACOSX/data/._a.jsonl"], Shape.SINGLE_FILE, ["a.jsonl"]),
        (["b.jsonl", "a.jsonl"], Shape.MULTI_FILE, ["b.jsonl", "a.jsonl"]),
        (["all/b.jsonl", "all/x/a.jsonl"], Shape.MULTI_FILE, ["b.jsonl", "a.jsonl"]),
        (
            ["y/2.jsonl", "x/1.md", "y/1.jsonl"],
            Shape.MULTI_FOLDER,
            ["y/2.jsonl", "x/1.md", "y/1.jsonl"],
        ),
    ],
)
async def test_folders_of_an_archive_say_what_it_is(
    seeding: Seeding,
    caller: Caller,
    archive: Archive,
    names: list[str],
    shape: Shape,
    found: list[str],
) -> None:
    made = await from_zip(seeding, caller, archive(*((it, '{"a": 1}\n{"a": 2}\n') for it in names)))
    assert (made.shape, paths(made)) == (shape, found)
    assert await seeding.get(caller, made.id) == made


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([("a.png", "x"), (".b.txt", "x")], "No valid files found in ZIP. Supported extensions:"),
        ([("a.txt", "x")], "not allowed for SINGLE_FILE"),
        ([("a.xlsx", "x"), ("b.xlsx", "x")], "save the sheet as CSV"),
        ([("a.txt", "x"), ("b.md", "x")], "same extension"),
        ([("x/a.txt", "1"), ("y/b.txt", "2"), ("c.txt", "3")], "'c.txt' lies in no folder"),
        ([("x/a.txt", "1"), ("y/z/b.txt", "2")], "lies in a folder within a folder"),
        ([("all/x/1.txt", "1"), ("all/y/1.txt", "2")], "2 files are called '1.txt'"),
        ([("a.csv", "a,b\n1,2\n")], "at least 2 rows"),
        ([("a.csv", "a,b\n1,2\n3\n")], "a.csv, line 3"),
        ([("../a.txt", "x")], "unsafe paths"),
        ([("a.json", "{"), ("b.json", "1")], "'a.json': it is not JSON"),
        ([("a.txt", "x"), ("b.txt", NOISE)], "at most 1 MB"),
    ],
)
async def test_archives_that_break_a_rule_are_refused_with_the_rule(
    seeding: Seeding,
    caller: Caller,
    archive: Archive,
    listed: Iterable[tuple[str, str | bytes]],
    message: str,
) -> None:
    with pytest.raises(InvalidFields) as caught:
        await from_zip(seeding, caller, archive(*listed))
    found = by_field(caught.value)
    assert list(found) == ["archive"]
    assert any(message in it for it in found["archive"]), found
    assert await seeding.list(caller) == []


async def test_an_archive_and_its_name_are_required(seeding: Seeding, caller: Caller) -> None:
    with pytest.raises(InvalidFields) as caught:
        await seeding.create_from_zip(caller, name=None, archive=None)
    assert set(by_field(caught.value)) == {"name", "archive"}


async def test_nothing_is_left_on_the_way(
    seeding: Seeding, store: Store, caller: Caller, archive: Archive
) -> None:
    await from_zip(seeding, caller, archive(("a.txt", "x"), ("b.txt", "y")))
    with pytest.raises(InvalidFields):
        await seeding.create_from_zip(
            caller, name="others", archive=archive(("a.json", "{"), ("b.json", "1"))
        )
    left = await asyncio.to_thread(lambda: [*store.folder.glob(".*")])
    assert left == []


async def test_an_archive_of_50_mb_and_1000_files_is_taken_in_with_little_memory(
    seeding: Seeding, caller: Caller, tmp_path: Path
) -> None:
    path = tmp_path / "large.zip"
    size = (50 << 20) // 1_000
    noise = random.Random(7)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for number in range(1_000):
            made.writestr(f"{number}.txt", noise.randbytes(size // 2).hex())
    with zipfile.ZipFile(path) as made:
        assert sum(it.file_size for it in made.infolist()) > 49 << 20
    process = psutil.Process(os.getpid())
    before = highest = process.memory_info().rss

    async def watch() -> None:
        nonlocal highest
        while True:
            highest = max(highest, process.memory_info().rss)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    await seeding.create_from_zip(caller, name="large", archive=path)
    watching.cancel()
    assert highest - before < 30 << 20
    found = await seeding.list(caller)
    assert [count for _, count in found] == [1_000]
