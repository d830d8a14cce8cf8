"""How samples are made, and what comes of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from weighbridge.core.json import JsonObject
from weighbridge.core.run import Run
from weighbridge.core.synthesis import Production

REVISIONS = ("coherence_flow", "consistency", "distinguishability", "conformance")
"""What drafts are revised for."""
FILTERS = ("structural", "conformance")
"""What samples must pass, or they are made again."""
TOOLS = ("calculator",)
SHUFFLING = ("none", "sample", "field", "prompt")
"""How often other examples are chosen: never, or for each sample, field or prompt."""
ROLES = ("generation", "outline", "revision")
"""What models do, each of which may be another one."""


@dataclass(frozen=True, slots=True)
class Making:
    """How samples are made.

    Attributes:
        model: that writes; None: nobody, samples are put together out of rows of the seeds.
        outline_model: that plans; None: `model`.
        revision_model: that revises, and says whether samples conform; None: `model`.
        thinking: role → tokens that its model may think for; one of `ROLES` each.
        revisions: some of `REVISIONS`. filters: some of `FILTERS`. tools: some of `TOOLS`.
        cycles: how often a draft is revised at most.
        skip_outline: whether a draft is written at once, without a plan and not part by part.
        shuffling: one of `SHUFFLING`.
        examples: the most seeds that are shown at once; None: as many as fit.
        unified: whether all fields of a row, or files of a folder, are written by one call.
        seed: of all that is drawn.
    """

    model: str | None = None
    outline_model: str | None = None
    revision_model: str | None = None
    thinking: Mapping[str, int] = field(default_factory=dict)
    revisions: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    cycles: int = 1
    skip_outline: bool = False
    shuffling: str = "sample"
    examples: int | None = None
    unified: bool = True
    seed: int = 0

    def name_of(self, role: str) -> str | None:
        """The model that has a role of `ROLES`."""
        named = {"outline": self.outline_model, "revision": self.revision_model}
        return named.get(role) or self.model


def making_to_json(making: Making) -> JsonObject:
    """How it is kept."""
    return asdict(making)


def making_of(production: Production) -> Making:
    """How the samples of a production are made, as `making_to_json` has kept it."""
    params: Mapping[str, Any] = production.params
    kept = params["making"]
    lists = {name: tuple(kept[name]) for name in ("revisions", "filters", "tools")}
    return Making(**{**kept, **lists})


@dataclass(frozen=True, slots=True)
class ProductionView:
    """A production, and the run that makes its samples: how far it is, and what it cost."""

    production: Production
    run: Run


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample that was made.

    Attributes:
        number: 0-based; `name`: `sample_1` for the first.
        tags: property → the value that was drawn for it.
        files: path below the sample → text, in order; of a sample that is a file it has the name of
            the file. None for a row.
        row: of a table; None: it is made of files.
    """

    number: int
    name: str
    tags: Mapping[str, str]
    files: tuple[tuple[str, str], ...]
    row: JsonObject | None

    @property
    def text(self) -> str:
        """The text of its only file."""
        return self.files[0][1]


@dataclass(frozen=True, slots=True)
class Archive:
    """All files of a production in a ZIP.

    Attributes:
        sha256, size: of the ZIP; None: it is being made.
        problem: why it could not be made; None: it could, or that is not known yet.
    """

    sha256: str | None
    size: int | None
    problem: str | None = None
