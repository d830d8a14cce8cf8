"""Scores are read as columns, on both databases, in order, page by page, and as they were given."""

import math

import pytest

from weighbridge.core.outcome import Answer, Failed, Outcome, Record, Scored, Status, Ungraded
from weighbridge.core.shard import Plan, Shard
from weighbridge.store import scores
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import keep_aside, record_group
from weighbridge.store.scores import GradesRow, least_confident, stream_grades

SHARD = Shard(0, 0, 0, 0, 256)


def record(position: int, epoch: int = 0, **outcomes: Outcome) -> Record:
    answer = Answer("yes", latency_s=0.5)
    return Record(position, f"c{position}", epoch, answer, outcomes, cluster="one")


async def written(store: Store, *records: Record) -> None:
    async with store.begin() as connection:
        await record_group(connection, "ws", "run", [(SHARD, one) for one in records])


async def read(store: Store, *keys: str, **span: int) -> list[GradesRow]:
    return [row async for page in stream_grades(store, "ws", "run", keys, **span) for row in page]


async def test_each_scorer_gives_its_value_or_why_there_is_none(store: Store) -> None:
    failed = Failed("timeout", "too slow")
    await written(
        store,
        record(0, a=Scored(1.0, "yes", "because"), b=Scored(0.25)),
        record(1, a=Ungraded("no reference"), b=failed),
        record(2, b=Scored(3)),
        record(3, a=Scored(math.nan), b=Scored(-1.5)),
        Record(4, "c4", 0, None, {}, failed),
    )
    rows = await read(store, "b", "a")
    assert [row.grades for row in rows] == [
        [0.25, 1.0],
        [Status.FAILED, Status.UNGRADED],
        [3.0, Status.UNGRADED],
        [-1.5, Status.UNGRADED],
        [Status.FAILED, Status.FAILED],
    ]
    assert [row.latency_s for row in rows] == [0.5, 0.5, 0.5, 0.5, None]
    assert (rows[0].case_id, rows[0].cluster, rows[0].position) == ("c0", "one", 0)


async def test_keys_with_dots_and_dashes_are_just_keys(store: Store) -> None:
    await written(store, record(0, **{"f1.a-2": Scored(0.5)}))
    [row] = await read(store, "f1.a-2")
    assert row.grades == [0.5]


async def test_pages_follow_each_other_without_gap_or_repeat(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "PAGE", 3)
    every = [(position, epoch) for position in range(5) for epoch in range(2)]
    await written(store, *(record(p, e, s=Scored(p + e / 10)) for p, e in reversed(every)))
    rows = await read(store, "s")
    assert [(row.position, row.epoch) for row in rows] == every
    assert [row.position for row in await read(store, "s", after=1, until=3)] == [2, 2, 3, 3]


async def test_other_workspaces_and_runs_are_not_seen(store: Store) -> None:
    await written(store, record(0, s=Scored(1.0)))
    assert [page async for page in stream_grades(store, "other", "run", ["s"])] == [[]]
    assert [page async for page in stream_grades(store, "ws", "other", ["s"])] == [[]]


async def test_cases_that_are_to_be_done_again_are_not_seen(store: Store) -> None:
    await written(store, record(0, s=Scored(1.0)), record(1, s=Ungraded("no")))
    async with store.begin() as connection:
        await keep_aside(connection, "ws", "run", Plan(256, 1, 256), {Status.UNGRADED})
    assert [row.position for row in await read(store, "s")] == [0]


async def test_the_least_sure_come_first_and_who_says_nothing_of_it_not_at_all(
    store: Store,
) -> None:
    sure = [Scored(1.0, confidence=it) for it in (0.9, 0.5, None, 0.7)]
    await written(
        store,
        *(record(position, **{"f1.a-2": it}) for position, it in enumerate(sure)),
        record(4, **{"f1.a-2": Ungraded("no")}),
        record(5, other=Scored(1.0, confidence=0.1)),
    )
    async with store.begin() as connection:
        assert await least_confident(connection, "ws", "run", "f1.a-2", 9) == [
            (1, 0),
            (3, 0),
            (0, 0),
        ]
        assert await least_confident(connection, "ws", "run", "f1.a-2", 1) == [(1, 0)]
        assert await least_confident(connection, "ws_2", "run", "f1.a-2", 9) == []
