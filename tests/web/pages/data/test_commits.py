"""Commits on pages: what each changed, in files and in rows."""

import re

from support.data_desk import QUESTIONS, committed, repository
from support.pages import Desk


async def test_a_commit_shows_what_it_changed_with_shapes(desk: Desk) -> None:
    repo = await repository(desk, {"q.csv": QUESTIONS, "old.txt": "x", "z.txt": "1"})
    first = await repo.commit_at("main")
    commit = await committed(
        repo,
        {"q.csv": "id,q,n\n1,ja,5\n", "old.txt": None, "new.txt": "x", "z.txt": "2"},
        "Shorter <i>rows</i>\n\nbecause",
    )
    page = await desk.source(f"/data/repos/ns/one/commits/{commit.id}")
    assert "Shorter &lt;i&gt;rows" in page
    assert "because" in page
    assert f'href="/data/repos/ns/one/commits/{first.id}"' in page
    assert "3 rows, 3 columns" in page
    assert "1 row, 3 columns" in page
    assert "−2" in page
    assert "+ n" in page
    assert "− answer" in page
    assert "+ added" in page
    assert "− removed" in page
    root = await desk.get(f"/data/repos/ns/one/commits/{first.id}")
    assert "none: it is the first" in root
    assert f'href="/data/repos/ns/one/files/q.csv?at={first.id}"' in root


async def test_many_changed_files_come_page_by_page(desk: Desk) -> None:
    repo = await repository(desk, {"a.txt": "a"})
    commit = await committed(repo, {f"f{number:03}.txt": "x" for number in range(130)})
    page = await desk.get(f"/data/repos/ns/one/commits/{commit.id}")
    assert "f099.txt" in page
    assert "f100.txt" not in page
    more = re.search(r'href="([^"]*)" rel="next"', page)
    assert more
    assert "f129.txt" in await desk.get(more[1])


async def test_rows_that_differ_are_shown_by_a_key_that_one_chooses(desk: Desk) -> None:
    repo = await repository(desk, {"d/q.csv": QUESTIONS})
    commit = await committed(repo, {"d/q.csv": "id,q,answer\n3,oui,non\n1,ja,ja\n4,si,si\n"})
    place = f"/data/repos/ns/one/changes/d/q.csv?head={commit.id}"
    page = await desk.get(f"{place}&key=id")
    assert "<del>oui</del>" in page
    assert "<ins>non</ins>" in page
    assert "Added rows" in page
    assert "Removed rows" in page
    assert '<option value="id" selected>' in page
    by_place = await desk.get(place)
    assert re.search(r"Rows changed</dt><dd>3<", by_place)
    assert "no column" in await desk.get(f"{place}&key=nothing", 400)


async def test_a_difference_never_holds_more_than_200_rows(desk: Desk) -> None:
    def rows(word: str, first: int) -> str:
        return "id,w\n" + "".join(f"{number},{word}\n" for number in range(first, first + 300))

    repo = await repository(desk, {"q.csv": rows("a", 0)})
    commit = await committed(repo, {"q.csv": rows("b", 150)})
    place: str | None = f"/data/repos/ns/one/changes/q.csv?head={commit.id}&key=id"
    changed = 0
    pages = 0
    while place is not None:
        page = await desk.get(place)
        assert page.count("<tr") <= 200
        changed += page.count("<del>")
        more = re.search(r'href="([^"]*)" rel="next"', page)
        place = more and more[1]
        pages += 1
    assert (changed, pages) == (150, 3)


async def test_lines_of_a_text_that_differ_are_shown_harmlessly(desk: Desk) -> None:
    lines = "".join(f"line {number}\n" for number in range(900))
    repo = await repository(desk, {"c.yaml": "a: 1\nb: 2\n", "long.txt": lines, "x.bin": b"\0\1"})
    commit = await committed(
        repo,
        {
            "c.yaml": "a: 1\nb: <script>\u202e\n",
            "long.txt": lines.replace("line", "Line"),
            "x.bin": b"\0\2\3",
        },
    )
    page = await desk.source(f"/data/repos/ns/one/changes/c.yaml?head={commit.id}")
    assert '<tr class="removed"><td class="sign">−</td><td>b: 2</td>' in page
    assert "b: &lt;script&gt;" in page
    assert "\u202e" not in page
    long = await desk.get(f"/data/repos/ns/one/changes/long.txt?head={commit.id}")
    assert long.count("<tr") == 200
    assert "1,800 lines in all" in long
    assert 'rel="next"' in long
    other = await desk.get(f"/data/repos/ns/one/changes/x.bin?head={commit.id}")
    assert "2 B before, 3 B after" in other


async def test_two_branches_are_compared(desk: Desk) -> None:
    repo = await repository(desk, {"a.txt": "a"})
    await repo.create_branch("b", (await repo.branch("main")).commit_id)
    await committed(repo, {"new #1.txt": "n"}, branch="b")
    page = await desk.get("/data/repos/ns/one/changes?base=main&head=b")
    assert "main → b" in page
    assert "/data/repos/ns/one/changes/new%20%231.txt?base=" in page
    same = await desk.get("/data/repos/ns/one/changes?base=main&head=main")
    assert "No file differs" in same
    first = await repo.commit_at("main")
    await desk.get(f"/data/repos/ns/one/changes/a.txt?head={first.id}", 404)
