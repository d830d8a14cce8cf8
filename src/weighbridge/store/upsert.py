"""`insert … on conflict`: spelt alike in both databases, but kept per dialect by SQLAlchemy."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect, Table
from sqlalchemy.ext.asyncio import AsyncConnection

TOGETHER = 250
"""Rows of one statement. The driver of SQLite lets go of the interpreter for every statement that
it executes, and waits for the event loop until it has it back: row by row that is a wait a row."""


def insert_into(table: Table, dialect: Dialect) -> Any:
    """An insert that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    # The PostgreSQL dialect costs a tenth of a second to import, which SQLite need not spend.
    return importlib.import_module(f"sqlalchemy.dialects.{dialect.name}").insert(table)


@dataclass(frozen=True, slots=True)
class RawInsert:
    """`insert … on conflict do nothing` as the driver takes it.

    For the hottest statements of the product: SQLAlchemy compiles them, but handing it thousands of
    rows through its type system would cost as much as scoring them.

    Attributes:
        sql: with the driver's own placeholders.
        order: of the columns for positional placeholders; None for named ones.
        together: the statement for `TOGETHER` rows, where placeholders are positional.
    """

    sql: str
    order: tuple[str, ...] | None
    together: str | None

    async def execute(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> int:
        """Insert some rows; how many of them were not there yet."""
        inserted = begun = 0
        if self.together is not None and self.order is not None:
            pick = itemgetter(*self.order)
            for begun in range(TOGETHER, len(rows) + 1, TOGETHER):
                values = chain.from_iterable(map(pick, rows[begun - TOGETHER : begun]))
                result = await connection.exec_driver_sql(self.together, tuple(values))
                inserted += result.rowcount
        if begun < len(rows):
            result = await connection.exec_driver_sql(self.sql, self.parameters(rows[begun:]))
            inserted += result.rowcount
        return inserted

    def parameters(self, rows: Sequence[dict[str, Any]]) -> Any:
        """The rows as the driver takes them."""
        if self.order is None:
            return list(rows)
        pick = itemgetter(*self.order)
        return [pick(row) for row in rows]

    def moment(self, moment: datetime) -> datetime | str:
        """A moment as the driver takes it."""
        if self.order is None:
            return moment
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


_inserts: dict[tuple[str, str], RawInsert] = {}


def raw_insert(table: Table, dialect: Dialect) -> RawInsert:
    """The insert of whole rows into a table."""
    found = _inserts.get((table.name, dialect.name))
    if found is None:
        insert = insert_into(table, dialect).on_conflict_do_nothing()
        compiled = insert.compile(dialect=dialect)
        positions = getattr(compiled, "positiontup", None)
        sql = str(compiled)
        together = None
        if positions:
            places = f"({', '.join('?' * len(positions))})"
            together = sql.replace(places, ", ".join([places] * TOGETHER))
        found = RawInsert(sql, tuple(positions) if positions else None, together)
        _inserts[table.name, dialect.name] = found
    return found
