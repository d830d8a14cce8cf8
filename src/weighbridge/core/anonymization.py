"""Anonymisations: seeds with the personal data in them masked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from weighbridge.core.json import JsonObject


class Detection(StrEnum):
    """Who finds personal data."""

    LOCAL = "pii_m1"
    """patterns with checksums, and the names of columns and fields"""
    MODEL = "llm"
    """a model"""
    ALL = "all"
    """both"""


@dataclass(frozen=True, slots=True)
class AnonymizationRequest:
    """What is asked for.

    Attributes:
        detection: who finds personal data.
        types: that are looked for, as the caller calls them.
        model: that finds it; None: none does.
        masks: type → how it is masked; see `synthesis.masking.Masks`.
        threshold: entities that are less sure, 0 to 1, stay.
        key: hexadecimal, of the hashes that masks may make; it is never shown.
    """

    detection: Detection
    types: tuple[str, ...]
    model: str | None
    masks: Mapping[str, str]
    threshold: float
    key: str


@dataclass(frozen=True, slots=True)
class AnonymizedFile:
    """A file that was written.

    Attributes:
        id: `afile_…`.
        path: as among the seeds. media_type: as there. size: bytes. sha256: also names its blob.
    """

    id: str
    path: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Anonymization:
    """An anonymisation.

    Attributes:
        id: `anon_…`.
        evaluation_id, run_id: what finds the personal data.
        result: what was found, see `jobs.anonymizing`; None: it has not ended well.
        archive: the ZIP of all files, by hash and size; None: there is none.
        problem: why it has failed.
        finished_at: None: it has not.
    """

    id: str
    workspace_id: str
    seeds_id: str
    seeds_name: str
    request: AnonymizationRequest
    evaluation_id: str
    run_id: str
    result: JsonObject | None
    files: tuple[AnonymizedFile, ...]
    archive: AnonymizedFile | None
    problem: str | None
    door: str
    author: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
