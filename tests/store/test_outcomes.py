"""Rows are written once, and the tallies always say what the rows say."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from weighbridge.core.ids import new_id
from weighbridge.core.outcome import (
    Answer,
    Failed,
    Given,
    Record,
    Scored,
    Status,
    Ungraded,
    Usage,
)
from weighbridge.core.shard import Plan
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import (
    answers_of_shard,
    keep_aside,
    kept_of_shard,
    page_of_outcomes,
    positions_done,
    recent_latencies,
    record_group,
    stream_outcomes,
    verdicts_at,
)
from weighbridge.store.tables import outcomes, tallies

WORKSPACE = "ws_1"
PLAN = Plan(cases=10, epochs=2, size=4)


def answered(position: int, epoch: int = 0, text: str = "yes", value: float = 1.0) -> Record:
    usage = Usage(10, 2, 0.001, 1)
    return Record(
        position,
        f"case {position}",
        epoch,
        Answer(text, "stop", 0.25, usage, "m-1"),
        {"exact": Scored(value, "A", "because")},
        None,
        usage,
        "cluster",
    )


def failed(position: int, epoch: int = 0) -> Record:
    failure = Failed("server_error", "the endpoint said 500", 500, 6)
    return Record(position, f"case {position}", epoch, None, {}, failure, Usage(0, 0, None, 6))


def ungraded(position: int, epoch: int = 0) -> Record:
    record = answered(position, epoch)
    return Record(
        position, record.case_id, epoch, record.answer, {"judge": Ungraded("rubbish", "{")}
    )


def with_shards(records: list[Record]) -> list[tuple[object, Record]]:
    return [
        (PLAN[r.epoch * PLAN.segments + r.position // PLAN.size], r)  # type: ignore[misc]
        for r in records
    ]


async def write(store: Store, run_id: str, records: list[Record]) -> None:
    async with store.begin() as connection:
        await record_group(connection, WORKSPACE, run_id, with_shards(records))  # type: ignore[arg-type]


async def everything(store: Store, run_id: str) -> list[Record]:
    return [record async for record in stream_outcomes(store, WORKSPACE, run_id)]


async def test_a_record_comes_back_as_it_was_written(store: Store) -> None:
    records = [answered(0), failed(1), ungraded(2)]
    await write(store, "run_1", records)
    back = await everything(store, "run_1")
    assert back[0] == records[0]
    assert back[1] == records[1]
    assert back[2].outcomes == records[2].outcomes
    assert [record.status for record in back] == [Status.SCORED, Status.FAILED, Status.UNGRADED]


async def test_a_second_writer_of_the_same_case_changes_nothing(store: Store) -> None:
    await write(store, "run_1", [answered(0, text="first"), answered(1)])
    await write(store, "run_1", [answered(0, text="second"), answered(2)])
    back = await everything(store, "run_1")
    assert [(r.position, r.answer and r.answer.text) for r in back] == [
        (0, "first"),
        (1, "yes"),
        (2, "yes"),
    ]
    assert await tallied(store, "run_1") == await counted(store, "run_1")


async def tallied(store: Store, run_id: str) -> tuple[float, ...]:
    columns = [tallies.c[n] for n in ("done", "failed", "ungraded", "input_tokens", "calls")]
    async with store.begin() as connection:
        row = (
            await connection.execute(
                select(*(func.coalesce(func.sum(c), 0) for c in columns)).where(
                    tallies.c.run_id == run_id
                )
            )
        ).one()
    return tuple(float(value) for value in row)


async def counted(store: Store, run_id: str) -> tuple[float, ...]:
    async with store.begin() as connection:
        rows = (await connection.execute(select(outcomes).where(outcomes.c.run_id == run_id))).all()
    return (
        float(len(rows)),
        float(sum(row.status == "failed" for row in rows)),
        float(sum(row.status == "ungraded" for row in rows)),
        float(sum(row.input_tokens for row in rows)),
        float(sum(row.calls for row in rows)),
    )


kinds = st.sampled_from([answered, failed, ungraded])
groups = st.lists(
    st.lists(
        st.tuples(kinds, st.integers(0, PLAN.cases - 1), st.integers(0, PLAN.epochs - 1)),
        min_size=1,
        max_size=8,
    ),
    max_size=5,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(groups=groups)
def test_tallies_equal_what_the_rows_say_whatever_is_written_twice(
    groups: list[list[tuple[object, int, int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async def story() -> None:
        from_rows = Store(None, tmp_path_factory.mktemp("data"))
        async with from_rows.begin() as connection:
            await connection.run_sync(outcomes.metadata.create_all)
        run_id = new_id("run")
        for group in groups:
            await write(from_rows, run_id, [make(p, e) for make, p, e in group])  # type: ignore[operator]
        assert await tallied(from_rows, run_id) == await counted(from_rows, run_id)
        await from_rows.close()

    asyncio.run(story())


async def keep(store: Store, *statuses: Status) -> int:
    async with store.begin() as connection:
        return await keep_aside(connection, WORKSPACE, "run_1", PLAN, statuses)


async def kept(store: Store, shard: int = 0) -> dict[int, Given]:
    async with store.begin() as connection:
        return await kept_of_shard(connection, WORKSPACE, "run_1", PLAN[shard])


def unscored(position: int) -> Record:
    """An answer that one judge graded and another could not."""
    verdicts = {"exact": Scored(1.0), "judge": Failed("timeout", "too late")}
    return replace(answered(position), outcomes=verdicts)


async def test_failed_rows_are_kept_aside_for_a_retry_and_what_they_cost_stays_counted(
    store: Store,
) -> None:
    await write(store, "run_1", [answered(0), failed(1), failed(5, 1), ungraded(6, 1)])
    _, _, _, *spent = await tallied(store, "run_1")
    assert await keep(store, Status.FAILED) == 2
    assert await tallied(store, "run_1") == (2, 0, 1, *spent)
    assert [record.position for record in await everything(store, "run_1")] == [0, 6]
    async with store.begin() as connection:
        assert await positions_done(connection, "run_1", PLAN[0]) == {0}
    assert await keep(store, Status.FAILED) == 0


async def test_an_answer_is_kept_with_the_verdicts_it_has(store: Store) -> None:
    await write(store, "run_1", [unscored(0), failed(1), ungraded(2)])
    assert await keep(store, Status.FAILED, Status.UNGRADED) == 3
    found = await kept(store)
    assert found[0] == Given(
        unscored(0).answer, None, {"exact": Scored(1.0)}, unscored(0).usage, retried=True
    )
    assert (found[1].answer, found[1].failure, found[1].spent.calls) == (None, None, 6)
    assert found[2].verdicts == {}
    assert await kept(store, 1) == {}


async def test_a_new_outcome_takes_the_place_of_the_one_kept_aside(store: Store) -> None:
    await write(store, "run_1", [unscored(0), answered(1)])
    await keep(store, Status.FAILED)
    done = replace(answered(0), usage=Usage(15, 3, 0.002, 2), retried=True)
    for _ in range(2):  # the second time by a worker that was taken for dead
        await write(store, "run_1", [done, answered(2)])
        assert await kept(store) == {}
        assert await tallied(store, "run_1") == await counted(store, "run_1")
        assert [r.position for r in await everything(store, "run_1")] == [0, 1, 2]


async def test_of_a_case_that_a_dead_worker_did_meanwhile_the_newest_row_is_kept(
    store: Store,
) -> None:
    await write(store, "run_1", [unscored(0)])
    await keep(store, Status.FAILED)
    await write(store, "run_1", [failed(0)])
    assert await keep(store, Status.FAILED) == 1
    assert (await kept(store))[0].spent.calls == 6
    assert (await tallied(store, "run_1"))[3:] == (await counted(store, "run_1"))[3:]


async def test_a_run_gives_its_answers_to_another_and_says_where_it_has_none(store: Store) -> None:
    await write(store, "run_1", [answered(0), failed(1), unscored(2)])
    await keep(store, Status.FAILED)
    await write(store, "run_1", [replace(answered(1), retried=True)])
    async with store.begin() as connection:
        found = await answers_of_shard(connection, WORKSPACE, "run_1", PLAN[0])
        assert await answers_of_shard(connection, "ws_2", "run_1", PLAN[0]) == {}
    assert {position: given.answer and given.answer.text for position, given in found.items()} == {
        0: "yes",
        1: "yes",
        2: "yes",
    }
    await write(store, "run_2", [failed(3)])
    async with store.begin() as connection:
        found = await answers_of_shard(connection, WORKSPACE, "run_2", PLAN[0])
    assert found[3] == Given(None, failed(3).failure)


async def test_pages_follow_each_other_without_gap_or_repeat(store: Store) -> None:
    records = [answered(p, e) for p in range(PLAN.cases) for e in range(PLAN.epochs)]
    await write(store, "run_1", records)
    seen: list[tuple[int, int]] = []
    after = None
    while True:
        async with store.begin() as connection:
            page = await page_of_outcomes(connection, WORKSPACE, "run_1", after=after, limit=3)
        if not page:
            break
        seen += [(r.position, r.epoch) for r in page]
        after = seen[-1]
    assert seen == [(r.position, r.epoch) for r in records]


async def test_filters_narrow_a_page(store: Store) -> None:
    await write(store, "run_1", [answered(0), failed(1), answered(1, 1), failed(2)])
    async with store.begin() as connection:
        only_failed = await page_of_outcomes(connection, WORKSPACE, "run_1", status=Status.FAILED)
        one_case = await page_of_outcomes(connection, WORKSPACE, "run_1", case_id="case 1")
    assert [r.position for r in only_failed] == [1, 2]
    assert [(r.position, r.epoch) for r in one_case] == [(1, 0), (1, 1)]


async def test_another_workspace_sees_none_of_the_rows(store: Store) -> None:
    await write(store, "run_1", [answered(0)])
    async with store.begin() as connection:
        assert await page_of_outcomes(connection, "ws_2", "run_1") == []


@pytest.mark.parametrize("text", ["nul \x00 inside", "lone \ud800 surrogate", "emoji 🚚", ""])
async def test_whatever_a_model_says_can_be_kept(store: Store, text: str) -> None:
    await write(store, "run_1", [answered(0, text=text)])
    (record,) = await everything(store, "run_1")
    assert record.answer is not None
    expected = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    assert record.answer.text == expected


async def test_verdicts_are_had_without_the_answers(store: Store) -> None:
    records = [answered(0), answered(0, epoch=1, value=0.0), ungraded(1), failed(2), answered(3)]
    async with store.begin() as connection:
        await record_group(connection, WORKSPACE, "run", with_shards(records))
        found = await verdicts_at(connection, WORKSPACE, "run", {0, 1, 2, 9})
        assert found == {(it.position, it.epoch): it.outcomes for it in records[:4]}
        assert await verdicts_at(connection, "ws_2", "run", {0}) == {}


async def test_how_long_the_last_answers_took(store: Store) -> None:
    def took(position: int, seconds: float) -> Record:
        record = answered(position)
        assert record.answer is not None
        return replace(record, answer=replace(record.answer, latency_s=seconds))

    records = [took(0, 9.0), took(1, 2.0), took(2, 1.0), failed(3)]
    async with store.begin() as connection:
        await record_group(connection, WORKSPACE, "run", with_shards(records))
        assert await recent_latencies(connection, WORKSPACE, "run", 2) == [1.0, 2.0]
        assert await recent_latencies(connection, "ws_2", "run", 2) == []
