"""Rows inserted many at a time are those that were given, and only the new ones are counted."""

from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, select

from weighbridge.store.engine import Store
from weighbridge.store.upsert import TOGETHER, raw_insert

THINGS = Table(
    "things",
    MetaData(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("text", Text),
)


def things(start: int, stop: int) -> list[dict[str, Any]]:
    return [{"text": f"thing {number}", "number": number} for number in range(start, stop)]


@pytest.mark.parametrize("count", [1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 2 * TOGETHER + 3])
async def test_rows_are_inserted_once_whatever_their_number(store: Store, count: int) -> None:
    async with store.engine.begin() as connection:
        await connection.run_sync(THINGS.metadata.create_all)
        insert = raw_insert(THINGS, connection.dialect)
        assert await insert.execute(connection, things(0, count)) == count
        assert await insert.execute(connection, things(count - 1, 2 * count)) == count
        found = await connection.execute(select(THINGS).order_by(THINGS.c.number))
        assert [dict(row) for row in found.mappings()] == things(0, 2 * count)


async def test_no_rows_are_none(store: Store) -> None:
    async with store.engine.begin() as connection:
        await connection.run_sync(THINGS.metadata.create_all)
        assert await raw_insert(THINGS, connection.dialect).execute(connection, []) == 0
