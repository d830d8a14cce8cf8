"""Benchmarks of a workspace: named sets of questions with answers, and the documents that they may
be written from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was taken in.

    Attributes:
        name: the file's, or as whoever sent it calls it.
        categories: words that somebody sorts it by.
        kind: what the file was: one of `documents.reading.KINDS`.
        size: of the file, in bytes. sha256: of the file, 64 hexadecimal digits.
        characters: of its text.
    """

    id: str
    workspace_id: str
    name: str
    categories: tuple[str, ...]
    kind: str
    size: int
    sha256: str
    characters: int
    created_at: datetime


class Origin(StrEnum):
    """Where the questions of a benchmark come from."""

    UPLOADED = "uploaded"
    GENERATED = "generated"


class BenchmarkState(StrEnum):
    """Whether there are questions."""

    WRITING = "writing"
    """a model is writing them"""
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named set of questions with answers.

    Attributes:
        state: `ready` at once for what was uploaded.
        dataset_id: the data set with a row for each question; None: there is none (yet).
        questions: how many there are.
        documents: ids of those that it is about.
        wanted: how many questions were to be written; None: it was uploaded.
        evaluation_id: the evaluation that writes the questions; None: it was uploaded.
        filename: of the upload.
        problem: why there are no questions, or fewer than were wanted.
        finished_at: when there were questions, or it was clear that there will be none.
    """

    id: str
    workspace_id: str
    name: str
    description: str | None
    origin: Origin
    state: BenchmarkState
    dataset_id: str | None
    questions: int
    documents: tuple[str, ...]
    wanted: int | None
    evaluation_id: str | None
    filename: str | None
    problem: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
