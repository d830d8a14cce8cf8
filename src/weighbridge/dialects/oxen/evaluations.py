"""Evaluations as this dialect has them, and as ours."""

import mimetypes
from typing import Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictBool, TypeAdapter

from weighbridge.core.ids import id_of, uuid_of
from weighbridge.core.inference import Inference, InferenceState
from weighbridge.core.prompt import Template, value_at, without_columns
from weighbridge.core.run import Run, RunState
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.versions import Located, Repository
from weighbridge.datasets.rows import Row
from weighbridge.dialects.oxen import wire
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.identity import model_uuid
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.store.evaluations import StoredEvaluation

KEPT = "oxen"
"""Where an evaluation keeps what this dialect said of it, among its metadata."""

_LEAST_IN_FLIGHT = 64
_MOST_IN_FLIGHT = 4_096
_LARGEST_BATCH = 100_000
_LISTED_COLUMNS = 30

STATUS: dict[RunState, str] = {
    RunState.QUEUED: "queued",
    RunState.RUNNING: "running",
    RunState.DELIVERING: "committing",
    RunState.SUCCEEDED: "completed",
    RunState.FAILED: "errored",
    RunState.CANCELLED: "cancelled",
}


class CreateEvaluation(BaseModel):
    """The request, by the vendor's names; `model` and `type` are those of 2024.

    Attributes:
        batch_size: so many rows are asked at once; a small one is no limit on the rows in flight.
    """

    model_config = ConfigDict(extra="ignore")

    prompt: str = Field(min_length=1)
    input_type: Literal["text", "image", "video"] = Field(
        validation_alias=AliasChoices("input_type", "type")
    )
    output_type: Literal["text", "image", "video", "embeddings"] = "text"
    model_id: str = Field(
        min_length=1, max_length=500, validation_alias=AliasChoices("model_id", "model")
    )
    target_column: str = Field(min_length=1, max_length=1_000)
    name: str | None = Field(None, max_length=200)
    is_sample: StrictBool = False
    sample_count: int = Field(10, ge=1, le=10**12, strict=True)
    batch_size: int = Field(10, ge=1, le=_LARGEST_BATCH, strict=True)
    auto_commit: StrictBool = False
    commit_message: str | None = Field(None, max_length=10_000)
    target_branch: str | None = Field(None, max_length=200)
    target_path: str | None = Field(None, max_length=1_000)


REQUEST = TypeAdapter(CreateEvaluation)


def required_fields(body: Any) -> None:
    """Fields that the newer form of the request needs.

    Raises:
        InvalidFields: `output_type` is missing where the older form is not used.
    """
    if isinstance(body, dict) and "output_type" not in body and "type" not in body:
        raise InvalidFields(
            [FieldProblem("output_type", "one of text, image, video and embeddings is needed")]
        )


def to_spec(
    wanted: CreateEvaluation,
    repository: Repository,
    at: Located,
    examples: list[Row],
    catalog: Catalog,
) -> EvaluationSpec:
    """Our evaluation for a request.

    Args:
        at: branch or commit, and the file.
        examples: the first rows of the file, by which the columns with images are told.

    Raises:
        InvalidFields: something is wrong with it.
    """
    spec: dict[str, Any] = {
        "name": wanted.name or f"{wanted.target_column} of {at.path}"[:200],
        "data": f"{repository.address}@{at.revision}:{at.path}",
        "model": model_name(wanted.model_id, catalog),
        "output": wanted.output_type,
        "concurrency": min(_MOST_IN_FLIGHT, max(_LEAST_IN_FLIGHT, wanted.batch_size)),
        "deliver": {
            "column": wanted.target_column,
            "branch": wanted.target_branch or None,
            "path": wanted.target_path or None,
            "commit": wanted.auto_commit,
            "message": wanted.commit_message or None,
        },
        "metadata": {KEPT: wanted.model_dump()},
    }
    if wanted.is_sample:
        spec["limit"] = wanted.sample_count
    if wanted.input_type == "text":
        spec["prompt"] = wanted.prompt
    else:
        columns = media_columns(wanted.prompt, wanted.input_type, examples)
        spec["messages"] = [
            {
                "role": "user",
                "content": without_columns(wanted.prompt, columns),
                f"{wanted.input_type}s": [f"{{{column}}}" for column in columns],
            }
        ]
    return _renamed(spec)


def _renamed(spec: dict[str, Any]) -> EvaluationSpec:
    """The spec; what is wrong with it is said of the vendor's fields."""
    try:
        return parse_spec(spec)
    except InvalidFields as error:
        raise InvalidFields([renamed(problem) for problem in error.problems]) from error


_NAMES = {
    "deliver.column": "target_column",
    "deliver.branch": "target_branch",
    "deliver.path": "target_path",
    "deliver.message": "commit_message",
    "model": "model_id",
    "output": "output_type",
    "limit": "sample_count",
    "messages.0.content": "prompt",
    "data": "resource",
}


def renamed(problem: FieldProblem) -> FieldProblem:
    """A problem of a field of ours, as one of the vendor's."""
    return FieldProblem(_NAMES.get(problem.field, problem.field), problem.message)


