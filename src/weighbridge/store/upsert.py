"""`insert … on conflict`: spelt alike in both databases, but kept per dialect by SQLAlchemy."""

import importlib
from typing import Any

from sqlalchemy import Dialect, Table


def insert_into(table: Table, dialect: Dialect) -> Any:
    """An insert that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    # The PostgreSQL dialect costs a tenth of a second to import, which SQLite need not spend.
    return importlib.import_module(f"sqlalchemy.dialects.{dialect.name}").insert(table)
