"""Drafts: found by name, and files in them whose rows are edited one after another."""

from weighbridge.core.versions import RowNumbers, Signature
from weighbridge.versions.local import LocalRepo

ANN = Signature("Ann", "ann@example.com")


async def begun(repo: LocalRepo) -> None:
    content = await repo.keep_bytes(b"x\n1\n", "a.csv")
    await repo.commit("main", {"a.csv": content}, "one", ANN)
    await repo.begin_draft("d", "main", "mine")


async def test_a_draft_is_found_by_its_id_or_else_by_its_name(repo: LocalRepo) -> None:
    await begun(repo)
    await repo.begin_draft("mine", "main", "other")
    assert (await repo.draft("mine")).id == "mine"
    assert (await repo.draft("other")).id == "mine"
    content = await repo.keep_bytes(b"x\n2\n", "a.csv")
    assert (await repo.stage("other", {"b.csv": content})).id == "mine"
    assert (await repo.unstage("other", "b.csv")).changes == {}
    await repo.stage("other", {"b.csv": content})
    await repo.commit_draft("other", "main", "two", ANN)
    assert [it.id for it in await repo.drafts()] == ["d"]
    await repo.delete_draft("mine")  # the name of the other one by now
    assert await repo.drafts() == []


async def test_an_edit_is_put_where_nothing_has_changed_since(repo: LocalRepo) -> None:
    await begun(repo)
    one, other = [await repo.keep_bytes(it, "a.csv") for it in (b"x\n2\n", b"x\n3\n")]
    start = await repo.draft("d")
    numbers = RowNumbers("f00d", (1, 3))
    first = await repo.stage_edit(start, "a.csv", one, numbers)
    assert first is not None
    assert (dict(first.changes), dict(first.numbers)) == ({"a.csv": one.hash}, {"a.csv": numbers})

    assert await repo.stage_edit(start, "a.csv", other, RowNumbers("f00d")) is None
    assert await repo.draft("d") == first

    # The same content, but other rows are gone: whoever has seen the former knows too little.
    again = await repo.stage_edit(first, "a.csv", one, numbers.without(5))
    assert again is not None
    assert await repo.stage_edit(first, "a.csv", other, numbers) is None
    assert await repo.stage_edit(again, "a.csv", other, numbers) is not None


async def test_a_file_that_is_staged_has_no_numbers_of_an_edit(repo: LocalRepo) -> None:
    await begun(repo)
    content = await repo.keep_bytes(b"x\n2\n", "a.csv")
    await repo.stage_edit(await repo.draft("d"), "a.csv", content, RowNumbers("f00d"))
    assert (await repo.stage("d", {"a.csv": content})).numbers == {}
    edited = await repo.stage_edit(await repo.draft("d"), "a.csv", content, RowNumbers("beef"))
    assert edited is not None
    assert (await repo.unstage("d", "a.csv")).changes == {}
