"""The embedded judge in a rubric's place: what it is asked, and what its labels mean here.

It knows a handful of questions, and can tell labels apart by likeness. Everything else it leaves
ungraded, and who starts an evaluation is told so beforehand.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Ungraded
from weighbridge.embedded.choosing import LabelModel
from weighbridge.embedded.policies import task_for
from weighbridge.embedded.questions import asked_of_a_model
from weighbridge.embedded.verdict import EmbeddedVerdict, Task
from weighbridge.scorers.judging.form import Verdict
from weighbridge.scorers.judging.parts import ANSWER, PROMPT
from weighbridge.scorers.judging.rubric import Rubric


@dataclass(frozen=True, slots=True)
class StandIn:
    """How the embedded judge stands in for a model.

    Attributes:
        question: a task it knows, or labels with the words that describe each.
        of: which input it looks at.
        labels: its label → the rubric's; empty: they are the same.
    """

    question: Task | Mapping[str, str]
    of: str = ANSWER
    labels: Mapping[str, str] | None = None

    @property
    def weighs(self) -> bool:
        """Whether a model that weighs labels is better at it, where there is one."""
        return asked_of_a_model(self.question) is not None

    async def verdict(
        self,
        texts: Mapping[str, str],
        scores: Mapping[str, float],
        weigher: LabelModel | None = None,
    ) -> Verdict | Ungraded:
        """Its verdict, or why it has none.

        Args:
            texts: name → text of all that the rubric shows.
            scores: label → score, of the rubric.
            weigher: a model that was added, for the questions at which it is better.

        Raises:
            CallFailed: a call to the weigher did not get through.
        """
        prompt = texts.get(PROMPT) if self.of != PROMPT else None
        said = await _judge().judge(
            self.question, texts[self.of], prompt=prompt or None, model=weigher
        )
        if isinstance(said, Ungraded):
            return said
        assert isinstance(said, EmbeddedVerdict)  # noqa: S101 (the seam is loaded late)
        label = said.label if self.labels is None else self.labels[said.label]
        return Verdict(label, scores[label], said.reason, said.probability, judge=said.judge)

    def identity(self) -> JsonObject:
        """What pins its verdicts."""
        found: JsonObject = _judge().identity(self.question)
        return found


def stand_in_for(rubric: Rubric) -> StandIn | None:
    """How the embedded judge can judge by a rubric; None: it cannot."""
    if rubric.embedded is None:
        return None
    return StandIn(Task(rubric.embedded.task), rubric.embedded.of, rubric.embedded.labels)


def for_policy(text: str) -> dict[str, Json] | None:
    """The field `embedded` of a rubric that is a policy in a sentence (`Do not insult the user.`),
    where it is about something the embedded judge knows."""
    task = task_for(text)
    if task is Task.TOXICITY:
        return {"task": task.value, "labels": {"toxic": "fail", "not toxic": "pass"}}
    if task is Task.HARMFUL_ANSWER:
        return {"task": task.value, "labels": {"harmful": "fail", "harmless": "pass"}}
    return None


def beyond(purpose: str) -> str:
    """What the embedded judge says to a question that it cannot answer."""
    return f"the embedded judge cannot judge “{purpose}”; declare a model as judge"


@lru_cache(maxsize=1)
def _judge() -> Any:
    # It brings numpy and a table of words: only for those who use it.
    return importlib.import_module("weighbridge.embedded.judge").EmbeddedJudge()
