"""Run by Alembic: migrates over the connection that `store.upgrade` hands in."""

from alembic import context

from weighbridge.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
