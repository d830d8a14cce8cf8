"""How the schema changes from release to release (Alembic)."""
