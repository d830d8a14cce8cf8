"""Choice among labels by how likely a language model finds each, freed of its habits.

A model finds some labels likelier than others whatever the text, by far. So what it says of a text
is compared with what it says of texts without content (Zhao et al. 2021, "Calibrate before use"):
the probability of a label is its likelihood divided by its mean likelihood over those, scaled to a
sum of 1.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import TypeAlias

from weighbridge.providers.base import ChatRequest, Message, Reply

Ask: TypeAlias = Callable[[ChatRequest], Awaitable[Reply]]

CONTENT_FREE = ("N/A", "[text]", "...")
"""Texts that say nothing, of which every label is to be as likely as any other."""


@dataclass(frozen=True, slots=True)
class LabelModel:
    """A model that can weigh labels.

    Attributes:
        name: in reports. ask: sends it a chat with `labels`; raises `CallFailed`.
    """

    name: str
    ask: Ask


class CalibratedChoice:
    """Chooses among labels, and remembers what a model says of texts without content.

    It can be shared by everything in a process.
    """

    def __init__(self) -> None:
        self._habits: dict[tuple[str, str, tuple[str, ...]], tuple[float, ...]] = {}

    async def choose(
        self,
        model: LabelModel,
        text: str,
        labels: Sequence[str],
        instruction: str,
        *,
        prompt: str | None = None,
    ) -> dict[str, float]:
        """The probability of each label.

        Args:
            model: who is asked; once for the text, and once for each of `CONTENT_FREE` the first
                time that these labels and this instruction are met.
            text: what is judged; quoted line by line, so that nothing in it can end the quote.
            labels: at least two, best words that mean what they say (`harmful`, never `yes`).
            instruction: the question, in a sentence or two.
            prompt: what the text is an answer to, to be shown with it.

        Raises:
            CallFailed: a call did not get through.
        """
        given = tuple(labels)
        habits = await self._habits_of(model, given, instruction)
        found = await _weigh(model, _question(text, given, instruction, prompt), given)
        return dict(
            zip(
                given,
                _normalised([one - habit for one, habit in zip(found, habits, strict=True)]),
                strict=True,
            )
        )

    async def _habits_of(
        self, model: LabelModel, labels: tuple[str, ...], instruction: str
    ) -> tuple[float, ...]:
        """Logarithm of each label's mean probability over texts without content."""
        key = (model.name, instruction, labels)
        known = self._habits.get(key)
        if known is None:
            shares = [
                _normalised(await _weigh(model, _question(empty, labels, instruction), labels))
                for empty in CONTENT_FREE
            ]
            known = tuple(
                log(max(sum(column) / len(shares), 1e-12)) for column in zip(*shares, strict=True)
            )
            self._habits[key] = known
        return known


async def _weigh(model: LabelModel, question: str, labels: tuple[str, ...]) -> list[float]:
    reply = await model.ask(ChatRequest((Message("user", question),), labels=labels))
    return [entry.logprob or 0.0 for entry in reply.logprobs or ()]


def _question(
    text: str, labels: tuple[str, ...], instruction: str, prompt: str | None = None
) -> str:
    asked = f"The assistant was asked:\n{_quoted(prompt)}\n\n" if prompt else ""
    on_offer = ", ".join(labels)
    return f"{asked}{instruction}\n\n{_quoted(text)}\n\nAnswer with one of: {on_offer}."


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


def _normalised(logarithms: Sequence[float]) -> list[float]:
    """As probabilities with a sum of 1."""
    highest = max(logarithms)
    weights = [exp(one - highest) for one in logarithms]
    return [weight / sum(weights) for weight in weights]
