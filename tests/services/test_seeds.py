"""Seeds: taken in, looked at, deleted, on both databases."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from support.seeding import incoming, paths, refused
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.synthesis import Seeds, Shape
from weighbridge.errors import Conflict, Forbidden, InvalidFields, NotFound
from weighbridge.services.keys import Keys
from weighbridge.services.seeds import Incoming, Seeding
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.seeds import seed_key
from weighbridge.store.tables import data_specs, workspaces

Files = Callable[..., list[Incoming]]


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
async def stranger(store: Store, caller: Caller) -> Caller:
    """Somebody in another workspace."""
    async with store.begin() as connection:
        await connection.execute(
            workspaces.insert().values(id="ws_elsewhere", name="elsewhere", created_at=now())
        )
    return replace(caller, workspace_id="ws_elsewhere")


async def test_a_table_is_kept_with_the_number_of_its_rows(
    seeding: Seeding, store: Store, caller: Caller, files: Files
) -> None:
    data = "id,name\n1,Ann\n2,Bob\n3,Cem\n"
    made = await seeding.create(
        caller,
        name=" people ",
        description="three of them",
        shape="SINGLE_FILE",
        files=files(("people.csv", data)),
    )
    assert (made.name, made.description, made.shape) == (
        "people",
        "three of them",
        Shape.SINGLE_FILE,
    )
    assert (made.rows, made.folders) == (3, 0)
    [file] = made.files
    assert (file.path, file.media_type, file.size) == ("people.csv", "text/csv", len(data))
    assert file.sha256 == hashlib.sha256(data.encode()).hexdigest()
    assert (await store.blobs.get(seed_key(file.sha256))).decode() == data
    assert await seeding.get(caller, made.id) == made
    assert await seeding.file(caller, made.id, file.id) == file


async def test_folders_keep_their_files_in_order(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    sent = files(("z.txt", "1"), ("a.md", "2"), ("a.md", "3"))
    made = await seeding.create(
        caller, name="seeds", shape="MULTI_FOLDER", files=sent, folders=["x", "x", "b"]
    )
    assert paths(made) == ["x/z.txt", "x/a.md", "b/a.md"]
    assert made.folders == 2
    assert await seeding.get(caller, made.id) == made


async def test_names_are_unique_in_a_workspace_and_not_beyond(
    seeding: Seeding, caller: Caller, stranger: Caller, files: Files
) -> None:
    listed = [("a.txt", "x"), ("b.txt", "y")]
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=files(*listed))
    found = await refused(seeding, caller, "MULTI_FILE", files(*listed), name="seeds ")
    assert found == {"name": ["A seed dataset with the name 'seeds' already exists."]}
    found = await refused(seeding, caller, "MULTI_FILE", files(*listed), name="x" * 256)
    assert "1 to 255 characters" in found["name"][0]
    theirs = await seeding.create(stranger, name="seeds", shape="MULTI_FILE", files=files(*listed))
    assert [it.id for it, _ in await seeding.list(stranger)] == [theirs.id]
    assert [it.id for it, _ in await seeding.list(caller)] == [made.id]


async def test_bytes_that_others_handed_in_as_well_outlive_a_deletion(
    seeding: Seeding, store: Store, caller: Caller, stranger: Caller, files: Files
) -> None:
    listed = [("a.txt", "x"), ("b.txt", "y")]
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=files(*listed))
    theirs = await seeding.create(stranger, name="seeds", shape="MULTI_FILE", files=files(*listed))
    await seeding.delete(caller, made.id)
    assert await store.blobs.get(seed_key(theirs.files[0].sha256)) == b"x"


async def test_of_two_at_the_same_moment_one_gets_the_name(
    seeding: Seeding, caller: Caller, tmp_path: Path
) -> None:
    async def create(number: int) -> object:
        sent = []
        for it in range(2):
            path = tmp_path / f"{number}-{it}"
            path.write_text(f"{number} {it}")
            sent.append(Incoming(path, f"{it}.txt"))
        return await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=sent)

    found = await asyncio.gather(*map(create, range(4)), return_exceptions=True)
    assert sum(isinstance(it, Seeds) for it in found) == 1
    assert sum(isinstance(it, InvalidFields) for it in found) == 3
    assert len(await seeding.list(caller)) == 1


async def test_readers_may_look_and_not_change(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    sent = files(("a.txt", "x"), ("b.txt", "y"))
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=sent)
    reader = replace(caller, role=Role.READER)
    assert (await seeding.get(reader, made.id)).id == made.id
    with pytest.raises(Forbidden):
        await seeding.create(reader, name="others", shape="MULTI_FILE", files=[])
    with pytest.raises(Forbidden):
        await seeding.create_from_zip(reader, name="others", archive=None)
    with pytest.raises(Forbidden):
        await seeding.delete(reader, made.id)


async def test_other_workspaces_see_nothing_of_it(
    seeding: Seeding, caller: Caller, stranger: Caller, files: Files
) -> None:
    sent = files(("a.txt", "x"), ("b.txt", "y"))
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=sent)
    assert await seeding.list(stranger) == []
    with pytest.raises(NotFound):
        await seeding.get(stranger, made.id)
    with pytest.raises(NotFound):
        await seeding.file(stranger, made.id, made.files[0].id)
    with pytest.raises(NotFound):
        await seeding.delete(stranger, made.id)
    assert await seeding.get(caller, made.id) == made


async def test_a_list_is_newest_first_without_files(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    listed = [("a.txt", "x"), ("b.txt", "y")]
    for name in ("first", "second"):
        await seeding.create(caller, name=name, shape="MULTI_FILE", files=files(*listed))
    found = await seeding.list(caller)
    assert [(it.name, it.files, count) for it, count in found] == [
        ("second", (), 2),
        ("first", (), 2),
    ]


async def test_what_is_deleted_is_gone_and_its_name_is_free(
    seeding: Seeding, caller: Caller, files: Files
) -> None:
    listed = [("a.txt", "x"), ("b.txt", "y")]
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=files(*listed))
    await seeding.delete(caller, made.id)
    with pytest.raises(NotFound):
        await seeding.get(caller, made.id)
    with pytest.raises(NotFound):
        await seeding.delete(caller, made.id)
    again = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=files(*listed))
    assert again.id != made.id


async def test_seeds_of_a_spec_are_not_deleted(
    seeding: Seeding, store: Store, caller: Caller, files: Files
) -> None:
    sent = files(("a.txt", "x"), ("b.txt", "y"))
    made = await seeding.create(caller, name="seeds", shape="MULTI_FILE", files=sent)
    moment = now()
    async with store.begin() as connection:
        await connection.execute(
            data_specs.insert().values(
                id=new_id("dspec"),
                workspace_id=caller.workspace_id,
                name="letters",
                seeds_id=made.id,
                shape="MULTI_FILE",
                params={},
                state="SUCCEEDED",
                door="dataframer",
                author="ann",
                created_at=moment,
                updated_at=moment,
            )
        )
    with pytest.raises(Conflict, match="specs were made from: 'letters'"):
        await seeding.delete(caller, made.id)
    assert await seeding.get(caller, made.id) == made
