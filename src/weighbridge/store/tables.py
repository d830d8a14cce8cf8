"""The schema. What a column means is said here; how it changes over time is in `migrations/`."""

import importlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on both databases (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("moments in the store carry a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware moment."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """JSON; kept parsed (`jsonb`) by PostgreSQL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """`jsonb` or JSON as text."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        # Imported when it is needed: it costs a tenth of a second.
        postgresql = importlib.import_module("sqlalchemy.dialects.postgresql")
        return dialect.type_descriptor(postgresql.JSONB())


Identifier = String(64)
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hint", Text, nullable=False),  # the first characters, to recognise it in a list
    Column("hash", String(64), nullable=False, unique=True),  # SHA-256 of the key, hex
    Column("role", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False),  # of the frame; also the name of its blob
    Column("rows", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("columns", Json, nullable=False),
    Column("offsets", Json, nullable=False),  # byte offset of each segment's first row, then size
    Column("version", Integer, nullable=False),  # 1, 2, … of the data sets of this name
    Column("parent_id", Identifier),  # the data set it was selected from
    Column("selection", Json),  # how
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "sha256", "name"),
    UniqueConstraint("workspace_id", "name", "version"),
    Index(None, "workspace_id", "parent_id"),
)

dataset_tags = Table(
    "dataset_tags",
    metadata,
    Column("workspace_id", ForeignKey("workspaces.id"), primary_key=True),
    Column("name", Text, primary_key=True),  # of the data set
    Column("tag", String(64), primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id"), nullable=False),
    Column("moved_at", UtcDateTime, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("spec", Json, nullable=False),  # as it was written, defaults left out
    Column("dataset_id", ForeignKey("datasets.id"), nullable=False, index=True),
    Column("door", Text, nullable=False),  # which API or command it came through
    Column("created_by", Identifier),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("evaluation_id", ForeignKey("evaluations.id"), nullable=False, index=True),
    Column("model", Text, nullable=False),
    Column("pin", String(64), nullable=False),
    Column("pin_parts", Json),  # a hash for each part of it, to tell what differs between two runs
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("total", BigInteger, nullable=False),  # cases x epochs
    Column("round", Integer, nullable=False),  # how often it was queued: names the workflow
    Column("owner", Text),  # who executes it outside the queue, and until when nobody else may
    Column("owned_until", UtcDateTime),
    Column("metrics", Json),
    Column("traceparent", String(64)),  # the W3C trace context of the request that started it
    Column("breakdown", Json),  # scorer key -> labels, confusion, judges, agreement
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
    Index(None, "state"),
)

# The only truth about progress. `kind` tells the outcome of a case from one that is kept aside
# until the case has been done again.
outcomes = Table(
    "outcomes",
    metadata,
    Column("run_id", Identifier, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("cluster", Text),
    Column("status", String(16), nullable=False),
    Column("answer", Text),
    Column("finish_reason", Text),
    Column("answered_by", Text),  # the model's name in the endpoint's own words
    Column("latency_s", Float),
    Column("scores", Json, nullable=False),  # scorer key -> {status, value, label, …}
    Column("details", Json),  # what came with the answer: thinking, images, likelihoods
    Column("failure", Json),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_usd", Float),
    Column("calls", Integer, nullable=False),
    Column("cached", Integer, nullable=False, server_default="0"),
    Column("recorded_at", UtcDateTime, nullable=False),
    Index(None, "run_id", "status", "position", "epoch"),
    sqlite_with_rowid=False,
)

# Sums over the outcome rows of one shard, kept in the same transaction as the rows, so that the
# progress of a run of ten million cases can be read at a glance.
tallies = Table(
    "tallies",
    metadata,
    Column("run_id", Identifier, primary_key=True),
    Column("shard", BigInteger, primary_key=True, autoincrement=False),
    Column("workspace_id", Identifier, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("ungraded", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_usd", Float),
    Column("calls", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

# What people judged, beside the scorers. Nothing here is ever changed: what a person says later
# about the same score has a higher `revision`, and the highest counts.
overrides = Table(
    "overrides",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("scorer", String(64), nullable=False),  # its key
    Column("revision", Integer, nullable=False),  # 1, 2, …
    Column("value", Float),  # None: what was said before is withdrawn
    Column("label", Text),
    Column("confidence", Float),  # how sure the person is of it, 0 to 1; None: nobody says
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),  # for people
    Column("user_id", Identifier),  # whose key it was; None: the machine's operator
    Column("key_id", Identifier),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("run_id", "position", "epoch", "scorer", "revision"),
    Index(None, "workspace_id", "id"),
)

# Heartbeats of worker processes; not a customer's data, so without a workspace.
workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", Float, nullable=False),  # seconds since 1970, by the database's clock
    Column("last_seen", Float, nullable=False),
)

# Replies of models, for evaluations that use the cache. Text and not `jsonb`, which knows no NUL
# characters and would be taken apart for nothing.
replies = Table(
    "replies",
    metadata,
    Column("workspace_id", Identifier, primary_key=True),
    Column("key", String(64), primary_key=True),  # SHA-256 of the model and the request, hex
    Column("reply", Text, nullable=False),
    Column("size", Integer, nullable=False),  # bytes of it
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=False),  # to the day
    Index(None, "last_used_at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("events", Json, nullable=False),
    Column("description", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    Column("secret", Text, nullable=False),  # needed to sign, so it cannot be a hash
    Column("old_secret", Text),
    Column("old_until", UtcDateTime),
    Column("failing_since", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
)

# What is to be told to whom: written in the transaction in which it happened, sent by whichever
# process claims it.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("webhook_id", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("run_id", Identifier),
    Column("reason", Text),
    Column("payload", Text),  # None before the first try
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("http_status", Integer),
    Column("response", Text),
    Column("error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempted_at", UtcDateTime),
    Column("next_at", UtcDateTime),  # while a process tries it: when another may
    Index(None, "state", "next_at"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("workspace_id", Identifier, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # of method, path and body
    Column("status", Integer),  # None while the first request is still being answered
    Column("body", Text),
    Column("created_at", UtcDateTime, nullable=False),
)

# Versioned data. A commit names a tree, trees name trees and contents, contents name blobs.
repositories = Table(
    "repositories",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("namespace", String(100), nullable=False),
    Column("name", String(100), nullable=False),
    Column("description", Text),
    Column("created_by", Identifier),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "namespace", "name"),
)


def _of_repository(primary_key: bool = True) -> Column[Any]:
    return Column(
        "repository_id",
        ForeignKey("repositories.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


branches = Table(
    "branches",
    metadata,
    _of_repository(),
    Column("name", String(200), primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("commit_id", Identifier, nullable=False),
    Column("moved_at", UtcDateTime, nullable=False),
)

commits = Table(
    "commits",
    metadata,
    _of_repository(),
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("key", String(100)),  # a second commit with the same key is not made
    Column("tree", Identifier),  # None: no files
    Column("generation", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("repository_id", "key"),
)

commit_parents = Table(
    "commit_parents",
    metadata,
    _of_repository(),
    Column("commit_id", Identifier, primary_key=True),
    Column("place", Integer, primary_key=True),  # 0: what it was made from, 1: what was merged in
    Column("parent_id", Identifier, nullable=False),
)

trees = Table(
    "trees",
    metadata,
    _of_repository(),
    Column("hash", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("entries", Json, nullable=False),  # [name, kind, hash, size, commit id(, told)]
)

contents = Table(
    "contents",
    metadata,
    _of_repository(),
    Column("hash", String(32), primary_key=True),  # xxh3-128
    Column("workspace_id", Identifier, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),  # names the blob
    Column("size", BigInteger, nullable=False),
    Column("frame", Json),  # format, rows and columns of a file of rows
    Column("touched_at", UtcDateTime, nullable=False),
)

# One row for each blob of versioned data, whoever names it: whoever stores or removes one holds
# its row. Not a customer's data, so without a workspace.
blobs = Table(
    "blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("touched_at", UtcDateTime, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    _of_repository(),
    Column("id", String(200), primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("name", Text),
    Column("branch", String(200), nullable=False),
    Column("commit_id", Identifier, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

draft_changes = Table(
    "draft_changes",
    metadata,
    _of_repository(),
    Column("draft_id", String(200), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("hash", String(32)),  # None: removed
    Column("numbers", Text),  # of the rows of an edited file: base and those removed, as JSON
)

# Files that come in parts. What has come lies in `uploads/<id>/` of the data folder.
uploads = Table(
    "uploads",
    metadata,
    _of_repository(primary_key=False),
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("draft_id", String(200), nullable=False),
    Column("path", Text, nullable=False),
    Column("hash", String(32), nullable=False),  # that it must come to
    Column("size", BigInteger, nullable=False),
    Column("part_size", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# Commits that are sent by whoever has a store of their own come as nodes, called by the sender's
# hashes: what came, until a commit leads to it, and then what it turned out to be.
sent_nodes = Table(
    "sent_nodes",
    metadata,
    _of_repository(),
    Column("hash", String(32), primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("kind", String(8), nullable=False),  # commit, folder, group
    Column("node", Json),  # what came; settled: names of a group that is not a whole folder
    Column("settled", Boolean, nullable=False),
    Column("tree", Identifier),  # that it turned out to be, once it is settled
    Column("touched_at", UtcDateTime, nullable=False),
)

# Runs whose answers become a column of a file in a repository.
inferences = Table(
    "inferences",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("repository_id", Identifier, nullable=False),
    Column("commit_id", Identifier, nullable=False),  # where the source file was read
    Column("path", Text, nullable=False),
    Column("request", Json, nullable=False),  # column, target, commit message, as they were settled
    Column("state", String(16), nullable=False),  # waiting, held, committed, conflict, failed
    Column("result", Json),  # path -> hash of content: what is, or would be, committed
    Column("committed_as", Identifier),
    Column("problem", Text),
    Index(None, "workspace_id", "repository_id", "run_id"),
)

# Texts that questions are written from. The file and its text are blobs, named by the file's hash.
documents = Table(
    "documents",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("categories", Json, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("size", BigInteger, nullable=False),  # of the file, in bytes
    Column("sha256", String(64), nullable=False),  # of the file
    Column("characters", BigInteger, nullable=False),  # of its text
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "id"),
)

benchmarks = Table(
    "benchmarks",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("origin", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("dataset_id", Identifier),  # a row for each question
    Column("questions", BigInteger, nullable=False),
    Column("documents", Json, nullable=False),  # ids
    Column("wanted", Integer),  # questions to be written
    Column("evaluation_id", Identifier),  # that writes them
    Column("filename", Text),
    Column("problem", Text),
    Column("created_by", Identifier),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
    Index(None, "evaluation_id"),
)

# Suites of prompts. What they are about is in `request`, as our own words have it, and in `asked`,
# as the caller's have it; a ground truth is a blob, named by its hash.
suites = Table(
    "suites",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("modality", String(8), nullable=False),
    Column("jailbreak", Boolean, nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("request", Json, nullable=False),
    Column("asked", Json, nullable=False),
    Column("truth", String(64)),  # SHA-256 of the ground truth
    Column("state", String(16), nullable=False),
    Column("evaluation_id", Identifier, index=True),  # that writes the prompts
    Column("spread", Json),
    Column("problem", Text),
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
)

# Prompts of suites; those of later turns belong to a scoring.
prompts = Table(
    "prompts",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("suite_id", ForeignKey("suites.id"), nullable=False),
    Column("scoring_id", Identifier),  # None: of the suite itself
    Column("position", BigInteger, nullable=False),
    Column("thread_id", Identifier),
    Column("turn", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("category", Text),
    Column("about", Json, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index(None, "suite_id", "scoring_id", "deleted_at", "position"),
)

# What was answered to the prompts of a suite, in batches, each of which is judged by a run.
scorings = Table(
    "scorings",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("suite_id", ForeignKey("suites.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("ai_description", Text),
    Column("examples", Json, nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("responses", BigInteger, nullable=False),
    Column("fingerprint", String(64)),  # of the request that made it, to know that one again
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
)

scoring_batches = Table(
    "scoring_batches",
    metadata,
    Column("scoring_id", ForeignKey("scorings.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("workspace_id", Identifier, nullable=False),
    Column("evaluation_id", Identifier),  # that judges the answers
    Column("run_id", Identifier, index=True),
    Column("follows_evaluation_id", Identifier, index=True),  # that writes what is said next
)

responses = Table(
    "responses",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("scoring_id", ForeignKey("scorings.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("prompt_id", Identifier, nullable=False),
    Column("thread_id", Identifier, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("position", BigInteger),  # in the run of its batch; None: it is not judged
    Column("text", Text),
    Column("file_id", Identifier),
    Column("medium", String(8), nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("excluded", Boolean, nullable=False),
    Column("continues", Boolean, nullable=False),
    Column("next_prompt_id", Identifier),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("scoring_id", "prompt_id"),
    UniqueConstraint("scoring_id", "number"),
)

suite_reports = Table(
    "suite_reports",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("scorings", Json, nullable=False),  # ids, in the order in which they were named
    Column("evaluation_id", Identifier, index=True),  # that writes it; None: nobody has to
    Column("body", Json),
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
)

# Images, videos and documents that callers hand in. The bytes are a blob, named by their hash.
assets = Table(
    "assets",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # text, image, video, document
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger),  # None: it has not come yet
    Column("sha256", String(64)),
    Column("state", String(16), nullable=False),
    Column("uri", Text),  # where it was fetched from
    Column("problem", Text),
    Column("frames", Json),  # of a video: SHA-256 of each frame's JPEG
    Column("about", Json),  # of a video: seconds, frames a second, width, height
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
)

# Keys with which links are signed; not a customer's data, so without a workspace.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("secret", Text, nullable=False),  # 256 bits, hex
    Column("created_at", UtcDateTime, nullable=False),
)

# Synthetic data. Files are blobs, named by their hash.
seed_datasets = Table(
    "seed_datasets",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("shape", String(16), nullable=False),
    Column("folders", Integer, nullable=False),
    Column("rows", BigInteger),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
    Index(None, "workspace_id", "id"),
)

seed_files = Table(
    "seed_files",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("seeds_id", ForeignKey("seed_datasets.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # 0-based order in which they came
    Column("path", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    UniqueConstraint("seeds_id", "number"),
)

data_specs = Table(
    "data_specs",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("seeds_id", Identifier),
    Column("seeds_name", Text),
    Column("shape", String(16), nullable=False),
    Column("params", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("problem", Text),
    Column("evaluation_id", Identifier, index=True),  # that proposes it
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "id"),
)

data_spec_versions = Table(
    "data_spec_versions",
    metadata,
    Column("spec_id", ForeignKey("data_specs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, …
    Column("workspace_id", Identifier, nullable=False),
    Column("content", Text, nullable=False),  # YAML
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

productions = Table(
    "productions",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("spec_id", Identifier, nullable=False, index=True),
    Column("spec_name", Text, nullable=False),
    Column("spec_version", Integer, nullable=False),
    Column("seeds_id", Identifier),
    Column("seeds_name", Text),
    Column("shape", String(16), nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("params", Json, nullable=False),
    Column("evaluation_id", Identifier, nullable=False, index=True),
    Column("run_id", Identifier, nullable=False, index=True),
    Column("files", Integer, nullable=False),  # how many were made
    Column("problem", Text),
    Column("archive", Json),  # of all files: sha256, size, state
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
)

made_files = Table(
    "made_files",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", Identifier, nullable=False),
    Column("production_id", ForeignKey("productions.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # 0-based, in the order of samples
    Column("path", Text, nullable=False),
    Column("sample", Integer),  # None: of all
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    UniqueConstraint("production_id", "number"),
)

inspections = Table(
    "inspections",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("production_id", Identifier, nullable=False, index=True),
    Column("model", Text, nullable=False),
    Column("evaluation_id", Identifier, nullable=False, index=True),
    Column("run_id", Identifier, nullable=False, index=True),
    Column("result", Json),
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "id"),
)

red_team_specs = Table(
    "red_team_specs",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("application", Text, nullable=False),
    Column("concerns", Text),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
    Index(None, "workspace_id", "id"),
)

red_team_runs = Table(
    "red_team_runs",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("spec_id", Identifier, nullable=False, index=True),
    Column("model", Text, nullable=False),
    Column("behaviors", Integer, nullable=False),
    Column("prompts", Integer, nullable=False),  # for each behaviour
    Column("evaluation_id", Identifier, index=True),
    Column("run_id", Identifier, index=True),
    Column("result", Json),
    Column("problem", Text),
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "id"),
)

# Judges with several dimensions, and what they said of answers that were sent to them.
judges = Table(
    "judges",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("project", Text),
    Column("versions", Json, nullable=False),  # number, model, dimensions; oldest first
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "name"),
    Index(None, "workspace_id", "id"),
)

judge_evaluations = Table(
    "judge_evaluations",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("judge_id", ForeignKey("judges.id", ondelete="CASCADE"), nullable=False),
    Column("judge_version", Integer, nullable=False),
    Column("source", String(16), nullable=False),
    Column("model", Text, nullable=False),
    Column("request", Json, nullable=False),
    Column("verdict", Json),
    Column("error", Text),
    Column("latency_ms", Integer, nullable=False),
    Column("usage", Json, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "judge_id", "id"),
)

anonymizations = Table(
    "anonymizations",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("seeds_id", Identifier, nullable=False),
    Column("seeds_name", Text, nullable=False),
    Column("request", Json, nullable=False),
    Column("evaluation_id", Identifier, index=True),
    Column("run_id", Identifier, index=True),
    Column("result", Json),
    Column("files", Json, nullable=False),
    Column("problem", Text),
    Column("door", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "workspace_id", "id"),
)
