"""Synthetic data: seeds, specs, samples and their inspections; red teams, judges, anonymising."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "anonymizations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("seeds_id", sa.String(length=64), nullable=False),
        sa.Column("seeds_name", sa.Text(), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("evaluation_id", sa.String(length=64), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("result", JSON, nullable=True),
        sa.Column("files", JSON, nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_anonymizations_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anonymizations")),
    )
    op.create_index(
        op.f("ix_anonymizations_evaluation_id"), "anonymizations", ["evaluation_id"], unique=False
    )
    op.create_index(op.f("ix_anonymizations_run_id"), "anonymizations", ["run_id"], unique=False)
    op.create_index(
        op.f("ix_anonymizations_workspace_id_id"),
        "anonymizations",
        ["workspace_id", "id"],
        unique=False,
    )
    op.create_table(
        "data_specs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("seeds_id", sa.String(length=64), nullable=True),
        sa.Column("seeds_name", sa.Text(), nullable=True),
        sa.Column("shape", sa.String(length=16), nullable=False),
        sa.Column("params", JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("evaluation_id", sa.String(length=64), nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_data_specs_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_specs")),
    )
    op.create_index(
        op.f("ix_data_specs_evaluation_id"), "data_specs", ["evaluation_id"], unique=False
    )
    op.create_index(
        op.f("ix_data_specs_workspace_id_id"), "data_specs", ["workspace_id", "id"], unique=False
    )
    op.create_table(
        "inspections",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("production_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("evaluation_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_inspections_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspections")),
    )
    op.create_index(
        op.f("ix_inspections_evaluation_id"), "inspections", ["evaluation_id"], unique=False
    )
    op.create_index(
        op.f("ix_inspections_production_id"), "inspections", ["production_id"], unique=False
    )
    op.create_index(op.f("ix_inspections_run_id"), "inspections", ["run_id"], unique=False)
    op.create_index(
        op.f("ix_inspections_workspace_id_id"), "inspections", ["workspace_id", "id"], unique=False
    )
    op.create_table(
        "judges",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("versions", JSON, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_judges_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judges")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_judges_workspace_id_name")),
    )
    op.create_index(
        op.f("ix_judges_workspace_id_id"), "judges", ["workspace_id", "id"], unique=False
    )
    op.create_table(
        "productions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("spec_id", sa.String(length=64), nullable=False),
        sa.Column("spec_name", sa.Text(), nullable=False),
        sa.Column("spec_version", sa.Integer(), nullable=False),
        sa.Column("seeds_id", sa.String(length=64), nullable=True),
        sa.Column("seeds_name", sa.Text(), nullable=True),
        sa.Column("shape", sa.String(length=16), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("params", JSON, nullable=False),
        sa.Column("evaluation_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("archive", JSON, nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_productions_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_productions")),
    )
    op.create_index(
        op.f("ix_productions_evaluation_id"), "productions", ["evaluation_id"], unique=False
    )
    op.create_index(op.f("ix_productions_run_id"), "productions", ["run_id"], unique=False)
    op.create_index(op.f("ix_productions_spec_id"), "productions", ["spec_id"], unique=False)
    op.create_index(
        op.f("ix_productions_workspace_id_id"), "productions", ["workspace_id", "id"], unique=False
    )
    op.create_table(
        "red_team_runs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("spec_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("behaviors", sa.Integer(), nullable=False),
        sa.Column("prompts", sa.Integer(), nullable=False),
        sa.Column("evaluation_id", sa.String(length=64), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("result", JSON, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_red_team_runs_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_red_team_runs")),
    )
    op.create_index(
        op.f("ix_red_team_runs_evaluation_id"), "red_team_runs", ["evaluation_id"], unique=False
    )
    op.create_index(op.f("ix_red_team_runs_run_id"), "red_team_runs", ["run_id"], unique=False)
    op.create_index(op.f("ix_red_team_runs_spec_id"), "red_team_runs", ["spec_id"], unique=False)
    op.create_index(
        op.f("ix_red_team_runs_workspace_id_id"),
        "red_team_runs",
        ["workspace_id", "id"],
        unique=False,
    )
    op.create_table(
        "red_team_specs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("concerns", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_red_team_specs_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_red_team_specs")),
        sa.UniqueConstraint(
            "workspace_id", "name", name=op.f("uq_red_team_specs_workspace_id_name")
        ),
    )
    op.create_index(
        op.f("ix_red_team_specs_workspace_id_id"),
        "red_team_specs",
        ["workspace_id", "id"],
        unique=False,
    )
    op.create_table(
        "seed_datasets",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("shape", sa.String(length=16), nullable=False),
        sa.Column("folders", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_seed_datasets_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seed_datasets")),
        sa.UniqueConstraint(
            "workspace_id", "name", name=op.f("uq_seed_datasets_workspace_id_name")
        ),
    )
    op.create_index(
        op.f("ix_seed_datasets_workspace_id_id"),
        "seed_datasets",
        ["workspace_id", "id"],
        unique=False,
    )
    op.create_table(
        "data_spec_versions",
        sa.Column("spec_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["spec_id"],
            ["data_specs.id"],
            name=op.f("fk_data_spec_versions_spec_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("spec_id", "number", name=op.f("pk_data_spec_versions")),
    )
    op.create_table(
        "judge_evaluations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("judge_id", sa.String(length=64), nullable=False),
        sa.Column("judge_version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("verdict", JSON, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("usage", JSON, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["judge_id"],
            ["judges.id"],
            name=op.f("fk_judge_evaluations_judge_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_judge_evaluations_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judge_evaluations")),
    )
    op.create_index(
        op.f("ix_judge_evaluations_judge_id_id"),
        "judge_evaluations",
        ["judge_id", "id"],
        unique=False,
    )
    op.create_table(
        "made_files",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("production_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["production_id"],
            ["productions.id"],
            name=op.f("fk_made_files_production_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_made_files")),
        sa.UniqueConstraint(
            "production_id", "number", name=op.f("uq_made_files_production_id_number")
        ),
    )
    op.create_table(
        "seed_files",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=64), nullable=False),
        sa.Column("seeds_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["seeds_id"],
            ["seed_datasets.id"],
            name=op.f("fk_seed_files_seeds_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seed_files")),
        sa.UniqueConstraint("seeds_id", "number", name=op.f("uq_seed_files_seeds_id_number")),
    )
