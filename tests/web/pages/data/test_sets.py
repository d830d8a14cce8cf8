"""Data sets on pages: found, taken in, looked at, tagged, compared."""

import re

import pytest

from support.data_desk import data_set, evaluated
from support.pages import Desk, desk_of
from weighbridge.core.caller import Role

HOSTILE = "<script>alert(1)</script> \u202egpj.exe"


def csv(text: str, name: str = "a.csv") -> dict[str, tuple[str, bytes, str]]:
    return {"file": (name, text.encode(), "text/csv")}


async def test_where_there_are_none_it_says_how_to_get_one(desk: Desk) -> None:
    page = await desk.get("/data")
    assert "There are no data sets yet" in page
    assert 'href="/data/sets/upload"' in page


async def test_a_list_shows_the_newest_version_of_each_name_and_who_used_it(desk: Desk) -> None:
    await data_set(desk, [{"q": "ja", "answer": "ja"}])
    newest = await data_set(desk, [{"q": "ja", "answer": "ja"}, {"q": "oui", "answer": "oui"}])
    await evaluated(desk, data=newest.id)
    page = await desk.get("/data")
    assert page.count(">capitals<") == 1
    assert f'href="/data/sets/{newest.id}?show=uses">1</a>' in page
    every = await desk.get("/data?every=1")
    assert every.count(">capitals<") == 2


async def test_names_are_searched_whatever_is_in_them_and_a_search_is_cleared(desk: Desk) -> None:
    await data_set(desk, [{"q": "a"}], "100% sure")
    await data_set(desk, [{"q": "b"}], "quite unsure")
    assert "quite" not in await desk.get("/data?q=%25")
    page = await desk.get("/data?q=Nothing")
    assert "No data set is like that" in page
    assert 'href="/data"' in page
    await desk.services.datasets.tag(desk.caller, "quite unsure", "prod")
    tagged = await desk.get("/data?tag=prod")
    assert "quite unsure" in tagged
    assert "100%" not in tagged


async def test_a_long_list_is_gone_through_page_by_page(desk: Desk) -> None:
    for number in range(60):
        await data_set(desk, [{"q": number}], f"set {number:02}")
    seen: list[str] = []
    to: str | None = "/data"
    while to is not None:
        page = await desk.get(to)
        seen += re.findall(r">(set \d\d)<", page)
        found = re.search(r'href="([^"]*)" rel="next"', page)
        to = found and found[1]
    assert seen == [f"set {number:02}" for number in reversed(range(60))]


async def test_a_file_is_taken_in_and_shown(desk: Desk) -> None:
    await desk.source("/data/sets/upload")
    answer = await desk.post("/data/sets/upload", files=csv("q,n\nja,1\n"), name="mine", format="")
    page = await desk.get(answer.headers["location"])
    assert "mine: 1 rows taken in." in page
    assert "version 1" in page
    assert ">ja<" in page


async def test_what_is_wrong_with_a_file_is_said_beside_it_with_its_line(desk: Desk) -> None:
    await desk.source("/data/sets/upload")
    answer = await desk.post(
        "/data/sets/upload", status=400, files=csv("a,b\n1,2\n3\n"), name="mine", format="csv"
    )
    assert 'id="error-file"' in answer.text
    assert "line 3" in answer.text
    assert 'value="mine"' in answer.text
    assert '<option value="csv" selected>' in answer.text
    nothing = await desk.post("/data/sets/upload", status=422, files={"file": ("", b"")}, name="x")
    assert "choose a file" in nothing.text
    assert await desk.services.datasets.list(desk.caller, after=None, limit=1) == []


async def test_a_forged_upload_is_not_taken_in(desk: Desk) -> None:
    desk.token = "forged"
    answer = await desk.post("/data/sets/upload", status=403, files=csv("a\n1\n"))
    assert "was not made by the page" in answer.text
    assert await desk.services.datasets.list(desk.caller, after=None, limit=1) == []


async def test_rows_come_page_by_page_and_long_values_in_full_elsewhere(desk: Desk) -> None:
    rows = [
        {"n": number, "text": "x" * 30_000 if number == 70 else "short"} for number in range(120)
    ]
    it = await data_set(desk, rows)
    first = await desk.source(f"/data/sets/{it.id}")
    assert first.count("<tr>") == 1 + 50
    next_ = re.search(r'href="([^"]*)" rel="next"', first)
    assert next_
    second = await desk.get(next_[1].replace("&amp;", "&"))
    assert f'href="/data/sets/{it.id}/rows/70">whole</a>' in second
    assert len(second) < 60_000
    row = await desk.get(f"/data/sets/{it.id}/rows/70")
    assert "Row 71" in row
    assert "The first 20,000 of 30,000 characters" in row
    cell = await desk.client.get(f"/data/sets/{it.id}/rows/70/cell?column=text")
    assert cell.text == "x" * 30_000
    assert cell.headers["content-type"] == "text/plain; charset=utf-8"
    assert cell.headers["content-disposition"].startswith("attachment")
    assert cell.headers["x-content-type-options"] == "nosniff"


async def test_hostile_names_and_values_are_shown_and_do_nothing(desk: Desk) -> None:
    it = await data_set(
        desk, [{HOSTILE: HOSTILE, "null": None, "deep": {"<b>": ["\u202e"]}}], HOSTILE
    )
    for path in ("", "?show=versions", "/rows/0", f"/differences?with={it.id}"):
        page = await desk.source(f"/data/sets/{it.id}{path}")
        assert "<script>alert" not in page
        # What a browser shows, that is; a form has to send names as they are.
        assert "\u202e" not in re.sub(r'value="[^"]*"', "", page)
        assert "&lt;script&gt;alert" in page
    assert HOSTILE not in await desk.source("/data")


