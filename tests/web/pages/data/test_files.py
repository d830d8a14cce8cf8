"""Files and folders on pages: odd names, pictures, texts, rows and what is asked of them."""

import html
import re
from urllib.parse import urlencode

import pytest

from support.data_desk import QUESTIONS, at, committed, evaluated, repository
from support.oxen_app import DOT
from support.pages import Desk

ODD = "dä ta/%2e%2e +a #1 100% ü?&=\"'<b>.csv"
README = (
    "---\nlicense: mit\n---\n# Hello\n<script>alert(1)</script> ![x](https://evil.example/x.png)\n"
)


async def test_a_folder_shows_its_files_with_what_last_changed_each(desk: Desk) -> None:
    repo = await repository(desk, {"README.md": README, "data/q.csv": QUESTIONS})
    await committed(repo, {"data/q.csv": QUESTIONS + "4,si,si\n"}, "One more")
    root = await desk.source("/data/repos/ns/one")
    assert ">Hello</h1>" in root
    assert "license" not in root
    assert "<script>alert" not in root
    assert "evil.example" not in root
    assert 'href="/data/repos/ns/one/files/data?at=main">data/</a>' in root
    folder = await desk.get("/data/repos/ns/one/files/data?at=main")
    assert "4 rows, 3 columns" in folder
    assert "One more" in folder


async def test_a_file_of_any_name_is_found_sorted_and_saved(desk: Desk) -> None:
    await repository(desk, {ODD: QUESTIONS})
    page = await desk.source(at(ODD))
    assert ">nein<" in page
    links = [html.unescape(it) for it in re.findall(r'href="([^"]*)"', page)]
    ours = [it for it in links if "/ns/one/" in it]
    assert len(ours) > 8
    for link in ours:
        answer = await desk.client.get(link)
        assert answer.status_code == 200, link
    saved = next(it for it in ours if "/raw/" in it)
    assert (await desk.client.get(saved)).text == QUESTIONS


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("files/nope.csv", 404),
        ("files/..%2F..%2Fetc%2Fpasswd", 400),
        ("files/%2Fetc", 400),
        ("files/a%00b", 400),
        ("files/a%5Cb", 400),
        ("files/" + "x" * 1100, 400),
        ("raw/nope", 404),
        ("raw/data", 400),
        ("rows/q.csv?row=3", 404),
        ("rows/q.csv?row=x", 400),
        ("rows/note.txt", 400),
        ("files/q.csv?cursor=x", 400),
        ("files/q.csv?column=x", 400),
    ],
)
async def test_a_path_that_is_none_leads_back_to_the_repository(
    desk: Desk, path: str, status: int
) -> None:
    await repository(desk, {"q.csv": QUESTIONS, "note.txt": "n", "data/x.txt": "x"})
    page = await desk.get(f"/data/repos/ns/one/{path}", status)
    assert 'href="/data/repos/ns/one">Back</a>' in page


async def test_a_file_is_looked_at_as_it_was(desk: Desk) -> None:
    repo = await repository(desk, {"q.csv": QUESTIONS})
    first = (await repo.branch("main")).commit_id
    await committed(repo, {"q.csv": None, "r.csv": QUESTIONS})
    await desk.get(at("q.csv"), 404)
    page = await desk.get(f"{at('q.csv')}?at={first}")
    assert f"commit {first[:10]}" in page
    assert ">nein<" in page


async def test_rows_come_page_by_page(desk: Desk) -> None:
    lines = "".join(f"{number},word {number}\n" for number in range(130))
    await repository(desk, {"q.csv": f"n,w\n{lines}"})
    page = await desk.get(at("q.csv"))
    assert ">word 49<" in page
    assert ">word 50<" not in page
    more = re.search(r'href="([^"]*)" rel="next"', page)
    assert more
    second = await desk.get(more[1])
    assert ">word 50<" in second
    assert "130 rows, 51 to 100 here" in second
    row = await desk.get("/data/repos/ns/one/rows/q.csv?at=main&row=129")
    assert "Row 130" in row
    assert "word 129" in row


async def test_rows_are_filtered_and_sorted_by_number_and_stay_what_they_are(desk: Desk) -> None:
    lines = "".join(f"{number},{'even' if number % 2 == 0 else 'odd'}\n" for number in range(12))
    await repository(desk, {"q.csv": f'n,it\'s "odd"\n{lines}'})
    asked = urlencode({"where": 'it\'s "odd"', "has": "EVEN", "sort": "n", "order": "down"})
    page = await desk.get(f"{at('q.csv')}?{asked}")
    assert "6 rows" in page
    assert re.findall(r'<td class="value">(\d+)</td>', page) == ["10", "8", "6", "4", "2", "0"]
    assert re.findall(r'title="The row in full">(\d+)<', page)[:2] == ["11", "9"]
    none = await desk.get(f"{at('q.csv')}?has=%27%29+OR+1%3D1+--")
    assert "No row has that" in none
    assert 'href="/data/repos/ns/one/files/q.csv?at=main"' in none
    problem = await desk.get(f"{at('q.csv')}?sort=nothing", 400)
    assert "no column 'nothing'" in problem


