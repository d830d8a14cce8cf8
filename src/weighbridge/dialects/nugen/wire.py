"""Shapes of this dialect. Keys are all there always: clients index them directly."""

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from weighbridge.core.benchmark import Benchmark, BenchmarkState, Document

CREATED = "Evaluation created successfully and queued for execution"

FORMATS = {
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "csv": "csv",
    "tsv": "tsv",
    "parquet": "parquet",
    "arrow": "arrow",
}
"""Extension of a file of questions → its format."""

BENCHMARK_STATUS = {
    BenchmarkState.WRITING: "PROCESSING",
    BenchmarkState.READY: "READY",
    BenchmarkState.FAILED: "FAILED",
}


class CreateEvaluation(BaseModel):
    """The request, with the names of all three generations."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model_id: str = Field(min_length=1, max_length=500)
    benchmark_id: str = Field(min_length=1, max_length=200)
    model_id_2: str | None = Field(
        None, max_length=500, validation_alias=AliasChoices("model_id_2", "baseline_model_id")
    )
    custom_metrics: dict[str, JsonValue] | list[JsonValue] | None = None
    name: str | None = Field(
        None, max_length=200, validation_alias=AliasChoices("evaluation_name", "name")
    )
    judge_provider: str | None = Field(None, max_length=500)


class CreateBenchmark(BaseModel):
    """A benchmark that is to be written, with the names of all generations."""

    model_config = ConfigDict(extra="ignore")

    documents: list[str] = Field(
        max_length=1_000, validation_alias=AliasChoices("documents", "document_ids")
    )
    num_questions: int = Field(
        10, strict=True, validation_alias=AliasChoices("num_questions", "n_samples")
    )
    name: str | None = Field(
        None, max_length=200, validation_alias=AliasChoices("benchmark_name", "name")
    )


EVALUATION = TypeAdapter(CreateEvaluation)
BENCHMARK = TypeAdapter(CreateBenchmark)


def extension(filename: str) -> str:
    """Without the dot, in small letters."""
    return PurePosixPath(filename).suffix.removeprefix(".").lower()


def moment(when: datetime | None) -> str | None:
    """ISO 8601 with microseconds and without a zone, in UTC: as the vendor writes it."""
    if when is None:
        return None
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def document(it: Document) -> dict[str, Any]:
    """A document. It is read while it is taken in, so it is always ready."""
    return {
        "document_id": it.id,
        "id": it.id,
        "name": it.name,
        "filename": it.name,
        "status": "READY",
        "categories": list(it.categories),
        "type": it.kind,
        "size": it.size,
        "characters": it.characters,
        "created_at": moment(it.created_at),
        "updated_at": moment(it.created_at),
        "error": None,
    }


def benchmark(it: Benchmark) -> dict[str, Any]:
    """A benchmark in a list."""
    return {
        "id": it.id,
        "benchmark_id": it.id,
        "benchmark_name": it.name,
        "status": BENCHMARK_STATUS[it.state],
        "documents": list(it.documents),
        "num_questions": it.questions if it.questions else it.wanted or 0,
        "created_at": moment(it.created_at),
        "updated_at": moment(it.updated_at),
    }


def benchmark_status(it: Benchmark) -> dict[str, Any]:
    """How far the writing of a benchmark is."""
    return {
        "benchmark_id": it.id,
        "benchmark_name": it.name,
        "status": BENCHMARK_STATUS[it.state],
        "start_time": moment(it.created_at),
        "end_time": moment(it.finished_at),
        "error": it.problem,
    }


def benchmark_data(it: Benchmark, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A benchmark with its questions."""
    return {
        "benchmark_id": it.id,
        "benchmark_name": it.name,
        "status": BENCHMARK_STATUS[it.state],
        "s3_key": None,
        "s3_url": None,
        "document_ids": list(it.documents),
        "num_questions": it.questions,
        "questions": [question(row) for row in rows],
        "created_at": moment(it.created_at),
        "updated_at": moment(it.updated_at),
        "source": it.origin.value,
        "metadata": {
            "type": it.origin.value,
            "name": it.name,
            "description": it.description,
            "original_filename": it.filename,
        },
        "error": it.problem,
    }


def question(row: dict[str, Any]) -> dict[str, Any]:
    """One question."""
    return {
        "question_num": row.get("question_num"),
        "question": row.get("question"),
        "answer": row.get("answer"),
        "image_url": row.get("image_url"),
    }


def confidence(score: float | None) -> dict[str, Any]:
    """How sure a model is of a choice, beside it: 0 to 1, None where it is not known."""
    return {"confidence_score": score}
