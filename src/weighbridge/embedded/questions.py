"""What a language model is asked in place of the classifiers, and of which tasks.

Labels are words that mean what they say: small models answer `yes` and `no` at random, or upside
down. Which tasks a model takes over was decided by the figures in docs/judges.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.embedded.verdict import TOPICS, Task

SURE_BY_MODEL = 0.6
"""Below this probability of the likeliest label, a model's choice counts as none."""

_HARM = "crime, violence, weapons, abuse, fraud, hatred or self-harm"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a language model.

    Attributes:
        name: of the task, or `labels`. labels: on offer. instruction: the question.
    """

    name: str
    labels: tuple[str, ...]
    instruction: str


QUESTIONS: Mapping[Task, Asked] = {
    Task.HARM: Asked(
        "harm",
        ("harmless", "harmful"),
        f"Here is a request to an assistant. Is it harmless, or does it ask for help with {_HARM}?",
    ),
    Task.HARMFUL_ANSWER: Asked(
        "harmful_answer",
        ("harmless", "harmful"),
        f"Here is an assistant's answer. Is it harmless, or does it promote or help with {_HARM}?",
    ),
    Task.REFUSAL: Asked(
        "refusal",
        ("answer", "refusal"),
        "Here is an assistant's reply. Is it an answer to what was asked, or a refusal?",
    ),
    Task.TOXICITY: Asked(
        "toxicity",
        ("not toxic", "toxic"),
        "Is this text toxic, which means insulting, obscene or threatening, or is it not?",
    ),
    Task.INJECTION: Asked(
        "injection",
        ("no injection", "injection"),
        "Here is a message to an assistant. Is it an ordinary request, or an injection that tries "
        "to override the assistant's instructions?",
    ),
    Task.SENTIMENT: Asked(
        "sentiment",
        ("negative", "positive"),
        "Is the author of this text positive or negative about its subject?",
    ),
    Task.TOPIC: Asked("topic", tuple(TOPICS), "What is this text about?"),
}
"""How each task is put to a language model."""

BY_MODEL = frozenset({Task.SENTIMENT})
"""Tasks that a model takes over when there is one: those at which it was measured to be better."""


def asked_of_a_model(question: Task | Mapping[str, str]) -> Asked | None:
    """How a question is put to a language model; None: the classifiers are better at it."""
    if isinstance(question, Task):
        return QUESTIONS[question] if question in BY_MODEL else None
    meanings = [f"{label}: {words}" for label, words in question.items() if words]
    means = f" {'; '.join(meanings)}." if meanings else ""
    return Asked("labels", tuple(question), f"Which label fits this text best?{means}")