async def test_a_query_is_answered_and_saved_and_what_is_wrong_is_said(desk: Desk) -> None:
    await repository(desk, {"q.csv": QUESTIONS})
    sql = "SELECT answer, length(q) AS l FROM df ORDER BY id DESC"
    page = await desk.get(f"{at('q.csv')}?{urlencode({'sql': sql})}")
    assert "3 rows" in page
    assert sql in page
    answer = await desk.client.get(f"{at('q.csv', 'answers')}?{urlencode({'sql': sql})}")
    assert answer.json()[0] == {"answer": "oui", "l": 3}
    assert answer.headers["content-disposition"].startswith("attachment")
    dropped = urlencode({"sql": "DROP TABLE df"})
    await desk.get(f"{at('q.csv', 'answers')}?{dropped}", 400)
    for wrong in ("SELECT", "DELETE FROM df", "SELECT * FROM read_csv('/etc/passwd')"):
        bad = await desk.get(f"{at('q.csv')}?{urlencode({'sql': wrong})}", 400)
        assert 'role="alert"' in bad
        assert wrong in bad
    long = urlencode({"sql": "SELECT " + "1," * 4_000 + "1"})
    assert "at most 6,000 characters" in await desk.get(f"{at('q.csv')}?{long}", 413)


async def test_a_frame_leads_to_the_runs_that_read_it_and_what_they_wrote(desk: Desk) -> None:
    repo = await repository(desk, {"d/q.csv": QUESTIONS})
    data = "ns/one@main:d/q.csv"
    [writer] = await evaluated(desk, data=data, id="id", deliver={"column": "said"})
    [reader] = await evaluated(desk, data=data, id="id")
    made = (await repo.branch("main")).commit_id
    page = await desk.get(f"{at('d/q.csv')}?show=uses")
    assert f'href="/runs/{writer}"' in page
    assert f'href="/data/repos/ns/one/commits/{made}"' in page
    assert f'href="/runs/{reader}"' in page
    assert "as it is here" in page
    assert "another version" in page
    commit = await desk.get(f"/data/repos/ns/one/commits/{made}")
    assert f'href="/runs/{writer}"' in commit
    assert "+ said" in commit
    sets = await desk.get("/data")
    assert f"ns/one@{made[:10]}:d/q.csv" in sets


async def test_a_picture_is_shown_and_a_disguise_is_not(desk: Desk) -> None:
    page = "<html><script>alert(1)</script>"
    await repository(desk, {"dot.png": DOT, "fake.png": page, "x.bin": b"\xff\0\xfe", "e.txt": ""})
    assert '<img src="/data/repos/ns/one/raw/dot.png?at=main&amp;show=1"' in await desk.source(
        at("dot.png")
    )
    shown = await desk.client.get(f"{at('dot.png', 'raw')}?show=1")
    assert shown.headers["content-type"] == "image/png"
    assert "sandbox" in shown.headers["content-security-policy"]
    fake = await desk.client.get(f"{at('fake.png', 'raw')}?show=1")
    assert fake.headers["content-type"] == "application/octet-stream"
    assert fake.headers["content-disposition"].startswith("attachment")
    assert "<html>" not in (await desk.source(at("fake.png"))).partition("<main")[2]
    assert "This file cannot be shown here" in await desk.get(at("x.bin"))
    assert "The file is empty" in await desk.get(at("e.txt"))


async def test_a_text_is_shown_from_its_beginning_and_had_in_full(desk: Desk) -> None:
    long = "one \u202e line\n" * 10_000
    await repository(desk, {"long.txt": long, "note.md": "**bold** <i>no</i>"})
    page = await desk.source(at("long.txt"))
    assert "Only the beginning" in page
    assert "\u202e" not in page
    assert len(page) < 250_000
    assert (await desk.client.get(at("long.txt", "raw"))).text == long
    assert "<strong>bold</strong>" in await desk.source(at("note.md"))
    assert "**bold**" in await desk.source(f"{at('note.md')}?plain=1")


async def test_files_are_added_to_a_folder_and_what_is_wrong_is_said(desk: Desk) -> None:
    repo = await repository(desk, {})
    await desk.source("/data/repos/ns/one/upload")
    files = [("file", ("q.csv", QUESTIONS.encode())), ("file", ("b.txt", b"b"))]
    answer = await desk.post(
        "/data/repos/ns/one/upload", files=files, branch="main", folder="in here", message="Two"
    )
    page = await desk.get(answer.headers["location"])
    assert "in here/q.csv" in page
    assert "in here/b.txt" in page
    assert "Two" in page
    broken = {"file": ("q.csv", b"a,b\n1\n")}
    again = await desk.post(
        "/data/repos/ns/one/upload", status=400, files=broken, branch="main", folder="x"
    )
    assert "line 2" in again.text
    assert 'name="folder" value="x"' in again.text
    lost = {"file": ("q.txt", b"a")}
    up = await desk.post(
        "/data/repos/ns/one/upload", status=400, files=lost, branch="main", folder="../x"
    )
    assert "cannot be used" in up.text
    none = await desk.post("/data/repos/ns/one/upload", status=404, files=lost, branch="nowhere")
    assert "nowhere" in none.text
    assert len(await repo.log(await repo.commit_at("main"))) == 1
