"""Synthetic data: seeds, what is to be made like them, samples, and how well they conform.

Seeds are files that somebody hands in. A blueprint says which properties samples have, which values
these take and how often; it is proposed from seeds, or from objectives alone, and may be edited. A
production makes samples by a blueprint, and an inspection finds out which values they show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from weighbridge.core.json import JsonObject


class Shape(StrEnum):
    """What files make up one sample."""

    SINGLE_FILE = "SINGLE_FILE"
    """one file holds all samples, a row each"""
    MULTI_FILE = "MULTI_FILE"
    """each file is a sample"""
    MULTI_FOLDER = "MULTI_FOLDER"
    """each folder of files is a sample"""


@dataclass(frozen=True, slots=True)
class SeedFile:
    """A file of seeds.

    Attributes:
        id: `sfile_…`.
        path: below the seeds: `name.txt`, or `folder/name.txt`.
        media_type: by its extension. size: bytes. sha256: also names its blob.
    """

    id: str
    path: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Seeds:
    """Files to learn from.

    Attributes:
        id: `seeds_…`.
        name: unique in the workspace.
        files: in the order in which they came.
        folders: how many folders they lie in; 0 without folders.
        rows: of a single file; None: they are not counted.
    """

    id: str
    workspace_id: str
    name: str
    description: str | None
    shape: Shape
    files: tuple[SeedFile, ...]
    folders: int
    rows: int | None
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """How often values occur where other properties have certain values.

    Attributes:
        when: property → value; all of them must hold.
        shares: value → percent, 0 to 100, adding up to 100.
    """

    when: Mapping[str, str]
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Property:
    """A property of samples.

    Attributes:
        values: that it may take, at least one, in their order.
        shares: value → percent, 0 to 100, adding up to 100.
        conditions: the first that holds takes the place of `shares`.
    """

    name: str
    values: tuple[str, ...]
    shares: Mapping[str, float]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What samples are to be like.

    Attributes:
        description: what a sample is.
        requirements: what every sample must satisfy; empty: nothing.
        properties: conditions of one look only at properties before it.
        more: what else stands in the YAML and is kept as it is.
    """

    description: str
    requirements: str
    properties: tuple[Property, ...]
    more: JsonObject = field(default_factory=dict)


class SpecState(StrEnum):
    """Where a spec is."""

    PROCESSING = "PROCESSING"
    """its blueprint is being proposed"""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class DataSpec:
    """A blueprint with its name, its origin and its versions.

    Attributes:
        id: `dspec_…`.
        seeds_id: what it was proposed from; None: from objectives alone.
        seeds_name, shape: of the seeds; without seeds samples are files of text.
        params: as it was asked for: `objectives`, `model`, `distributions`, `conditionals`,
            `extrapolate_values`, `extrapolate_axes`.
        version: the newest, 1, 2, …; 0: there is none yet.
        content: YAML of the newest version; None: there is none yet.
        evaluation_id: the evaluation that proposes it; None: nobody has to.
    """

    id: str
    workspace_id: str
    name: str
    description: str | None
    seeds_id: str | None
    seeds_name: str | None
    shape: Shape
    params: JsonObject
    state: SpecState
    problem: str | None
    version: int
    content: str | None
    evaluation_id: str | None
    door: str
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SpecVersion:
    """A version of a blueprint, as YAML."""

    number: int
    content: str
    author: str
    created_at: datetime


class ProductionState(StrEnum):
    """Where a production, an inspection or the like is, as its run says."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True)
class Production:
    """Samples that are made by a blueprint.

    Attributes:
        id: `prod_…`.
        spec_version: whose blueprint.
        wanted: how many samples.
        params: how they are made, see `services.productions`.
        evaluation_id, run_id: what makes them.
        files: how many were made, once it has ended.
    """

    id: str
    workspace_id: str
    spec_id: str
    spec_name: str
    spec_version: int
    seeds_id: str | None
    seeds_name: str | None
    shape: Shape
    wanted: int
    params: JsonObject
    evaluation_id: str
    run_id: str
    files: int
    problem: str | None
    door: str
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that a production made.

    Attributes:
        id: `mfile_…`.
        path: `sample_1.txt`, `sample_1/letter.md`, `samples.csv`, …
        sample: 0-based number of the sample it belongs to; None: to all.
        media_type: by its extension. size: bytes. sha256: also names its blob.
    """

    id: str
    path: str
    sample: int | None
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What samples of a production show, beside what they should.

    Attributes:
        id: `insp_…`.
        model: who looks; the judge's name.
        evaluation_id, run_id: what looks at them.
        result: score, interval, distributions, tests, duplicates…, once it has ended.
    """

    id: str
    workspace_id: str
    production_id: str
    model: str
    evaluation_id: str
    run_id: str
    result: JsonObject | None
    door: str
    author: str
    created_at: datetime
    updated_at: datetime


def sample_name(number: int) -> str:
    """How the sample with this 0-based number is called."""
    return f"sample_{number + 1}"
