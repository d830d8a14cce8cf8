"""Data sets by what they were selected from, and evaluations by their data set."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward."""
    op.create_index(
        op.f("ix_datasets_workspace_id_parent_id"),
        "datasets",
        ["workspace_id", "parent_id"],
        unique=False,
    )
    op.create_index(op.f("ix_evaluations_dataset_id"), "evaluations", ["dataset_id"], unique=False)
