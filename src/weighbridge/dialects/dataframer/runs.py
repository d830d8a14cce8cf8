"""Generation runs in the vendor's words."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, TypeAdapter

from weighbridge.core.production import FILTERS, REVISIONS, Making, ProductionView, making_of
from weighbridge.core.run import RunState
from weighbridge.core.synthesis import MadeFile, Production
from weighbridge.dialects.dataframer.access import read_id, shown_id
from weighbridge.dialects.dataframer.wire import STATUS, moment
from weighbridge.errors import FieldProblem, InvalidFields

_FIELDS = {
    "wanted": "number_of_samples",
    "version": "spec_version",
    "model": "generation_model",
    "revisions": "revision_types",
    "filters": "filtering_types",
    "cycles": "max_revision_cycles",
    "shuffling": "seed_shuffling_level",
    "examples": "max_examples_in_prompt",
    "thinking.generation": "generation_thinking_budget",
    "thinking.outline": "outline_thinking_budget",
    "thinking.revision": "revision_thinking_budget",
}
"""Our fields → the vendor's, where they differ."""

_Name = Annotated[StrictStr, Field(min_length=1, max_length=500)]
_Names = Annotated[list[StrictStr], Field(max_length=100)]


class RunBody(BaseModel):
    """What a run is made of; null says as little as a field that is left out."""

    model_config = ConfigDict(frozen=True)

    spec_id: StrictStr
    number_of_samples: StrictInt
    spec_version: StrictInt | None = None
    generation_model: _Name | None = None
    generation_thinking_budget: StrictInt | None = None
    outline_model: _Name | None = None
    outline_thinking_budget: StrictInt | None = None
    revision_model: _Name | None = None
    revision_thinking_budget: StrictInt | None = None
    revision_types: _Names | None = None
    filtering_types: _Names | None = None
    max_revision_cycles: StrictInt | None = None
    skip_outline: StrictBool | None = None
    tools: _Names | None = None
    seed_shuffling_level: StrictStr | None = None
    max_examples_in_prompt: StrictInt | None = None
    unified_multifield: StrictBool | None = None
    enable_revisions: StrictBool | None = None

    def making(self, *, seeded: bool) -> Making:
        """How samples are made.

        Args:
            seeded: whether the spec has seeds, without which not every revision is possible.
        """
        usual = Making()
        revisions, filters = self.revision_types or [], self.filtering_types or []
        # The older way to ask for all of it.
        if self.enable_revisions and self.revision_types is None and self.filtering_types is None:
            revisions = [it for it in REVISIONS if seeded or it != "distinguishability"]
            filters = [FILTERS[0]]
        budgets = {
            "generation": self.generation_thinking_budget,
            "outline": self.outline_thinking_budget,
            "revision": self.revision_thinking_budget,
        }
        return Making(
            model=self.generation_model,
            outline_model=self.outline_model,
            revision_model=self.revision_model,
            thinking={role: it for role, it in budgets.items() if it is not None},
            revisions=tuple(dict.fromkeys(revisions)),
            filters=tuple(dict.fromkeys(filters)),
            tools=tuple(dict.fromkeys(self.tools or ())),
            cycles=usual.cycles if self.max_revision_cycles is None else self.max_revision_cycles,
            skip_outline=bool(self.skip_outline),
            shuffling=self.seed_shuffling_level or usual.shuffling,
            examples=self.max_examples_in_prompt,
            unified=usual.unified if self.unified_multifield is None else self.unified_multifield,
        )


RUN: TypeAdapter[RunBody] = TypeAdapter(RunBody)


def named_spec(text: str) -> str:
    """The id of the spec that is meant.

    Raises:
        InvalidFields: it is no UUID.
    """
    try:
        UUID(text)
    except ValueError as error:
        raise InvalidFields([FieldProblem("spec_id", "Must be a valid UUID.")]) from error
    return read_id("dspec", text, "Spec")


def in_vendors_words(error: InvalidFields) -> InvalidFields:
    """The error, its fields called as the vendor calls them."""
    return InvalidFields(
        [FieldProblem(_FIELDS.get(it.field, it.field), it.message) for it in error.problems]
    )


def run(view: ProductionView, files: Sequence[MadeFile] | None = None) -> dict[str, Any]:
    """A run.

    Args:
        files: that it has made; None: it is told of beside others, without them.
    """
    production, ours = view.production, view.run
    progress = ours.progress
    shown: dict[str, Any] = {
        "id": shown_id(production.id),
        "status": STATUS[ours.state].value,
        "spec_id": shown_id(production.spec_id),
        "spec_name": production.spec_name,
        "spec_version": production.spec_version,
        "dataset_id": shown_id(production.seeds_id) if production.seeds_id else None,
        "dataset_name": production.seeds_name,
        "dataset_type": production.shape.value,
        "number_of_samples": production.wanted,
        "samples_completed": progress.done - progress.failed,
        "samples_failed": progress.failed,
        "total_cost": ours.usage.cost_usd,
        "created_at": moment(production.created_at),
        "completed_at": moment(ours.finished_at),
        "created_by_email": production.author,
    }
    if files is None:
        return shown
    return {
        **shown,
        "error": ours.reason if ours.state is RunState.FAILED else None,
        "note": production.problem,
        "runtime_params": _params(production),
        "generated_files": [_file(it) for it in files],
    }


def _params(production: Production) -> dict[str, Any]:
    """How the samples are made."""
    making = making_of(production)
    revises = bool(making.revisions or making.filters)
    return {
        "number_of_samples": production.wanted,
        "generation_model": making.model,
        "generation_thinking_budget": making.thinking.get("generation"),
        "outline_model": None if making.skip_outline else making.name_of("outline"),
        "outline_thinking_budget": making.thinking.get("outline"),
        "revision_model": making.name_of("revision") if revises else None,
        "revision_thinking_budget": making.thinking.get("revision"),
        "revision_types": list(making.revisions),
        "filtering_types": list(making.filters),
        "max_revision_cycles": making.cycles if making.revisions else None,
        "skip_outline": making.skip_outline,
        "tools": list(making.tools),
        "seed_shuffling_level": making.shuffling,
        "max_examples_in_prompt": making.examples,
        "unified_multifield": making.unified,
        "seed": making.seed,
    }


def _file(made: MadeFile) -> dict[str, Any]:
    return {
        "id": shown_id(made.id),
        "path": made.path,
        "file_type": made.media_type,
        "size_bytes": made.size,
    }
