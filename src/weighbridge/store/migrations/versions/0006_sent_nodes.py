"""Commits that are sent by whoever has a store of their own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "sent_nodes",
        sa.Column("repository_id", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("node", JSON, nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("tree", sa.String(length=64), nullable=True),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_sent_nodes_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "hash", name=op.f("pk_sent_nodes")),
    )
