"""A run that makes a column shows the file with it, and where it is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.oxen_app import House, Repository, open_house
from support.pages import Desk, desk_of
from weighbridge.core.caller import Role
from weighbridge.core.inference import InferenceState
from weighbridge.store.inferences import set_inference

ROWS = b"q,other\nsay yes,1\nsay <b>no</b>,2\n" + b"say more,3\n" * 30


@pytest.fixture
async def house(tmp_path: Path, empty_database: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, empty_database) as house:
        yield house


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    async with desk_of(house.services) as desk:
        yield desk


async def page_of(desk: Desk, repository: Repository, **fields: Any) -> tuple[str, str, str]:
    """The page of a run that has ended, as a person reads it and as it was sent; the run's id."""
    await repository.run(**fields)
    run = await desk.services.runs.latest(desk.caller)
    return (
        await desk.get(f"/runs/{run.id}"),
        await desk.source(f"/runs/{run.id}"),
        run.id,
    )


async def test_a_column_that_is_committed_is_shown_with_its_commit(
    desk: Desk, house: House
) -> None:
    repository = await house.repository({"q.csv": ROWS})
    page, source, _ = await page_of(desk, repository, target_branch="answers")
    head = await repository.head("answers")
    base = f"/data/repos/ns/{repository.name}"
    assert f'href="{base}/commits/{head}"' in source
    assert f'href="{base}/files/q.csv?at={head}"' in source
    assert f'href="{base}/files/q.csv?at={await repository.head("main")}"' in source
    assert f'href="{base}?at=answers"' in source
    assert "The first 20 of 32 rows." in page
    table = source[source.index('class="new"') :]
    assert "<td" in table
    assert "&lt;b&gt;no&lt;/b&gt;" in table
    assert "<b>no</b>" not in source


async def test_a_column_that_waits_for_somebody_says_so(desk: Desk, house: House) -> None:
    repository = await house.repository({"q.csv": ROWS})
    page, source, _ = await page_of(desk, repository, auto_commit=False)
    assert "waits to be committed" in page
    assert 'class="new"' in source
    assert "/commits/" + await repository.head("main") in source


async def test_a_column_that_waits_is_committed_from_the_page(desk: Desk, house: House) -> None:
    repository = await house.repository({"q.csv": ROWS})
    _, _, run_id = await page_of(desk, repository, auto_commit=False)
    answer = await desk.post(f"/runs/{run_id}/commit", message="labelled", branch="looked-at")
    assert answer.headers["location"] == f"/runs/{run_id}"
    page = await desk.get(f"/runs/{run_id}")
    assert "The column is on the branch looked-at." in page
    assert "waits to be committed" not in page
    assert (await repository.messages("looked-at"))[0] == "labelled"
    async with desk_of(desk.services, Role.READER) as reader:
        await reader.post(f"/runs/{run_id}/commit", status=403)


async def test_a_column_that_met_a_conflict_says_why(desk: Desk, house: House) -> None:
    repository = await house.repository({"q.csv": ROWS})
    _, _, run_id = await page_of(desk, repository, auto_commit=False)
    async with desk.services.store.begin() as connection:
        await set_inference(
            connection, run_id, InferenceState.CONFLICT, problem="q.csv has changed meanwhile"
        )
    page = await desk.get(f"/runs/{run_id}")
    assert "in conflict" in page
    assert "q.csv has changed meanwhile" in page


async def test_while_answers_are_missing_the_file_that_was_read_is_shown(
    desk: Desk, house: House
) -> None:
    repository = await house.repository({"q.csv": ROWS})
    begun = await repository.start("main/q.csv", model_id="lazy")
    run = await desk.services.runs.latest(desk.caller)
    page = await desk.get(f"/runs/{run.id}")
    assert "answers are missing" in page
    assert "The column comes when all answers are there." in page
    await desk.services.runs.cancel(desk.caller, run.id)
    await repository.ended(begun)


async def test_a_repository_that_is_gone_breaks_nothing(desk: Desk, house: House) -> None:
    repository = await house.repository({"q.csv": ROWS})
    _, _, run_id = await page_of(desk, repository)
    await desk.services.repositories.delete(desk.caller, f"ns/{repository.name}")
    assert "is deleted" in await desk.get(f"/runs/{run_id}")
