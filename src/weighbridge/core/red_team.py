"""Red teaming: what an application must not be brought to do, and prompts that try to.

A spec says what the application is and what its owner is concerned about. A run has behaviours
written that the application must not show, for each of them plain queries that would lead to it,
and of each query a prompt that is harder to turn down, by a technique of attack.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from weighbridge.core.json import JsonObject

MOST_PROMPTS = 99
"""How many prompts a run may have in all."""


@dataclass(frozen=True, slots=True)
class Target:
    """An application that is attacked.

    Attributes:
        domain: the field it is used in. application: what it is and does.
        concerns: what its owner is concerned about; None: nothing in particular.
    """

    domain: str
    application: str
    concerns: str | None = None


@dataclass(frozen=True, slots=True)
class RedTeamSpec:
    """What is attacked, under a name.

    Attributes:
        id: `rtspec_…`.
        name: in snake case, unique in the workspace.
    """

    id: str
    workspace_id: str
    name: str
    target: Target
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RedTeamRun:
    """Prompts that are written against an application.

    Attributes:
        id: `rtrun_…`.
        spec_id, spec_name, target: as the spec was when it began.
        model: who writes, as the caller named it.
        behaviors: how many. prompts: how many for each of them.
        evaluation_id, run_id: what writes them.
        parts: lists of behaviours and of queries that are written already, by their keys.
        result: `behaviors`, `written_by` and more, once all is written; see `generation.red_team`.
        suite_id: the suite that was made of its prompts; None: none was.
        problem: what did not go as it should, for people; None: nothing.
    """

    id: str
    workspace_id: str
    spec_id: str
    spec_name: str
    target: Target
    model: str
    behaviors: int
    prompts: int
    evaluation_id: str
    run_id: str
    parts: Mapping[str, tuple[str, ...]]
    result: JsonObject | None
    suite_id: str | None
    problem: str | None
    door: str
    author: str
    created_at: datetime
    updated_at: datetime
