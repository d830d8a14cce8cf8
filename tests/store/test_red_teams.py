"""Red teams as rows: lists that several write at the same time."""

import asyncio
from datetime import UTC, datetime

from weighbridge.core.red_team import RedTeamRun, Target
from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store
from weighbridge.store.red_teams import add_run, delete_run, find_run, put_part, put_suite

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def made(store: Store) -> RedTeamRun:
    caller = await Keys(store).operator()
    about = ("rtrun_1", caller.workspace_id, "rtspec_1", "bank", Target("Banking", "A bot"))
    run = RedTeamRun(
        *about, "writer", 2, 3, "e", "r", {}, None, None, None, "native", "me", NOW, NOW
    )
    async with store.begin() as connection:
        await add_run(connection, run)
    return run


async def put(store: Store, run: RedTeamRun, part: str, *texts: str) -> dict[str, tuple[str, ...]]:
    async with store.begin() as connection:
        return await put_part(connection, run, part, texts)


async def test_no_list_is_lost_where_many_are_written_at_once(store: Store) -> None:
    run = await made(store)
    names = [f"queries.{number}.0" for number in range(12)]
    await asyncio.gather(*(put(store, run, name, name) for name in names))
    async with store.begin() as connection:
        found = await find_run(connection, run.workspace_id, run.id)
    assert found is not None
    assert found.parts == {name: (name,) for name in names}


async def test_a_list_that_is_there_stays(store: Store) -> None:
    run = await made(store)
    assert await put(store, run, "behaviors.0", "first") == {"behaviors.0": ("first",)}
    assert await put(store, run, "behaviors.0", "second") == {"behaviors.0": ("first",)}


async def test_a_run_gets_one_suite(store: Store) -> None:
    run = await made(store)
    async with store.begin() as connection:
        assert await put_suite(connection, run, "suite_1") is None
        assert await put_suite(connection, run, "suite_2") == "suite_1"


async def test_what_is_written_for_a_run_that_is_gone_is_kept_nowhere(store: Store) -> None:
    run = await made(store)
    async with store.begin() as connection:
        assert await delete_run(connection, run.workspace_id, run.id)
    assert await put(store, run, "behaviors.0", "first") == {"behaviors.0": ("first",)}
    async with store.begin() as connection:
        assert await find_run(connection, run.workspace_id, run.id) is None
