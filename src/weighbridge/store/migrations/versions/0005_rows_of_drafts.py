"""How the rows of a file are told apart while it is edited in a draft."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward."""
    op.add_column("draft_changes", sa.Column("numbers", sa.Text(), nullable=True))
