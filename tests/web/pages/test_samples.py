"""Synthetic data: seeds are uploaded, a spec is proposed and edited, samples are made and looked
at."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support import dataframer_world as world
from support.native import working
from support.pages import Desk, desk_at, desk_of
from support.run_pages import ended
from weighbridge.core.caller import Role

LETTERS = [
    ("files", (f"letter_{n}.txt", f"Dear Mr {n}, I am {mood}.".encode(), "text/plain"))
    for n, mood in enumerate(("happy", "angry", "neutral"))
]


@pytest.fixture
async def desk(tmp_path: Path, empty_database: Path) -> AsyncIterator[Desk]:
    """A desk over models that write letters and look at them."""
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    await asyncio.to_thread(world.write_scripts, tmp_path)
    async with desk_at(tmp_path, models=world.MODELS) as desk:
        yield desk


async def spec_ready(desk: Desk, spec_id: str) -> None:
    async with asyncio.timeout(60):
        while not (await desk.services.data_specs.get(desk.caller, spec_id)).version:
            await asyncio.sleep(0.02)


async def made_spec(desk: Desk, name: str = "letters") -> str:
    """A spec that was edited; its id. Needs somebody who works."""
    answer = await desk.post("/samples/specs/new", name=name, objectives="Letters to a shop")
    where = answer.headers["location"]
    spec_id = where.rpartition("/")[2]
    await spec_ready(desk, spec_id)
    await desk.post(where, content=world.YAML)
    return spec_id


async def test_seeds_are_uploaded_looked_at_saved_and_deleted(desk: Desk) -> None:
    answer = await desk.post(
        "/samples/seeds/upload", name="letters", shape="MULTI_FILE", files=LETTERS
    )
    where = answer.headers["location"]
    text = await desk.get(where)
    assert "letter_1.txt" in text
    assert "Dear Mr 0, I am happy." in text
    [seeds] = [it for it, _ in await desk.services.seeding.list(desk.caller)]
    whole = await desk.services.seeding.get(desk.caller, seeds.id)
    saved = await desk.client.get(f"{where}/files/{whole.files[1].id}")
    assert saved.text == "Dear Mr 1, I am angry."
    assert saved.headers["content-disposition"].startswith("attachment")
    await desk.post(f"{where}/delete")
    assert "There are no seeds yet" in await desk.get("/samples/seeds")
    assert list((desk.services.store.folder).glob("upload-*")) == []


async def test_what_is_wrong_with_seeds_is_said_and_what_was_typed_stays(desk: Desk) -> None:
    answer = await desk.post(
        "/samples/seeds/upload",
        status=400,
        name="kept",
        shape="MULTI_FILE",
        files=[("files", ("virus.exe", b"MZ", "application/octet-stream"))],
    )
    assert 'value="kept"' in answer.text
    assert 'class="error"' in answer.text


async def test_a_spec_is_proposed_edited_and_its_versions_compared(desk: Desk) -> None:
    async with working(desk.services):
        spec_id = await made_spec(desk)
    text = await desk.get(f"/samples/specs/{spec_id}")
    assert "v2" in text
    assert "sentiment is negative" in text
    assert "urgency: {urgent: 100, calm: 0}" in text or "{urgent: 100, calm: 0}" in text
    assert "What changed since v1" in text
    assert "An older version" in await desk.get(f"/samples/specs/{spec_id}?version=1")
    assert "no version 9" in await desk.get(f"/samples/specs/{spec_id}?version=9", 404)


async def test_what_is_wrong_with_a_spec_stands_beside_its_line(desk: Desk) -> None:
    async with working(desk.services):
        spec_id = await made_spec(desk)
    wrong = world.YAML.replace("positive: 40", "positive: 70")
    answer = await desk.post(f"/samples/specs/{spec_id}", status=400, content=wrong)
    line = next(n for n, it in enumerate(wrong.splitlines(), 1) if "positive: 70" in it)
    beside = answer.text.partition(f">{line}</td>")[2].partition("</tr>")[0]
    assert "positive: 70" in beside
    assert 'class="error"' in beside
    assert "100" in beside
    assert (await desk.services.data_specs.get(desk.caller, spec_id)).version == 2


async def test_samples_are_made_evaluated_and_their_distributions_shown(desk: Desk) -> None:
    async with working(desk.services):
        spec_id = await made_spec(desk)
        answer = await desk.post(f"/samples/specs/{spec_id}/samples", wanted="10", seed="7")
        where = answer.headers["location"]
        production = await desk.services.productions.get(desk.caller, where.rpartition("/")[2])
        await ended(desk, production.run.id)
        text = await desk.get(where)
        assert "sample_10" in text
        assert "the mood is" in text
        answer = await desk.post(f"{where}/evaluate")
        evaluation = answer.headers["location"]
        inspection = await desk.services.inspections.get(desk.caller, evaluation.rpartition("/")[2])
        await ended(desk, inspection.run.id)
    text = await desk.get(evaluation)
    assert "asked for" in text
    assert "conforms" in text or "undecided" in text
    assert "Copies, variety, form" in text
    assert 'id="figure-property-1"' in text
    only = await desk.get(f"{evaluation}?differ=yes")
    assert f"sample {world.MISREAD}" in only
    assert "sample 1<" not in only
    assert "Conformance, 0 to 100" in await desk.get(where)


async def test_files_are_saved_one_by_one_and_in_a_zip(desk: Desk) -> None:
    async with working(desk.services):
        spec_id = await made_spec(desk)
        answer = await desk.post(f"/samples/specs/{spec_id}/samples", wanted="2")
        where = answer.headers["location"]
        view = await desk.services.productions.get(desk.caller, where.rpartition("/")[2])
        await ended(desk, view.run.id)
    files = await desk.services.productions.files(desk.caller, view.production)
    saved = await desk.client.get(f"{where}/files/{files[0].id}")
    assert saved.text.startswith("Letter 1:")
    async with asyncio.timeout(30):
        while (answer := await desk.client.get(f"{where}/archive")).status_code == 303:
            await asyncio.sleep(0.05)
    assert answer.content.startswith(b"PK")


async def test_a_number_of_samples_that_cannot_be_is_said_beside_it(desk: Desk) -> None:
    async with working(desk.services):
        spec_id = await made_spec(desk)
    for wanted in ("0", "99999999", "many"):
        answer = await desk.post(f"/samples/specs/{spec_id}/samples", status=400, wanted=wanted)
        assert 'id="error-wanted"' in answer.text


async def test_a_red_team_writes_prompts_and_becomes_a_suite(desk: Desk) -> None:
    answer = await desk.post(
        "/samples/redteams/new", name="clinic", domain="Health", application="A clinic's chatbot"
    )
    where = answer.headers["location"]
    refused = await desk.post(where, status=400, behaviors="x", prompts="1")
    assert "a whole number" in refused.text
    async with working(desk.services):
        answer = await desk.post(where, behaviors="2", prompts="2")
        run = answer.headers["location"]
        view = await desk.services.red_teams.run(desk.caller, run.rpartition("/")[2])
        await ended(desk, view.run.id)
    text = await desk.get(run)
    assert "Tells patients lie number one" in text
    assert "Play Orla" in text
    suite = await desk.post(f"{run}/suite")
    assert suite.headers["location"].startswith("/suites/")


@pytest.mark.parametrize(
    "path", ["seeds/seeds_0", "specs/dspec_0", "runs/prod_0", "evaluations/insp_0", "redteams/x"]
)
async def test_what_is_not_there_has_a_page_that_says_so(desk: Desk, path: str) -> None:
    assert "not found" in (await desk.get(f"/samples/{path}", 404)).lower()


async def test_who_only_reads_sees_no_buttons_and_changes_nothing(desk: Desk) -> None:
    async with working(desk.services):
        spec_id = await made_spec(desk)
    async with desk_of(desk.services, Role.READER) as reader:
        text = await reader.get(f"/samples/specs/{spec_id}")
        assert "Make samples" not in text
        assert "Save as version" not in text
        await reader.post(f"/samples/specs/{spec_id}/samples", status=403, wanted="1")


async def test_hostile_names_are_text(desk: Desk) -> None:
    fields: dict[str, Any] = {"name": "<script>alert(1)</script>", "objectives": "x"}
    await desk.post("/samples/specs/new", **fields)
    source = await desk.source("/samples/specs")
    assert "<script>alert" not in source
    assert "&lt;script&gt;alert" in source


async def test_a_search_that_finds_nothing_can_be_cleared(desk: Desk) -> None:
    text = await desk.get("/samples?q=nothing")
    assert "Nothing has this name" in text
    assert 'href="/samples"' in text
