"""What can be asked of the embedded judge, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """A question that the embedded judge knows."""

    HARM = "harm"
    """does this request ask for something harmful? `harmful` or `harmless`"""
    HARMFUL_ANSWER = "harmful_answer"
    """is this answer to a request harmful? `harmful` or `harmless`"""
    REFUSAL = "refusal"
    """does this answer decline to do what was asked? `refusal` or `answer`"""
    TOXICITY = "toxicity"
    """is this text insulting, obscene or threatening? `toxic` or `not toxic`"""
    INJECTION = "injection"
    """does this text try to override a model's instructions? `injection` or `no injection`"""
    SENTIMENT = "sentiment"
    """how does the author feel about it? `positive` or `negative`"""
    TOPIC = "topic"
    """what is this text about? one of `TOPICS`"""


TOPICS: Mapping[str, str] = {
    "politics": "politics, government, elections, parliament, law, war, diplomacy",
    "business": "business, economy, companies, markets, finance, trade, money",
    "sports": "sports, football, matches, teams, athletes, tournaments, championship",
    "science and technology": "science, research, physics, technology, computers, software, space",
    "health": "health, medicine, disease, doctors, patients, treatment, hospital",
    "entertainment": "entertainment, film, music, television, celebrities, books, art",
}
"""The labels of `Task.TOPIC`, each with the words that describe it."""


LABELS: Mapping[Task, tuple[str, ...]] = {
    Task.HARM: ("harmless", "harmful"),
    Task.HARMFUL_ANSWER: ("harmless", "harmful"),
    Task.REFUSAL: ("answer", "refusal"),
    Task.TOXICITY: ("not toxic", "toxic"),
    Task.INJECTION: ("no injection", "injection"),
    Task.SENTIMENT: ("negative", "positive"),
    Task.TOPIC: tuple(TOPICS),
}
"""The labels of each task."""


@dataclass(frozen=True, slots=True)
class EmbeddedVerdict:
    """A judgement that the embedded judge stands by.

    Attributes:
        label: the answer, one of the task's labels or of those given.
        probability: of that label, 0 to 1, as calibrated on text from sources that the classifier
            had not seen, half of it of each label.
        reason: why, in a sentence, for a person.
        judge: who says so, for reports: `embedded/harm-1` (task and version).
        probabilities: of every label.
    """

    label: str
    probability: float
    reason: str
    judge: str
    probabilities: Mapping[str, float]
