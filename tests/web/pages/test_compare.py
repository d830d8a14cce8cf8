"""Compare: the sentence, the figures, the matrix and its modes, one case, all by its address."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from support.native import working
from support.pages import Desk, desk_at, desk_of
from weighbridge.core.caller import Role
from weighbridge.core.run import FINISHED
from weighbridge.services.reviews import Judgement
from weighbridge.spec import parse_spec

pytestmark = pytest.mark.asyncio(loop_scope="module")

Shared = tuple[Desk, str, str, str]
HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) \u202egnp.exe"
COUNT = 60


def row(number: int) -> dict[str, str]:
    """A case: the first answer is wrong in 20 of 60, the second in 16 of these and 2 others."""
    right = f"the answer to {number} is as long as this"
    made = {"id": f"case-{number:02d}", "q": f"What is {number}?", "a": right}
    made["one"] = right if number % 3 else f"no idea about {number}"
    made["other"] = made["one"]
    if number in {3, 6, 9, 12}:
        made["other"] = right
    if number in {20, 40}:
        made["other"] = f"the answer to {number} is long"
    if number == 33:
        made["other"] = HOSTILE
    return made


async def handed_in(desk: Desk, column: str, **changes: Any) -> str:
    """A run over answers that are there; its id once it has ended."""
    rows = [row(number) for number in range(COUNT)]
    spec = {
        "name": f"answers {column}",
        "cases": rows,
        "id": "id",
        "target": "a",
        "answers": {"column": column},
        "model": f"model-{column}",
        "scorers": ["exact", "f1"],
    } | changes
    started = await desk.services.evaluations.start(desk.caller, parse_spec(spec))
    run_id = started.runs[0].id
    async with working(desk.services), asyncio.timeout(30):
        while (await desk.services.runs.get(desk.caller, run_id)).state not in FINISHED:
            await asyncio.sleep(0.03)
    return run_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[Shared]:
    """A desk with three runs over the same data, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, folder / "data")
    async with desk_at(folder) as desk:
        runs = [await handed_in(desk, column) for column in ("one", "other", "a")]
        yield desk, runs[0], runs[1], runs[2]


def at(*run_ids: str, path: str = "/compare", **more: object) -> str:
    return f"{path}?{urlencode([('run', it) for it in run_ids] + list(more.items()))}"


