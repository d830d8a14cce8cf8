"""Judges and people: what came with an answer, and what a report breaks its metrics down into."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    """Forward."""
    op.add_column("outcomes", sa.Column("details", JSON, nullable=True))
    op.add_column("runs", sa.Column("breakdown", JSON, nullable=True))


def downgrade() -> None:
    """Back."""
    op.drop_column("runs", "breakdown")
    op.drop_column("outcomes", "details")
