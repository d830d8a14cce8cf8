"""What people said is added and never changed, and the newest counts."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import insert

from store.test_outcomes import PLAN, answered, with_shards
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.review import Override
from weighbridge.store import overrides as overrides_module
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import add_evaluation
from weighbridge.store.keys import ensure_workspace
from weighbridge.store.moments import now
from weighbridge.store.outcomes import page_of_outcomes, record_group
from weighbridge.store.overrides import (
    Reviewed,
    Saying,
    add_overrides,
    current_overrides,
    history_of,
    is_overridden,
    newest_override,
    overrides_at,
    overrides_between,
    page_of_overrides,
    runs_reviewed,
    scorers_overridden,
    tally_reviews,
)
from weighbridge.store.runs import add_run
from weighbridge.store.tables import datasets

SAYING = Saying(3, 0, "case 3", "exact", 0.0, "bad", "it is wrong", "ann")


async def run(store: Store) -> tuple[Caller, str]:
    """A run with the outcomes of all its cases."""
    async with store.begin() as connection:
        caller = Caller(await ensure_workspace(connection, "ours"), Role.WRITER, "user_1", "key_1")
        dataset_id = new_id("ds")
        await connection.execute(
            insert(datasets).values(
                id=dataset_id, workspace_id=caller.workspace_id, name=dataset_id, sha256="0" * 64,
                rows=10, size=1, columns=[], offsets=[], created_at=now(), version=1,
            )
        )  # fmt: skip
        evaluation = await add_evaluation(connection, caller, "test", {}, dataset_id)
        run_id = await add_run(
            connection,
            workspace_id=caller.workspace_id,
            evaluation_id=evaluation.id,
            model="m",
            pin="0",
            pin_parts={},
            total=20,
        )
        records = [answered(p, e) for p in range(PLAN.cases) for e in range(2)]
        await record_group(connection, caller.workspace_id, run_id, with_shards(records))  # type: ignore[arg-type]
    return caller, run_id


async def say(
    store: Store, caller: Caller, run_id: str, *sayings: Saying
) -> Sequence[Override] | None:
    async with store.begin() as connection:
        return await add_overrides(connection, caller, run_id, sayings)


async def test_what_is_said_comes_back_with_who_said_it(store: Store) -> None:
    caller, run_id = await run(store)
    made = await say(store, caller, run_id, SAYING)
    assert made is not None
    assert (made[0].revision, made[0].user_id, made[0].key_id) == (1, "user_1", "key_1")
    async with store.begin() as connection:
        found = await overrides_between(connection, caller.workspace_id, run_id, 0, 9)
        assert found == {(3, 0): {"exact": made[0]}}
        assert await overrides_between(connection, caller.workspace_id, run_id, 4, 9) == {}
        assert await overrides_between(connection, "ws_2", run_id, 0, 9) == {}
        assert await scorers_overridden(connection, caller.workspace_id, run_id) == {"exact"}
        assert await runs_reviewed(connection, caller.workspace_id) == [run_id]
        assert await runs_reviewed(connection, "ws_2") == []


async def test_the_newest_counts_and_everything_is_kept(store: Store) -> None:
    caller, run_id = await run(store)
    other = replace(SAYING, scorer="judge", epoch=1)
    await say(store, caller, run_id, SAYING, other)
    await say(store, caller, run_id, replace(SAYING, value=1.0, author="bob"))
    await say(store, caller, run_id, replace(other, value=None, label=None, reason="a slip"))
    async with store.begin() as connection:
        workspace = caller.workspace_id
        standing = await overrides_between(connection, workspace, run_id, 3, 3)
        assert {key: it.value for key, it in standing[3, 0].items()} == {"exact": 1.0}
        assert (3, 1) not in standing
        assert await overrides_at(connection, workspace, run_id, [1, 3]) == standing
        assert await overrides_at(connection, workspace, run_id, [1, 2]) == {}
        assert await overrides_at(connection, "ws_2", run_id, [3]) == {}
        assert await current_overrides(connection, workspace, run_id) == {
            "exact": {(3, 0): (1.0, "bad")}
        }
        history = await history_of(connection, workspace, run_id, 3, None)
        assert [(it.scorer, it.revision, it.value, it.author) for it in history] == [
            ("exact", 1, 0.0, "ann"),
            ("exact", 2, 1.0, "bob"),
            ("judge", 1, 0.0, "ann"),
            ("judge", 2, None, "ann"),
        ]
        assert await history_of(connection, workspace, run_id, 3, 1) == history[2:]
        page = await page_of_overrides(connection, workspace, run_id, after=None, limit=3)
        rest = await page_of_overrides(connection, workspace, run_id, after=page[-1].id, limit=3)
        assert {it.id for it in [*page, *rest]} == {it.id for it in history}
        assert await page_of_overrides(connection, "ws_2", run_id, after=None, limit=3) == []


async def test_of_two_who_speak_at_once_one_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, run_id = await run(store)
    await say(store, caller, run_id, SAYING)

    async def as_before(*_: object) -> dict[tuple[int, int, str], int]:
        return {}

    monkeypatch.setattr(overrides_module, "_revisions", as_before)
    assert await say(store, caller, run_id, replace(SAYING, value=1.0)) is None
    async with store.begin() as connection:
        found = await overrides_between(connection, caller.workspace_id, run_id, 3, 3)
    assert found[3, 0]["exact"].value == 0.0


async def test_outcomes_are_found_by_whether_somebody_overruled_them(store: Store) -> None:
    caller, run_id = await run(store)
    second = replace(SAYING, position=7, epoch=1)
    await say(store, caller, run_id, SAYING, second)
    await say(store, caller, run_id, replace(second, value=None))
    such = is_overridden(caller.workspace_id, run_id)
    async with store.begin() as connection:
        found = await page_of_outcomes(connection, caller.workspace_id, run_id, such=such)
        others = await page_of_outcomes(connection, caller.workspace_id, run_id, such=~such)
    assert [(record.position, record.epoch) for record in found] == [(3, 0)]
    assert len(others) == 19


async def test_what_was_said_since_it_was_seen_is_not_spoken_over(store: Store) -> None:
    caller, run_id = await run(store)
    await say(store, caller, run_id, replace(SAYING, seen=0))
    assert await say(store, caller, run_id, replace(SAYING, value=1.0, seen=0)) is None
    made = await say(store, caller, run_id, replace(SAYING, value=1.0, seen=1))
    assert made is not None
    assert made[0].revision == 2


async def test_reviews_are_tallied_as_they_count_now(store: Store) -> None:
    caller, run_id = await run(store)
    others = [replace(SAYING, position=at, author=who) for at, who in ((4, "bob"), (5, "bob"))]
    assert await newest(store, caller, run_id) is None
    await say(store, caller, run_id, SAYING, *others, replace(SAYING, scorer="judge"))
    await say(store, caller, run_id, replace(SAYING, value=1.0, author="carol"))
    last = await say(store, caller, run_id, replace(others[1], value=None))
    assert last is not None
    assert await newest(store, caller, run_id) == last[0].id
    async with store.begin() as connection:
        workspace = caller.workspace_id
        assert await tally_reviews(connection, workspace, [run_id, "run_2"]) == {
            run_id: {"exact": Reviewed(2, 2), "judge": Reviewed(1, 1)}
        }
        assert await tally_reviews(connection, "ws_2", [run_id]) == {}
        assert await tally_reviews(connection, workspace, []) == {}


async def newest(store: Store, caller: Caller, run_id: str) -> str | None:
    async with store.begin() as connection:
        return await newest_override(connection, caller.workspace_id, run_id)
