"""What a person can say about a score, and whether it is what the scorer said."""

import math
from dataclasses import dataclass

from weighbridge.core.outcome import Outcome, Scored
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.review_queues import ReviewedScorer
from weighbridge.web.forms import Form

AGREES = "the same verdict as the scorer"
_RIGHT = {1.0: "right", 0.0: "wrong"}
_MOST_CHOICES = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few verdicts.

    Attributes:
        name: as the form sends it. label: the word, where the scorer has one. word: as it is shown.
        value: what it is worth; None: that is not known.
        key: chooses it.
    """

    name: str
    label: str | None
    word: str
    value: float | None
    key: str


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict that was filled in."""

    value: float | None
    label: str | None


def choices_of(scorer: ReviewedScorer, outcome: Outcome | None) -> tuple[Choice, ...]:
    """The verdicts on offer; none: a number or a word is to be written.

    Args:
        outcome: what the scorer made of the case: where what a label is worth depends on the case,
            it says which one was expected.
    """
    if scorer.verdicts is None:
        offered: list[tuple[str | None, float | None]] = (
            [(None, 1.0), (None, 0.0)] if scorer.metric == "accuracy" else []
        )
    else:
        offered = [
            (label, _worth(label, worth, scorer, outcome))
            for label, worth in scorer.verdicts.items()
        ]
    if len(offered) > _MOST_CHOICES:
        return ()
    keys = _keys([value for _, value in offered])
    return tuple(
        Choice(
            str(number),
            label,
            label if label is not None else _RIGHT[value or 0.0],
            value,
            keys[number],
        )
        for number, (label, value) in enumerate(offered)
    )


def read_said(form: Form, scorer: ReviewedScorer, choices: tuple[Choice, ...]) -> Said:
    """The verdict in a form.

    Raises:
        InvalidFields: there is none, or it is no verdict.
    """
    if choices:
        chosen = next((it for it in choices if it.name == form.text("verdict")), None)
        if chosen is None:
            raise InvalidFields([FieldProblem("verdict", "choose one of the verdicts")])
        return Said(chosen.value, chosen.label)
    label = form.text("label") or None
    if scorer.metric == "labels":
        return Said(None, label)
    text = form.text("value")
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidFields([FieldProblem("value", "say which score it should be: a number")])
    return Said(value, label)


def agrees(said: Said, outcome: Outcome | None) -> bool:
    """Whether a person says what the scorer said."""
    if not isinstance(outcome, Scored):
        return False
    if said.value is None:
        return said.label == outcome.label
    same = said.value == outcome.value
    return same and (said.label is None or outcome.label is None or said.label == outcome.label)


def _worth(
    label: str, worth: float | None, scorer: ReviewedScorer, outcome: Outcome | None
) -> float | None:
    if worth is not None or scorer.metric == "labels":
        return worth
    expected = (outcome.details or {}).get("expected") if isinstance(outcome, Scored) else None
    return None if expected is None else float(label == expected)


def _keys(values: list[float | None]) -> list[str]:
    """y and n for yes and no, else 1 to 9."""
    if len(values) == 2 and set(values) == {1.0, 0.0}:
        return ["y" if value == 1.0 else "n" for value in values]
    return [str(number + 1) if number < 9 else "" for number in range(len(values))]
