"""Reports on scorings are kept, ended once, and taken out of sight."""

from dataclasses import replace

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.store.engine import Store
from weighbridge.store.keys import ensure_workspace
from weighbridge.store.suite_reports import (
    StoredReport,
    add_report,
    count_reports,
    delete_report,
    end_report,
    find_report,
    list_reports,
    new_report,
)


async def kept(store: Store, workspace: str = "ours", **changes: object) -> StoredReport:
    async with store.begin() as connection:
        caller = Caller(await ensure_workspace(connection, workspace), Role.WRITER, door="aymara")
        made = new_report(caller, new_id("report"), ["scoring_2", "scoring_1"], {"n": 1}, "Ann")
        made = replace(made, **changes)  # type: ignore[arg-type]
        await add_report(connection, made)
    return made


async def found(store: Store, it: StoredReport, workspace_id: str = "") -> StoredReport | None:
    async with store.begin() as connection:
        return await find_report(connection, workspace_id or it.workspace_id, it.id)


async def test_a_report_comes_back_as_it_was_kept(store: Store) -> None:
    made = await kept(store)
    assert await found(store, made) == made
    assert made.scorings == ("scoring_2", "scoring_1")
    assert await found(store, made, "ws_other") is None


async def test_a_report_is_ended_once(store: Store) -> None:
    made = await kept(store, evaluation_id="eval_1")
    async with store.begin() as connection:
        ended = await end_report(connection, made, {"n": 2})
    async with store.begin() as connection:
        assert await end_report(connection, made, {"n": 3}) is None
    assert ended is not None
    assert (ended.body, ended.evaluation_id) == ({"n": 2}, None)
    assert await found(store, made) == ended


async def test_a_deleted_report_is_in_no_list(store: Store) -> None:
    first, second, theirs = await kept(store), await kept(store), await kept(store, "theirs")
    async with store.begin() as connection:
        assert not await delete_report(connection, theirs.workspace_id, first.id)
        assert await delete_report(connection, first.workspace_id, first.id)
        assert not await delete_report(connection, first.workspace_id, first.id)
        assert await list_reports(connection, second.workspace_id, limit=10) == [second]
        assert await count_reports(connection, second.workspace_id) == 1
    assert await found(store, first) is None


async def test_reports_are_listed_newest_first_page_by_page(store: Store) -> None:
    made = [await kept(store) for _ in range(3)]
    async with store.begin() as connection:
        page = await list_reports(connection, made[0].workspace_id, start=1, limit=1)
    assert page == [made[1]]
