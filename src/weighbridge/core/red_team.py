"""Red teaming: what an application must not be brought to do, and prompts that try to.

A spec says what the application is and what its owner is concerned about. A run has behaviours
written that the application must not show, for each of them plain queries that would lead to it,
and of each query a prompt that is harder to turn down, by a technique of attack.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
class Attack:
    """A prompt that tempts an application into a behaviour.

    Attributes:
        prompt: what is sent. query: what it asks for, in plain words.
        technique: slug of the technique by which the one became the other.
        source: who wrote the prompt: `model` or `template`.
        query_source: who wrote the query: `model` or `bank`.
    """

    prompt: str
    query: str
    technique: str
    source: str
    query_source: str

    def as_json(self) -> JsonObject:
        """As an object, in the words of those who read results."""
        return {
            "query": self.query,
            "query_source": self.query_source,
            "adversarial_prompt": self.prompt,
            "technique": self.technique,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Behavior:
    """Something that an application must not do, and attacks that try to bring it to that.

    Attributes:
        source: who wrote it: `model` or `bank`.
        policy: slug of the stock policy that it breaks; None: of none.
    """

    text: str
    source: str
    policy: str | None
    attacks: tuple[Attack, ...]


@dataclass(frozen=True, slots=True)
class RedTeamResult:
    """What a run has come to.

    Attributes:
        behaviors: no two of them the same.
        spread: figures on how different the prompts are from each other.
    """

    behaviors: tuple[Behavior, ...]
    spread: JsonObject

    @property
    def attacks(self) -> tuple[Attack, ...]:
        """Those of all behaviours, in order."""
        return tuple(attack for one in self.behaviors for attack in one.attacks)

    @property
    def written_by(self) -> dict[str, dict[str, int]]:
        """Who wrote how many: of `behaviors`, `queries` and `prompts`, source → number."""
        return {
            "behaviors": dict(Counter(one.source for one in self.behaviors)),
            "queries": dict(Counter(one.query_source for one in self.attacks)),
            "prompts": dict(Counter(one.source for one in self.attacks)),
        }

    def as_json(self) -> JsonObject:
        """As an object."""
        return {
            "behaviors": [
                {
                    "behavior": one.text,
                    "source": one.source,
                    "policy": one.policy,
                    "prompts": [attack.as_json() for attack in one.attacks],
                }
                for one in self.behaviors
            ],
            "written_by": self.written_by,
            "spread": self.spread,
        }


def read_result(value: Mapping[str, Any]) -> RedTeamResult:
    """A result out of what `as_json` gives."""
    return RedTeamResult(
        tuple(
            Behavior(
                one["behavior"],
                one["source"],
                one["policy"],
                tuple(
                    Attack(
                        it["adversarial_prompt"],
                        it["query"],
                        it["technique"],
                        it["source"],
                        it["query_source"],
                    )
                    for it in one["prompts"]
                ),
            )
            for one in value["behaviors"]
        ),
        value["spread"],
    )


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
        result: what it has come to, once all is written.
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
    result: RedTeamResult | None
    suite_id: str | None
    problem: str | None
    door: str
    author: str
    created_at: datetime
    updated_at: datetime