def plain(page: str) -> str:
    """A page as words."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


async def test_the_sentence_says_what_changed_and_whether_it_is_real(shared: Shared) -> None:
    desk, one, other, _ = shared
    page = plain(await desk.get(at(one, other)))
    assert "B model-other against A model-one" in page
    assert "B cannot be told from A by exact" in page
    assert "4 improved, 2 got worse, 54 the same; p = 0.4" in page
    assert "not more than chance can do — the smallest difference this could show is" in page
    assert "(McNemar;" in page
    assert "Holm's correction for 2 tests" in page
    assert "+3.3 points" in page
    assert "60 cases scored in both" in page


async def test_a_real_difference_is_said_in_word_sign_and_colour(shared: Shared) -> None:
    desk, one, _, right = shared
    page = await desk.get(at(one, right))
    assert 'class="panel finding better"' in page
    assert "▲ B is better by exact" in plain(page)
    assert "chance alone would hardly do this" in plain(page)
    swapped = await desk.get(at(right, one))
    assert "▼ B is worse by exact" in plain(swapped)


async def test_the_four_fields_count_what_became_of_the_cases(shared: Shared) -> None:
    desk, one, other, _ = shared
    page = plain(await desk.get(at(one, other)))
    assert re.search(r"A 1, right 38 the same, 63.3 % 2 ▼ lower", page)
    assert re.search(r"A 0, wrong 4 ▲ higher, 6.7 % 16 the same", page)


async def test_graded_scores_are_drawn_with_their_numbers_behind(shared: Shared) -> None:
    desk, one, other, _ = shared
    source = await desk.source(at(one, other, scorer="f1"))
    assert "each point is a case" in source
    assert "How far f1 moved from A to B" in source
    assert source.count("data-figure=") == source.count("<summary>The numbers</summary>") == 4
    assert len(re.findall(r"<tr[ >]", source)) <= 200


@pytest.mark.parametrize(
    ("mode", "there", "not_there", "counts"),
    [
        ("all", "case-00", None, "All 60"),
        ("different", "case-12", "case-01", "Different 6"),
        ("regressions", "case-40", "case-12", "Regressions 2"),
        ("failures", "case-12", "case-01", "Failures 22"),
    ],
)
async def test_modes_show_their_cases(
    shared: Shared, mode: str, there: str, not_there: str | None, counts: str
) -> None:
    desk, one, other, _ = shared
    page = await desk.get(at(one, other, mode=mode))
    assert counts in plain(page)
    matrix = page[page.index('class="cases"') :]
    assert there in matrix
    assert not_there is None or not_there not in matrix


async def test_the_address_is_the_whole_state(shared: Shared) -> None:
    desk, one, other, right = shared
    address = at(one, other, right, scorer="f1", mode="regressions", order="largest", q="case")
    source = await desk.source(address)
    for link in re.findall(r'href="(/compare[?/][^"#]*)', source):
        if "choose" in link or "report" in link:
            continue
        assert "scorer=f1" in link, link
        assert link.count("run=") >= 2
    assert 'data-key="s"' in source
    [swapped] = re.findall(r'href="([^"]+)" data-key="s"', source)
    assert swapped.replace("&amp;", "&").startswith(at(other, one, right))
    [next_mode] = re.findall(r'href="([^"]+)#cases" data-key="m"', source)
    assert "mode=failures" in next_mode


async def test_pages_of_cases_follow_each_other(shared: Shared) -> None:
    desk, one, other, _ = shared
    page = await desk.source(at(one, other))
    ids = re.findall(r">(case-\d\d)</a>", page)
    assert ids == [f"case-{number:02d}" for number in range(50)]
    [more] = re.findall(r'href="([^"#]+)#cases" rel="next"', page)
    page = await desk.source(more.replace("&amp;", "&"))
    assert re.findall(r">(case-\d\d)</a>", page) == [f"case-{n}" for n in range(50, 60)]
    assert "the end" in page


async def test_a_search_finds_cases_and_an_empty_one_can_be_cleared(shared: Shared) -> None:
    desk, one, other, _ = shared
    page = await desk.source(at(one, other, q="case-3"))
    assert re.findall(r">(case-\d\d)</a>", page) == [f"case-{n}" for n in range(30, 40)]
    page = await desk.get(at(one, other, q="nobody", mode="different"))
    assert "No id has “nobody” in it among the different" in page
    assert "Show all cases" in page


async def test_several_runs_are_a_table_against_the_baseline(shared: Shared) -> None:
    desk, one, other, right = shared
    page = plain(await desk.get(at(one, other, right)))
    assert "2 runs against A model-one" in page
    assert re.search(r"B model-other ≈ no difference shown \+3.3 points", page)
    assert re.search(r"C model-a ▲ better \+33.3 points", page)
    assert "Runs that share a letter under “Group” cannot be told apart" in page
    drawn = plain(await desk.get(at(one, other, right, beside=right)))
    assert "from A to C" in drawn


async def test_one_case_has_what_was_asked_expected_and_answered(shared: Shared) -> None:
    desk, one, other, _ = shared
    source = await desk.source(at(one, other, path="/compare/case", case=20, mode="regressions"))
    page = plain(source)
    assert "Case case-20" in page
    assert "Expected the answer to 20 is as long as this" in page
    assert "<del>as </del>long<del> as this</del>" in source
    assert "▼ 0" in page
    assert f"/runs/{one}/cases/20?epoch=0" in source
    assert "case=40" in source
    assert 'rel="prev"' not in source
    as_they_stand = await desk.source(at(one, other, path="/compare/case", case=20, plain="yes"))
    assert "<del>" not in as_they_stand


async def test_what_a_model_wrote_does_nothing(shared: Shared) -> None:
    desk, one, other, _ = shared
    for address in (
        at(one, other, q="case-33"),
        at(one, other, path="/compare/case", case=33),
        at(one, other, path="/compare/case", case=33, plain="yes"),
    ):
        source = await desk.source(address)
        assert "alert(1)" in source
        assert "<script>alert" not in source
        assert "\u202e" not in source
        assert 'href="javascript' not in source


async def test_without_runs_one_chooses_and_the_newest_two_are_suggested(shared: Shared) -> None:
    desk, one, other, right = shared
    source = await desk.source("/compare")
    assert at(other, right).replace("&", "&amp;") in source
    assert re.findall(r'name="run" value="([^"]+)"', source) == [one, other, right]
    assert "There is nothing to compare yet" not in source
    found = await desk.get("/compare?q=model-other")
    assert "No two runs are like that" in found
    assert "Show all runs" in found
    assert 'value="' + one in await desk.source("/compare?q=answers")


async def test_a_run_that_is_chosen_is_ticked(shared: Shared) -> None:
    desk, one, _, _ = shared
    source = await desk.source(at(one))
    assert re.search(rf'value="{one}" id="run-{one}" checked', source)


async def test_what_cannot_be_compared_is_said_above_the_choice(shared: Shared) -> None:
    desk, one, _, _ = shared
    page = await desk.get(at(one, one), status=400)
    assert "is named twice" in page
    assert "Runs over the same data" in page


async def test_addresses_that_mean_nothing_are_refused_with_a_way_back(shared: Shared) -> None:
    desk, one, other, _ = shared
    assert "no run run_nope" in await desk.get(at(one, "run_nope"), status=404)
    assert "no case at position 999" in await desk.get(
        at(one, other, path="/compare/case", case=999), status=404
    )
    for wrong in (
        {"scorer": "nope"},
        {"mode": "nope"},
        {"order": "nope"},
        {"level": "2"},
        {"level": "x"},
        {"cursor": "nope"},
    ):
        page = await desk.get(at(one, other, **wrong), status=400)
        assert 'href="/"' in page
    await desk.get(at(one, path="/compare/case", case=1), status=400)
    await desk.get(at(one, other, path="/compare/case", case=-1), status=400)
    await desk.get(at(one, other, path="/compare/case", case=2**53 + 1), status=400)


async def test_readers_see_all_of_it(shared: Shared) -> None:
    desk, one, other, _ = shared
    async with desk_of(desk.services, Role.READER) as reader:
        assert "cannot be told from" in await reader.get(at(one, other))
        assert "Start an evaluation" not in await reader.get("/compare")


async def test_what_a_person_said_is_seen_at_once(shared: Shared) -> None:
    desk, one, other, _ = shared
    address = at(one, other, q="case-20")
    assert "a person says" not in await desk.get(address)
    said = Judgement("exact", "close enough", case_id="case-20", value=1.0)
    await desk.services.reviews.judge(desk.caller, other, [said])
    assert "a person says 1" in await desk.get(address)
    assert "close enough" in await desk.get(at(one, other, path="/compare/case", case=20))


async def test_failed_and_other_data_are_pointed_out(shared: Shared) -> None:
    desk, one, _, _ = shared
    rows = [row(number) for number in range(10)]
    rows[2]["one"] = rows[3]["one"] = None  # type: ignore[assignment]
    few = await handed_in(desk, "one", cases=rows, name="few")
    page = plain(await desk.get(at(one, few)))
    assert "is about other data" in page
    assert "only 8 cases are scored in both" in page
    assert "2 failed in B" in page
    assert "50 only in A" in page
    source = await desk.source(at(one, few, path="/compare/case", case=2))
    assert "It counts as no answer, not as a wrong one." in source
    missing = await desk.source(at(one, few, path="/compare/case", case=30))
    assert "This run does not know the case." in missing


async def test_what_has_no_scorer_in_common_is_not_suggested(
    tmp_path: Path, empty_database: Path
) -> None:
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path) as desk:
        first = await handed_in(desk, "one", scorers=["exact"])
        await handed_in(desk, "one", scorers=["rouge"])
        assert "/compare?run=" not in await desk.source("/compare")
        newest = await handed_in(desk, "other", scorers=["exact"])
        found = urlencode([("run", first), ("run", newest)])
        assert found in await desk.get("/compare")


async def test_nothing_to_compare_yet_says_so(tmp_path: Path, empty_database: Path) -> None:
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path) as desk:
        assert "There is nothing to compare yet" in await desk.get("/compare")


async def test_many_runs_and_scorers_stay_a_page(shared: Shared) -> None:
    desk, _, _, _ = shared
    scorers = ["exact", "f1", "includes", "edit", "rouge"]
    rows = [row(number) for number in range(30)]
    started = [
        await desk.services.evaluations.start(
            desk.caller,
            parse_spec(
                {
                    "name": f"many {number}",
                    "cases": rows,
                    "id": "id",
                    "target": "a",
                    "answers": {"column": "one"},
                    "scorers": scorers,
                }
            ),
        )
        for number in range(20)
    ]
    many = [it.runs[0].id for it in started]
    async with working(desk.services), asyncio.timeout(60):
        while (await desk.services.runs.get(desk.caller, many[-1])).state not in FINISHED:
            await asyncio.sleep(0.05)
        for run_id in many:
            while (await desk.services.runs.get(desk.caller, run_id)).state not in FINISHED:
                await asyncio.sleep(0.05)
    for scorer in ("exact", "f1"):
        source = await desk.source(at(*many, scorer=scorer))
        assert "By every scorer" in source
        assert len(re.findall(r"<tr[ >]", source)) <= 200
        assert "19 runs against A" in plain(source)
