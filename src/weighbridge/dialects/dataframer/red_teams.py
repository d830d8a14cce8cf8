"""Red teams in the vendor's words."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, TypeAdapter

from weighbridge.core.red_team import RedTeamSpec, Target
from weighbridge.dialects.dataframer.access import read_id, shown_id
from weighbridge.dialects.dataframer.wire import STATUS, moment
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.red_teams import RedTeamView

_FIELDS = {
    "domain": "domain_description",
    "application": "app_description",
    "behaviors": "number_of_behaviors",
    "prompts": "number_of_prompts_per_behavior",
    "model": "model_name",
}
"""Our fields → the vendor's, where they differ."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class SpecBody(_Body):
    """What a spec is made of."""

    name: StrictStr
    domain_description: StrictStr
    app_description: StrictStr
    concerns: StrictStr | None = None

    def target(self) -> Target:
        """What is attacked."""
        return Target(self.domain_description, self.app_description, self.concerns)


class SpecChange(_Body):
    """What is to be another in a spec; what is not there stays."""

    name: StrictStr = ""
    domain_description: StrictStr = ""
    app_description: StrictStr = ""
    concerns: StrictStr | None = None

    def target(self, spec: RedTeamSpec) -> Target:
        """What is attacked from now on."""
        given, known = self.model_fields_set, spec.target
        return Target(
            self.domain_description if "domain_description" in given else known.domain,
            self.app_description if "app_description" in given else known.application,
            self.concerns if "concerns" in given else known.concerns,
        )

    def new_name(self) -> str | None:
        """What it is called from now on; None: as before."""
        return self.name if "name" in self.model_fields_set else None


class RunBody(_Body):
    """What a run is made of."""

    red_team_spec_id: StrictStr
    model_name: StrictStr
    number_of_behaviors: StrictInt
    number_of_prompts_per_behavior: StrictInt


SPEC: TypeAdapter[SpecBody] = TypeAdapter(SpecBody)
SPEC_CHANGE: TypeAdapter[SpecChange] = TypeAdapter(SpecChange)
RUN: TypeAdapter[RunBody] = TypeAdapter(RunBody)


def named_spec(field: str, text: str) -> str:
    """The id of the spec that a field names.

    Raises:
        InvalidFields: it is no UUID.
    """
    try:
        UUID(text)
    except ValueError as error:
        raise InvalidFields([FieldProblem(field, "Must be a valid UUID.")]) from error
    return read_id("rtspec", text, "Red team spec")


def in_vendors_words(error: InvalidFields, model: str = "") -> InvalidFields:
    """The error, its fields called as the vendor calls them.

    Args:
        model: that was asked for.
    """
    return InvalidFields(
        [
            FieldProblem(
                _FIELDS.get(it.field, it.field),
                f"Unsupported model: {model[:200]}: {it.message}"
                if it.field == "model"
                else it.message,
            )
            for it in error.problems
        ]
    )


def spec(found: RedTeamSpec, *, listed: bool = False) -> dict[str, Any]:
    """A spec.

    Args:
        listed: beside others, without what is told of one alone.
    """
    target = found.target
    shown = {
        "id": shown_id(found.id),
        "name": found.name,
        "domain_description": target.domain,
        "app_description": target.application,
        "created_at": moment(found.created_at),
        "created_by_email": found.author,
    }
    if listed:
        return shown
    return {**shown, "concerns": target.concerns, "updated_at": moment(found.updated_at)}


def run(view: RedTeamView, *, listed: bool = False) -> dict[str, Any]:
    """A run.

    Args:
        listed: beside others, without its prompts.
    """
    red_team, ours = view.red_team, view.run
    status = STATUS[ours.state]
    shown: dict[str, Any] = {
        "id": shown_id(red_team.id),
        "red_team_spec_id": shown_id(red_team.spec_id),
        "spec_name": red_team.spec_name,
        "model_name": red_team.model,
        "number_of_behaviors": red_team.behaviors,
        "number_of_prompts_per_behavior": red_team.prompts,
        "status": status.value,
        "created_at": moment(red_team.created_at),
        "completed_at": moment(ours.finished_at),
        "created_by_email": red_team.author,
    }
    if listed:
        return shown
    # A run that has succeeded may have a reason, too: what did not go as it should.
    failed = ours.reason if status.value == "FAILED" else None
    return {
        **shown,
        "task_id": ours.id,
        "error_message": failed,
        "results_json": _results(view),
        "note": view.note,
        "total_cost": ours.usage.cost_usd,
        "written_by": None if view.result is None else view.result.written_by,
    }


def _results(view: RedTeamView) -> dict[str, Any] | None:
    result = view.result
    if result is None:
        return None
    return {
        "behavior_to_enhanced_queries": {
            one.text: [
                {
                    "query": attack.query,
                    "adversarial_prompt": attack.prompt,
                    "technique": attack.technique,
                    "source": attack.source,
                }
                for attack in one.attacks
            ]
            for one in result.behaviors
        }
    }
