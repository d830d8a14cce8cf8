"""Brings a database to the schema of this release. Imports Alembic, so it is loaded when needed."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_241_001  # any number, the same in every weighbridge process


def upgrade_to_head(connection: Connection) -> None:
    """Apply every migration that is missing; safe when several processes start at once."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        connection.exec_driver_sql("begin immediate")
    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration over an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def schema_version(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()
