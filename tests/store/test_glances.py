"""Outcomes at a glance, ids by a part of them, and runs to choose from, on both databases."""

from weighbridge.core.outcome import Answer, Failed, Record, Scored, Ungraded
from weighbridge.core.shard import Shard
from weighbridge.store.engine import Store
from weighbridge.store.glances import LONGEST, glances_at, positions_called
from weighbridge.store.outcomes import record_group

SHARD = Shard(0, 0, 0, 0, 256)


async def written(store: Store, *records: Record) -> None:
    async with store.begin() as connection:
        await record_group(connection, "ws", "run", [(SHARD, one) for one in records])


async def test_an_outcome_at_a_glance(store: Store) -> None:
    long = "ä" * (LONGEST * 2)
    await written(
        store,
        Record(0, "a", 0, Answer(long), {"s": Scored(1.0, "yes"), "t": Scored(0.0)}),
        Record(0, "a", 1, Answer("no"), {"s": Ungraded("no verdict", "hm")}),
        Record(1, "b", 0, None, {}, Failed("timeout", "too slow")),
        Record(2, "c", 0, Answer(""), {}),
    )
    async with store.begin() as connection:
        found = await glances_at(connection, "ws", "run", "s", [0, 1, 2, 9])
        assert await glances_at(connection, "other", "run", "s", [0]) == {}
    assert sorted(found) == [0, 1, 2]
    assert found[0][0].begins == "ä" * LONGEST
    assert found[0][0].outcome == Scored(1.0, "yes")
    assert found[0][1].outcome == Ungraded("no verdict", "hm")
    assert (found[1][0].begins, found[1][0].failure) == (None, "too slow")
    assert (found[2][0].begins, found[2][0].outcome) == ("", None)


async def test_parts_of_ids_are_found_as_they_stand(store: Store) -> None:
    names = ["Case-1", "case-2", "100%", "a_b", "axb", "back\\slash"]
    answer = Answer("x")
    await written(store, *(Record(n, name, 0, answer, {}) for n, name in enumerate(names)))
    await written(store, Record(0, "Case-1", 1, answer, {}))
    async with store.begin() as connection:
        for part, wanted in (
            ("case", [0, 1]),
            ("0%", [2]),
            ("a_b", [3]),
            ("\\", [5]),
            ("nothing", []),
        ):
            found = await positions_called(connection, "ws", "run", part, 10)
            assert found == wanted, part
        assert await positions_called(connection, "ws", "run", "case", 1) == [0]
        assert await positions_called(connection, "other", "run", "case", 9) == []