def model_name(asked: str, catalog: Catalog, field: str = "model_id") -> str:
    """The model that a UUID or name means.

    Args:
        field: where it was asked for.

    Raises:
        InvalidFields: there is none.
    """
    try:
        wanted = UUID(asked)
    except ValueError:
        return asked
    by_uuid = {model_uuid(row.name): row.name for row in catalog.list()}
    if wanted in by_uuid:
        return by_uuid[wanted]
    names = ", ".join(row.name for row in catalog.list() if row.usable)
    raise InvalidFields(
        [FieldProblem(field, f"no model has the id {asked}; these can be named: {names}")]
    )


def media_columns(prompt: str, medium: str, examples: list[Row]) -> list[str]:
    """The columns of a prompt that hold images or videos: the only one, or those whose first
    values look like it.

    Raises:
        InvalidFields: it cannot be told, no such column is there, or the prompt is no template.
    """
    try:
        columns = list(Template(prompt).columns)
    except ValueError as error:
        raise InvalidFields([FieldProblem("prompt", str(error))]) from error
    if not columns:
        message = f"names no column; the one that holds the {medium} is needed, as {{column}}"
        raise InvalidFields([FieldProblem("prompt", message)])
    values = {column: [_value(row, column) for row in examples] for column in columns}
    for column, held in values.items():
        if held and all(value is _NOWHERE for value in held):
            raise InvalidFields([FieldProblem("prompt", _no_column(column, examples))])
    found = [
        column for column, held in values.items() if any(_looks(medium, value) for value in held)
    ]
    if found or len(columns) == 1 or not examples:
        return found or columns
    listed = ", ".join(columns)
    message = f"none of the columns {listed} holds what looks like the path of a {medium}"
    raise InvalidFields([FieldProblem("prompt", message)])


_NOWHERE = object()


def _value(row: Row, column: str) -> object:
    try:
        return value_at(row, column)
    except KeyError:
        return _NOWHERE


def _no_column(column: str, examples: list[Row]) -> str:
    names = list(dict.fromkeys(name for row in examples for name in row))
    listed = ", ".join(f"`{name[:80]}`" for name in names[:_LISTED_COLUMNS])
    hint = did_you_mean(column, names)
    return f"names the column `{column[:80]}`, which is not there{hint} (columns: {listed})"


def _looks(medium: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    if value.startswith(f"data:{medium}/"):
        return True
    kind = mimetypes.guess_type(value.partition("?")[0])[0] or ""
    return kind.startswith(f"{medium}/")


def evaluation_id(run_id: str) -> str:
    """A run's id as this dialect has it."""
    return str(uuid_of(run_id))


def run_id(evaluation_id_: str) -> str:
    """The run behind an id.

    Raises:
        NotFound: it is no id.
    """
    try:
        return id_of("run", UUID(evaluation_id_))
    except ValueError as error:
        raise NotFound(f"there is no evaluation {evaluation_id_[:80]!r}") from error


def shown(
    run: Run,
    stored: StoredEvaluation,
    inference: Inference,
    author: str | None,
    model: dict[str, Any] | None,
) -> dict[str, Any]:
    """An evaluation, with every field that the vendor has."""
    kept = stored.spec.get("metadata", {}).get(KEPT, {})
    usage, status = run.usage, _status(run, inference)
    ended = wire.moment(run.finished_at) if run.finished_at else None
    return {
        "id": evaluation_id(run.id),
        "name": stored.name,
        "status": status,
        "prompt": kept.get("prompt") or stored.spec.get("prompt"),
        "input_type": kept.get("input_type", "text"),
        "output_type": stored.spec.get("output", "text"),
        "is_sample": "limit" in stored.spec,
        "sample_count": kept.get("sample_count", stored.spec.get("limit", 10)),
        "model": model,
        "progress": {"processed": run.progress.done, "total": run.progress.total},
        "prompt_tokens_used": usage.input_tokens,
        "completion_tokens_used": usage.output_tokens,
        "tokens_used": usage.input_tokens + usage.output_tokens,
        "credits_used": usage.cost_usd or 0.0,
        "error_message": _problem(run, inference),
        "created_by": None
        if stored.created_by is None
        else {"id": stored.created_by, "username": author, "name": author, "image": None},
        "repository_id": inference.repository_id,
        "resource": {"path": inference.path, "version": inference.commit_id},
        "target_branch": inference.branch,
        "target_path": inference.target_path,
        "target_column": inference.column,
        "inserted_at": wire.moment(run.created_at),
        "started_at": wire.moment(run.started_at) if run.started_at else None,
        "completed_at": ended if status in {"completed", "errored"} else None,
        "cancelled_at": ended if status == "cancelled" else None,
        # Ours: whether the column is on its branch, and as which commit.
        "commit_status": inference.state.value,
        "commit_id": inference.committed_as,
    }


def _status(run: Run, inference: Inference) -> str:
    """A conflict that somebody has settled by committing to another branch is none any more."""
    if _settled(run, inference):
        return STATUS[RunState.SUCCEEDED]
    return STATUS[run.state]


def _settled(run: Run, inference: Inference) -> bool:
    return (
        run.state is RunState.FAILED
        and inference.state is InferenceState.COMMITTED
        and run.reason == inference.problem
    )


def _problem(run: Run, inference: Inference) -> str | None:
    """What went wrong, rows without an answer included; that somebody cancelled it is no error."""
    if run.state is RunState.CANCELLED or _settled(run, inference):
        return None
    return run.reason


def refused(error: Invalid) -> Invalid:
    """An error of ours in the vendor's words for fields."""
    if isinstance(error, InvalidFields):
        return InvalidFields([renamed(problem) for problem in error.problems])
    return error
