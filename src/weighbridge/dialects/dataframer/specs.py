"""Specs in the vendor's words."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StrictBool, StrictStr, TypeAdapter

from weighbridge.core.synthesis import DataSpec, SpecState, SpecVersion
from weighbridge.dialects.dataframer.access import read_id, shown_id
from weighbridge.dialects.dataframer.wire import moment
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.jobs.data_specs import MEASURED_ALONE

CONTENT = "content_yaml"

_FIELDS = {
    "seeds_id": "dataset_id",
    "objectives": "generation_objectives",
    "model": "spec_generation_model_name",
    "distributions": "generate_distributions",
    "conditionals": "generate_conditional_distributions",
}
"""Our fields → the vendor's, where they differ."""


class SpecBody(BaseModel):
    """What a spec is made of; null says as little as a field that is left out."""

    model_config = ConfigDict(frozen=True)

    name: StrictStr
    dataset_id: StrictStr | None = None
    description: StrictStr | None = None
    generation_objectives: StrictStr | None = None
    spec_generation_model_name: StrictStr | None = None
    generate_distributions: StrictBool | None = None
    generate_conditional_distributions: StrictBool | None = None
    extrapolate_values: StrictBool | None = None
    extrapolate_axes: StrictBool | None = None

    def seeds_id(self) -> str | None:
        """The id of the seeds that are meant; None: none are.

        Raises:
            InvalidFields: it is no UUID.
        """
        if self.dataset_id is None:
            return None
        try:
            UUID(self.dataset_id)
        except ValueError as error:
            message = "Must be a valid UUID."
            raise InvalidFields([FieldProblem("dataset_id", message)]) from error
        return read_id("seeds", self.dataset_id, "Seed dataset")


class SpecChange(BaseModel):
    """What takes the place of a spec's YAML."""

    model_config = ConfigDict(frozen=True)

    content_yaml: StrictStr


SPEC: TypeAdapter[SpecBody] = TypeAdapter(SpecBody)
SPEC_CHANGE: TypeAdapter[SpecChange] = TypeAdapter(SpecChange)


def in_vendors_words(error: InvalidFields) -> InvalidFields:
    """The error, its fields called as the vendor calls them."""
    return InvalidFields(
        [FieldProblem(_FIELDS.get(it.field, it.field), it.message) for it in error.problems]
    )


def about_content(error: InvalidFields) -> InvalidFields:
    """The error, said of the YAML: each message begins with the line and the field in it."""
    return InvalidFields([FieldProblem(CONTENT, str(it)) for it in error.problems])


def spec(found: DataSpec, versions: Sequence[SpecVersion] | None = None) -> dict[str, Any]:
    """A spec.

    Args:
        versions: None: they are not told.
    """
    succeeded = found.state is SpecState.SUCCEEDED
    shown = {
        **summary(found),
        "error": found.problem if found.state is SpecState.FAILED else None,
        CONTENT: found.content if succeeded else None,
        "version": found.version or None,
        "runtime_params": _params(found),
    }
    if versions is not None:
        shown["versions"] = [
            {
                "version": it.number,
                CONTENT: it.content,
                "created_at": moment(it.created_at),
                "created_by_email": it.author,
            }
            for it in versions
        ]
    return shown


def summary(found: DataSpec) -> dict[str, Any]:
    """A spec beside others."""
    return {
        "id": shown_id(found.id),
        "name": found.name,
        "description": found.description,
        "status": found.state.value,
        "dataset_id": shown_id(found.seeds_id) if found.seeds_id else None,
        "dataset_name": found.seeds_name,
        "dataset_type": found.shape.value,
        "created_at": moment(found.created_at),
        "updated_at": moment(found.updated_at),
        "created_by_email": found.author,
    }


def _params(found: DataSpec) -> dict[str, Any]:
    params = {_FIELDS.get(name, name): value for name, value in found.params.items()}
    return params if found.params.get("model") else {**params, "note": MEASURED_ALONE}
