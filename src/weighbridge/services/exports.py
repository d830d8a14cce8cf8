"""A run's outcomes as a file: jsonl, csv or parquet, streamed with constant memory."""

import csv
import importlib
import io
from collections.abc import AsyncIterator, Collection
from enum import StrEnum
from typing import Any

import orjson

from weighbridge.core.outcome import Scored
from weighbridge.core.review import Override
from weighbridge.core.run import Run
from weighbridge.services.outcomes import Outcomes, OutcomeView
from weighbridge.store.outcomes import failure_to_json, outcome_to_json

_CHUNK_ROWS = 500


class Format(StrEnum):
    """File formats of an export."""

    JSONL = "jsonl"
    """one outcome a line, nested as the API shows it"""
    CSV = "csv"
    """one outcome a row; inputs and scores as columns of their own"""
    PARQUET = "parquet"
    """the columns of csv, typed"""


MEDIA_TYPES = {
    Format.JSONL: "application/x-ndjson",
    Format.CSV: "text/csv; charset=utf-8",
    Format.PARQUET: "application/vnd.apache.parquet",
}


def outcome_object(view: OutcomeView) -> dict[str, Any]:
    """An outcome as the API shows it and `jsonl` writes it."""
    record = view.record
    answer = record.answer
    return {
        "case_id": record.case_id,
        "position": record.position,
        "epoch": record.epoch,
        "status": record.status.value,
        "inputs": view.inputs,
        "answer": answer.text if answer else None,
        "finish_reason": answer.finish_reason if answer else None,
        "details": answer.details if answer else None,
        "scores": {
            key: outcome_to_json(outcome) | _said(view.overrides.get(key))
            for key, outcome in record.outcomes.items()
        },
        "error": failure_to_json(record.failure) if record.failure else None,
        "latency_s": answer.latency_s if answer else None,
        "usage": {
            "input_tokens": record.usage.input_tokens,
            "output_tokens": record.usage.output_tokens,
            "cost_usd": record.usage.cost_usd,
            "calls": record.usage.calls,
            "cached": record.usage.cached,
        },
    }


def flat_columns(
    columns: tuple[str, ...], scorers: tuple[str, ...], overridden: Collection[str] = ()
) -> list[str]:
    """The names of the columns of a flat row, in order.

    Args:
        overridden: those of the scorers about which people have said something; they have more
            columns.
    """
    scores = []
    for key in scorers:
        scores += [f"score.{key}", f"score.{key}.label"]
        if key in overridden:
            scores += [f"score.{key}.override{part}" for part in _OF_OVERRIDES]
    return [
        *("case_id", "position", "epoch", "status"),
        *(f"input.{column}" for column in columns),
        "answer",
        *scores,
        *("error", "latency_s", "input_tokens", "output_tokens", "cost_usd", "calls", "cached"),
    ]


def flat_row(
    view: OutcomeView,
    columns: tuple[str, ...],
    scorers: tuple[str, ...],
    overridden: Collection[str] = (),
) -> dict[str, Any]:
    """An outcome as one flat row: `input.<column>`, `score.<scorer>`, `score.<scorer>.label`, and
    what people said as `score.<scorer>.override`."""
    record = view.record
    answer = record.answer
    row: dict[str, Any] = {
        "case_id": record.case_id,
        "position": record.position,
        "epoch": record.epoch,
        "status": record.status.value,
    }
    for column in columns:
        row[f"input.{column}"] = _cell(view.inputs.get(column))
    row["answer"] = answer.text if answer else None
    for key in scorers:
        outcome = record.outcomes.get(key)
        scored = outcome if isinstance(outcome, Scored) else None
        row[f"score.{key}"] = scored.value if scored else None
        row[f"score.{key}.label"] = scored.label if scored else None
        if key in overridden:
            said = view.overrides.get(key)
            for part, name in _OF_OVERRIDES.items():
                row[f"score.{key}.override{part}"] = getattr(said, name, None)
    row["error"] = f"{record.failure.kind}: {record.failure.message}" if record.failure else None
    row["latency_s"] = answer.latency_s if answer else None
    row["input_tokens"] = record.usage.input_tokens
    row["output_tokens"] = record.usage.output_tokens
    row["cost_usd"] = record.usage.cost_usd
    row["calls"] = record.usage.calls
    row["cached"] = record.usage.cached
    return row


# Column's ending → attribute of the override.
_OF_OVERRIDES = {"": "value", ".label": "label", ".reason": "reason", ".author": "author"}


def _said(override: Override | None) -> dict[str, Any]:
    if override is None:
        return {}
    return {
        "override": {
            "value": override.value,
            "label": override.label,
            "reason": override.reason,
            "author": override.author,
            "at": override.created_at.isoformat(),
        }
    }


class Exports:
    """Exports of runs.

    Args:
        outcomes: where they come from.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes

    async def stream(
        self, run: Run, scorers: tuple[str, ...], file_format: Format
    ) -> AsyncIterator[bytes]:
        """The file, piece by piece.

        Args:
            scorers: keys of the evaluation's scorers, in order: columns of the flat formats.
        """
        if file_format is Format.JSONL:
            async for views in self._chunks(run):
                yield b"".join(orjson.dumps(outcome_object(view)) + b"\n" for view in views)
            return
        columns = await self._outcomes.columns(run)
        overridden = await self._outcomes.scorers_overridden(run)
        if file_format is Format.CSV:
            async for piece in self._csv(run, columns, scorers, overridden):
                yield piece
            return
        # pyarrow costs a third of a second to import, and most exports do not need it.
        parquet = importlib.import_module("weighbridge.services.parquet")
        writer = parquet.Writer(flat_columns(columns, scorers, overridden), scorers)
        async for views in self._chunks(run):
            yield writer.add([flat_row(view, columns, scorers, overridden) for view in views])
        yield writer.finish()

    async def _csv(
        self,
        run: Run,
        columns: tuple[str, ...],
        scorers: tuple[str, ...],
        overridden: Collection[str],
    ) -> AsyncIterator[bytes]:
        text = io.StringIO()
        writer = csv.DictWriter(text, flat_columns(columns, scorers, overridden))
        writer.writeheader()
        async for views in self._chunks(run):
            writer.writerows(flat_row(view, columns, scorers, overridden) for view in views)
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
        yield text.getvalue().encode()

    async def _chunks(self, run: Run) -> AsyncIterator[list[OutcomeView]]:
        chunk: list[OutcomeView] = []
        async for view in self._outcomes.stream(run):
            chunk.append(view)
            if len(chunk) == _CHUNK_ROWS:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
