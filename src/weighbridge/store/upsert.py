"""`insert … on conflict`: spelt alike in both databases, but kept per dialect by SQLAlchemy."""

import importlib
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect, Table


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
    """

    sql: str
    order: tuple[str, ...] | None

    def parameters(self, rows: list[dict[str, Any]]) -> Any:
        """The rows as the driver takes them."""
        if self.order is None:
            return rows
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
        found = RawInsert(str(compiled), tuple(positions) if positions else None)
        _inserts[table.name, dialect.name] = found
    return found
