"""Runs of late: those that have ended, how their cases ended, and what people said."""

from dataclasses import replace

from sqlalchemy import insert, update

from store.test_evaluation_lists import Shelf, row_of, shelf
from store.test_overrides import SAYING, run, say
from weighbridge.core.run import Progress, RunState
from weighbridge.store import tables
from weighbridge.store.engine import Store
from weighbridge.store.recent import (
    held_columns,
    past_runs,
    past_runs_called,
    progress_of,
    reviews_of_late,
    undelivered,
)
from weighbridge.store.runs import open_runs

__all__ = ["shelf"]


async def test_those_that_have_ended_newest_first(shelf: Shelf) -> None:
    await shelf.evaluation("one", RunState.SUCCEEDED, RunState.RUNNING, judged=True)
    await shelf.evaluation("two", RunState.FAILED, RunState.QUEUED, RunState.CANCELLED)
    async with shelf.store.begin() as connection:
        found = await past_runs(connection, shelf.workspace, 9)
        assert [(it.name, it.model, it.state) for it in found] == [
            ("two", "model 2", RunState.CANCELLED),
            ("two", "model 0", RunState.FAILED),
            ("one", "model 0", RunState.SUCCEEDED),
        ]
        assert [it.pin_parts for it in found][-1] == {"judging": "0" * 16}
        assert await past_runs(connection, shelf.workspace, 1) == found[:1]
        assert await past_runs_called(connection, shelf.workspace, "one", 9) == found[2:]
        assert await past_runs(connection, "ws_other", 9) == []
        going = await open_runs(connection, shelf.workspace, 9)
        assert [(it.model, it.state) for it in going] == [
            ("model 1", RunState.RUNNING),
            ("model 1", RunState.QUEUED),
        ]
        assert await open_runs(connection, shelf.workspace, 1) == going[:1]
        assert await open_runs(connection, "ws_other", 9) == []


async def test_how_cases_ended_is_added_up_over_the_parts_of_a_run(shelf: Shelf) -> None:
    await shelf.evaluation("one", RunState.SUCCEEDED, RunState.SUCCEEDED)
    async with shelf.store.begin() as connection:
        runs = await past_runs(connection, shelf.workspace, 9)
        parts = [
            {"shard": 0, "done": 10, "failed": 2, "ungraded": 1},
            {"shard": 1, "done": 5, "failed": 0, "ungraded": 3},
        ]
        rows = [row_of(tables.tallies, run_id=runs[0].id, **part) for part in parts]
        await connection.execute(insert(tables.tallies), rows)
        assert await progress_of(connection, runs) == {
            runs[0].id: Progress(15, 1, 2, 4),
            runs[1].id: Progress(0, 1),
        }


async def test_what_people_said_last_beside_the_scorer(store: Store) -> None:
    caller, run_id = await run(store)
    await say(store, caller, run_id, SAYING, replace(SAYING, position=4, value=1.0, label=None))
    await say(store, caller, run_id, replace(SAYING, value=1.0, label="good"))
    await say(store, caller, run_id, replace(SAYING, position=5))
    await say(store, caller, run_id, replace(SAYING, position=5, value=None))  # withdrawn
    async with store.begin() as connection:
        found = await reviews_of_late(connection, caller.workspace_id)
        assert await reviews_of_late(connection, "ws_other") == []
    assert sorted(((it.person, it.key, it.run_id) for it in found), key=str) == [
        ((1.0, "good"), "exact", run_id),
        ((1.0, None), "exact", run_id),
    ]
    assert all(it.scorer is not None for it in found)


async def test_webhooks_that_something_did_not_reach(shelf: Shelf) -> None:
    for name, reason in (("fine", None), ("late", None), ("off", "nothing got through")):
        hook = {"id": f"wh_{name}", "description": name, "disabled_reason": reason}
        await shelf.put(tables.webhooks, {**hook, "enabled": reason is None, "events": []})
    for number, (hook_name, state) in enumerate(
        [("fine", "delivered"), ("late", "failed"), ("late", "failed"), ("late", "pending")]
    ):
        message = {"id": f"msg_{number}", "webhook_id": f"wh_{hook_name}", "state": state}
        await shelf.put(tables.deliveries, message)
    async with shelf.store.begin() as connection:
        found = await undelivered(connection, shelf.workspace)
        assert await undelivered(connection, "ws_other") == []
    assert [(it.description, it.failed, it.reason) for it in found] == [
        ("late", 2, None),
        ("off", 0, "nothing got through"),
    ]


async def test_columns_that_wait_for_somebody(shelf: Shelf) -> None:
    await shelf.evaluation("one", *[RunState.SUCCEEDED] * 2)
    async with shelf.store.begin() as connection:
        ids = [it.id for it in await past_runs(connection, shelf.workspace, 9)]
    await shelf.put(tables.inferences, {"run_id": ids[0], "state": "held"})
    await shelf.put(tables.inferences, {"run_id": ids[1], "state": "committed"})
    async with shelf.store.begin() as connection:
        assert await held_columns(connection, shelf.workspace, ids) == {ids[0]: ("held", None)}
        changed = {"state": "conflict", "problem": "moved"}
        await connection.execute(
            update(tables.inferences).where(tables.inferences.c.run_id == ids[1]).values(**changed)
        )
        held = await held_columns(connection, shelf.workspace, ids)
    assert held[ids[1]] == ("conflict", "moved")