async def test_many_columns_are_shown_some_at_a_time(desk: Desk) -> None:
    it = await data_set(desk, [{f"c{number}": number for number in range(90)}])
    page = await desk.get(f"/data/sets/{it.id}")
    assert "Columns 1 to 40 of 90" in page
    assert ">c40<" not in page
    assert ">c40<" in await desk.get(f"/data/sets/{it.id}?column=40")


async def test_a_data_set_says_what_read_it_and_what_it_comes_of(desk: Desk) -> None:
    rows = [{"id": str(number), "q": "ja", "answer": "ja"} for number in range(20)]
    it = await data_set(desk, rows)
    [run] = await evaluated(desk, data=it.id, sample={"n": 5, "seed": 3})
    uses = await desk.get(f"/data/sets/{it.id}?show=uses")
    assert f'href="/runs/{run}"' in uses
    assert "n = 5" in uses
    view = await desk.services.runs.view(desk.caller, run)
    selected = await desk.get(f"/data/sets/{view.evaluation.dataset_id}")
    assert f'href="/data/sets/{it.id}"' in selected
    assert '"seed": 3' in selected


async def test_a_tag_is_set_moved_and_taken_away(desk: Desk) -> None:
    first = await data_set(desk, [{"q": 1}])
    second = await data_set(desk, [{"q": 2}])
    for it in (first, second):
        answer = await desk.post(f"/data/sets/{it.id}/tags", tag="prod")
        assert "version" in await desk.get(answer.headers["location"])
        assert (await desk.services.datasets.called(desk.caller, "capitals@prod")).id == it.id
    refused = await desk.post(f"/data/sets/{first.id}/tags", status=400, tag="7")
    assert "cannot be a tag" in refused.text
    await desk.post(f"/data/sets/{second.id}/tags/remove", tag="prod")
    assert (await desk.services.datasets.get(desk.caller, second.id)).tags == ()


async def test_what_differs_between_two_versions_is_shown_by_key(desk: Desk) -> None:
    first = await data_set(desk, [{"id": "a", "v": "old"}, {"id": "b", "v": "same"}])
    second = await data_set(
        desk, [{"id": "c", "v": "new", "w": 1}, {"id": "a", "v": "other"}, {"id": "b", "v": "same"}]
    )
    page = await desk.get(f"/data/sets/{second.id}/differences?with={first.id}&key=id")
    assert "Version 1 → 2" in page
    assert "<del>old</del>" in page
    assert "<ins>other</ins>" in page
    assert "<h2>Added rows</h2>" in page
    assert "<h2>Removed rows</h2>" not in page
    assert "+ column" in page
    placed = await desk.get(f"/data/sets/{second.id}/differences?with={first.id}")
    assert re.search(r"Rows changed</dt><dd>2<", placed)


async def test_a_key_that_is_there_twice_is_said_and_another_can_be_chosen(desk: Desk) -> None:
    first = await data_set(desk, [{"id": "a", "k": 1}, {"id": "a", "k": 2}])
    second = await data_set(desk, [{"id": "a", "k": 1}, {"id": "a", "k": 3}])
    page = await desk.get(f"/data/sets/{second.id}/differences?with={first.id}&key=id", 400)
    assert 'role="alert"' in page
    assert '<option value="k">' in page


async def test_all_rows_are_saved_as_they_are(desk: Desk) -> None:
    it = await data_set(desk, [{"q": "ja"}, {"q": "nein"}])
    answer = await desk.client.get(f"/data/sets/{it.id}/file")
    assert answer.text == '{"q":"ja"}\n{"q":"nein"}\n'
    assert "capitals-v1.jsonl" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/data/sets/ds_nobody", 404),
        ("/data/sets/%00", 404),
        ("/data/sets/ds_nobody/rows/0", 404),
        ("/data/sets/{id}/rows/99999999999999999999", 404),
        ("/data/sets/{id}/rows/0/cell?column=none", 404),
        ("/data/sets/{id}/rows/x", 404),
        ("/data/sets/{id}?show=else", 404),
        ("/data/sets/{id}?cursor=nonsense", 400),
        ("/data/sets/{id}?column=-1", 400),
        ("/data/sets/{id}/differences", 400),
        ("/data/sets/{id}/differences?with=nobody", 404),
        ("/data?cursor=nonsense", 400),
        (f"/data?q={'x' * 600}", 400),
    ],
)
async def test_what_is_not_there_is_a_page_with_a_way_back(
    desk: Desk, path: str, status: int
) -> None:
    it = await data_set(desk, [{"q": 1}])
    page = await desk.get(path.replace("{id}", it.id), status)
    assert ">Back</a>" in page
    assert "Traceback" not in page


async def test_a_reader_sees_no_buttons_and_is_refused(desk: Desk) -> None:
    it = await data_set(desk, [{"q": 1}])
    async with desk_of(desk.services, Role.READER) as reader:
        for path in ("/data", f"/data/sets/{it.id}", f"/data/sets/{it.id}?show=versions"):
            page = await reader.get(path)
            assert "Upload" not in page
            assert "Start an evaluation" not in page
            assert f"/data/sets/{it.id}/tags" not in page
        await reader.get("/data/sets/upload", 403)
        await reader.post("/data/sets/upload", status=403, files=csv("a\n1\n"))
        await reader.post(f"/data/sets/{it.id}/tags", status=403, tag="prod")


async def test_titles_are_text_alone_whatever_the_name(desk: Desk) -> None:
    it = await data_set(desk, [{"q": 1}], HOSTILE)
    page = await desk.source(f"/data/sets/{it.id}")
    title = page.partition("<title>")[2].partition("</title>")[0]
    assert title == "&lt;script&gt;alert(1)&lt;/script&gt; U+202Egpj.exe · weighbridge"
