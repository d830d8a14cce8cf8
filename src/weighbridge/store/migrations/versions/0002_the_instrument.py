"""The instrument: what came with an answer, what a report breaks its metrics down into, a cache of
replies, and what people judged."""

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
    op.add_column("runs", sa.Column("traceparent", sa.String(64), nullable=True))
    op.add_column("runs", sa.Column("pin_parts", JSON, nullable=True))
    _number_the_versions()
    op.create_table(
        "dataset_tags",
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("dataset_id", sa.String(length=64), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_dataset_tags_dataset_id")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_dataset_tags_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "name", "tag", name=op.f("pk_dataset_tags")),
    )
    op.add_column("outcomes", sa.Column("cached", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "tallies", sa.Column("cached", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.create_table(
        "replies",
        sa.Column("workspace_id", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name="pk_replies"),
    )
    op.create_index("ix_replies_last_used_at", "replies", ["last_used_at"])
    op.create_table(
        "overrides",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("workspace_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("scorer", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=True),
        sa.Column("key_id", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overrides")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_overrides_workspace_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_overrides_run_id")),
        sa.UniqueConstraint(
            "run_id",
            "position",
            "epoch",
            "scorer",
            "revision",
            name=op.f("uq_overrides_run_id_position_epoch_scorer_revision"),
        ),
    )
    op.create_index(op.f("ix_overrides_workspace_id_id"), "overrides", ["workspace_id", "id"])
    _make_the_webhooks()


def downgrade() -> None:
    """Back."""
    op.drop_table("overrides")
    op.drop_table("dataset_tags")
    with op.batch_alter_table("datasets") as batch:
        batch.drop_constraint(op.f("uq_datasets_workspace_id_name_version"), type_="unique")
        for column in ("selection", "parent_id", "version"):
            batch.drop_column(column)
    op.drop_column("runs", "pin_parts")
    op.drop_table("deliveries")
    op.drop_table("webhooks")
    op.drop_table("replies")
    op.drop_column("tallies", "cached")
    op.drop_column("outcomes", "cached")
    op.drop_column("runs", "traceparent")
    op.drop_column("runs", "breakdown")
    op.drop_column("outcomes", "details")


def _number_the_versions() -> None:
    with op.batch_alter_table("datasets") as batch:
        batch.add_column(sa.Column("version", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("parent_id", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("selection", JSON, nullable=True))
    op.execute(
        "update datasets set version = (select count(*) from datasets as earlier "
        "where earlier.workspace_id = datasets.workspace_id and earlier.name = datasets.name "
        "and earlier.id <= datasets.id)"
    )
    with op.batch_alter_table("datasets") as batch:
        batch.alter_column("version", existing_type=sa.Integer(), nullable=False)
        batch.create_unique_constraint(
            op.f("uq_datasets_workspace_id_name_version"), ["workspace_id", "name", "version"]
        )


def _make_the_webhooks() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("workspace_id", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=True),
        sa.Column("old_until", moment, nullable=True),
        sa.Column("failing_since", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_webhooks_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_workspace_id"), "webhooks", ["workspace_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("workspace_id", sa.String(64), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("attempted_at", moment, nullable=True),
        sa.Column("next_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name=op.f("fk_deliveries_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_webhook_id"), "deliveries", ["webhook_id"])
    op.create_index(op.f("ix_deliveries_state_next_at"), "deliveries", ["state", "next_at"])
