"""Repositories on pages: listed, made, their branches and history."""

import re

import pytest

from support.data_desk import QUESTIONS, committed, evaluated, repository
from support.pages import Desk, desk_of
from weighbridge.core.caller import Role


async def test_a_list_shows_where_each_repository_is(desk: Desk) -> None:
    assert "There are no repositories yet" in await desk.get("/data/repos")
    repo = await repository(desk, {"a.csv": QUESTIONS})
    commit = await committed(repo, {"b.txt": "b"}, "Say <b>more</b>\n\nat length")
    await repository(desk, {}, "empty")
    page = await desk.get("/data/repos")
    assert 'href="/data/repos/ns/one"' in page
    assert f"/data/repos/ns/one/commits/{commit.id}" in page
    assert "&lt;b&gt;more" in await desk.source("/data/repos")
    assert "at length" not in page
    assert "empty</td>" in page
    assert "No repository is like that" in await desk.get("/data/repos?q=nothing")


async def test_a_repository_is_made_and_what_is_wrong_is_said(desk: Desk) -> None:
    answer = await desk.post("/data/repos", namespace="ns", name="mine", description="My data")
    page = await desk.get(answer.headers["location"])
    assert "Nothing was committed to it yet" in page
    assert "My data" in page
    again = await desk.post("/data/repos", status=409, namespace="ns", name="mine")
    assert "ns/mine" in again.text
    odd = await desk.post("/data/repos", status=400, namespace="ns", name="../up")
    assert "cannot be a repository" in odd.text
    assert 'value="../up"' in odd.text


async def test_branches_say_how_far_they_are_from_the_main_one(desk: Desk) -> None:
    repo = await repository(desk, {"a.txt": "a"})
    first = (await repo.branch("main")).commit_id
    answer = await desk.post("/data/repos/ns/one/branches", branch="exp/one", revision="main")
    assert answer.headers["location"] == "/data/repos/ns/one?at=exp%2Fone"
    await committed(repo, {"b.txt": "b"}, branch="exp/one")
    await committed(repo, {"c.txt": "c"})
    await committed(repo, {"d.txt": "d"})
    page = await desk.get("/data/repos/ns/one/branches")
    assert "1 ahead, 2 behind" in page
    assert 'href="/data/repos/ns/one/changes?base=main&head=exp%2Fone"' in page
    assert "b.txt" in await desk.get("/data/repos/ns/one?at=exp/one")
    await desk.post("/data/repos/ns/one/branches", branch="old", revision=first)
    assert (await repo.branch("old")).commit_id == first


async def test_a_branch_is_deleted_but_not_the_last(desk: Desk) -> None:
    repo = await repository(desk, {"a.txt": "a"})
    await desk.post("/data/repos/ns/one/branches", branch="b", revision="main")
    await desk.post("/data/repos/ns/one/branches/delete", branch="b")
    assert [branch.name for branch in await repo.branches()] == ["main"]
    answer = await desk.post("/data/repos/ns/one/branches/delete", status=409, branch="main")
    assert 'href="/data/repos/ns/one/branches"' in answer.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"branch": "main", "revision": "main"}, 409),
        ({"branch": "b", "revision": "nowhere"}, 404),
        ({"branch": "../b", "revision": "main"}, 400),
        ({"branch": "", "revision": "main"}, 400),
    ],
)
async def test_a_branch_that_cannot_be_made_is_refused_with_a_way_back(
    desk: Desk, fields: dict[str, str], status: int
) -> None:
    await repository(desk, {"a.txt": "a"})
    answer = await desk.post("/data/repos/ns/one/branches", status=status, **fields)
    assert 'href="/data/repos/ns/one/branches"' in answer.text


async def test_history_is_gone_through_page_by_page_and_says_what_a_run_made(desk: Desk) -> None:
    repo = await repository(desk, {"q.csv": QUESTIONS})
    for number in range(55):
        await committed(repo, {"n.txt": str(number)}, f"number {number}")
    [run] = await evaluated(desk, data="ns/one@main:q.csv", id="id", deliver={"column": "said"})
    page = await desk.get("/data/repos/ns/one/commits")
    assert f'href="/runs/{run}">run</a>' in page
    assert "number 54" in page
    assert "number 1<" not in page
    more = re.search(r'href="([^"]*)" rel="next"', page)
    assert more
    rest = await desk.get(more[1])
    assert "number 1<" in rest
    assert "The first files" in rest
    of_file = await desk.get("/data/repos/ns/one/commits?path=q.csv")
    assert "number 54" not in of_file
    assert "The first files" in of_file
    assert "what changed" in of_file


@pytest.mark.parametrize(
    ("path", "status", "back"),
    [
        ("/data/repos/ns/nobody", 404, "/data/repos"),
        ("/data/repos/ns/%00", 404, "/data/repos"),
        ("/data/repos/n%20s/..%2Fone", 404, None),
        ("/data/repos/ns/one?at=nowhere", 404, "/data/repos/ns/one"),
        ("/data/repos/ns/one/commits?at=nowhere", 404, "/data/repos/ns/one"),
        ("/data/repos/ns/one/commits?cursor=x", 400, "/data/repos/ns/one"),
        ("/data/repos/ns/one/commits/abc", 404, "/data/repos/ns/one"),
        ("/data/repos/ns/one/branches?from=-1", 400, "/data/repos/ns/one"),
        ("/data/repos/ns/one/changes?base=main&head=nowhere", 404, "/data/repos/ns/one"),
        ("/data/repos/ns/one/else", 404, None),
    ],
)
async def test_what_is_not_there_leads_back(
    desk: Desk, path: str, status: int, back: str | None
) -> None:
    await repository(desk, {"a.txt": "a"})
    page = await desk.get(path, status)
    if back:
        assert f'href="{back}">Back</a>' in page


async def test_a_reader_looks_and_changes_nothing(desk: Desk) -> None:
    repo = await repository(desk, {"a.txt": "a"})
    await desk.post("/data/repos/ns/one/branches", branch="b", revision="main")
    async with desk_of(desk.services, Role.READER) as reader:
        for path in ("/data/repos", "/data/repos/ns/one", "/data/repos/ns/one/branches"):
            page = await reader.get(path)
            assert 'method="post" action="/data' not in page
            assert "Add files" not in page
        await reader.get("/data/repos/ns/one/upload", 403)
        await reader.post("/data/repos", status=403, namespace="ns", name="x")
        await reader.post("/data/repos/ns/one/branches/delete", status=403, branch="b")
        files = {"file": ("x.txt", b"x")}
        await reader.post("/data/repos/ns/one/upload", status=403, files=files, branch="main")
    assert len(await repo.branches()) == 2
