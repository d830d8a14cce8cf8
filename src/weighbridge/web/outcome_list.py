"""The table of outcomes: what of it the address says, and what of an outcome a row shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from weighbridge.core.evaluation import Evaluation
from weighbridge.core.outcome import Outcome, Record, Scored, Status
from weighbridge.core.prompt import Template, as_text, value_at
from weighbridge.core.review import Override
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Invalid
from weighbridge.services.cases import CaseScorer
from weighbridge.services.outcomes import OutcomeView
from weighbridge.store.outcome_search import Found, Order, Search, Verdict
from weighbridge.web.query import Query

ROWS = 100
"""Outcomes on a page."""

_LONGEST = 2_000  # characters of a text that a cell is made from
FILTERS = (
    *("show", "scorer", "label", "least", "most", "failure", "text", "overridden"),
    *("sort", "order"),
)
"""Parameters of an address that say which outcomes are looked at, and in which order."""


class Show(StrEnum):
    """Which outcomes, by what became of them."""

    PASSED = "passed"
    """the scorer looked at gave the whole score"""
    MISSED = "missed"
    """it gave less"""
    UNGRADED = "ungraded"
    FAILED = "failed"


class Said(StrEnum):
    """Whether people said something about them."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Row:
    """An outcome as a row of the table.

    Attributes:
        link: of its case, with what is looked at.
        asked: the values of the prompt's columns.
        read: what a scorer read out of the answer (a letter, a label); None: none reads anything.
        answer: as the model wrote it. expected: the reference answer.
        scores: by the scorer's key, as far as there are any. overrides: likewise.
    """

    record: Record
    link: str
    asked: str
    read: str | None
    answer: str | None
    expected: str | None
    scores: Mapping[str, Outcome]
    overrides: Mapping[str, Override]


def chosen_scorer(query: Query, scorers: Sequence[CaseScorer]) -> CaseScorer | None:
    """The scorer that filters are about: the one named, or the first whose scores are 0 or 1, or
    the first.

    Raises:
        Invalid: the run has no scorer of the name in the address.
    """
    name = query.text("scorer")
    if name:
        for scorer in scorers:
            if scorer.key == name:
                return scorer
        known = ", ".join(scorer.key for scorer in scorers) or "none"
        raise Invalid(f"the run has no scorer {name[:80]!r} (scorers: {known})")
    yes_or_no = (scorer for scorer in scorers if scorer.metric == "accuracy")
    return next(yes_or_no, next(iter(scorers), None))


def read_search(query: Query, scorers: Sequence[CaseScorer]) -> Search:
    """What the address asks for.

    Raises:
        Invalid: it says something that there is not.
    """
    scorer = chosen_scorer(query, scorers)
    show = query.choice("show", Show)
    said = query.choice("overridden", Said)
    status = {Show.UNGRADED: Status.UNGRADED, Show.FAILED: Status.FAILED}
    verdict = {Show.PASSED: Verdict.PASSED, Show.MISSED: Verdict.MISSED}
    return Search(
        scorer=scorer.key if scorer else None,
        verdict=verdict.get(show) if show else None,
        label=query.text("label") or None,
        at_least=query.number("least"),
        at_most=query.number("most"),
        status=status.get(show) if show else None,
        failure=query.text("failure") or None,
        text=query.text("text") or None,
        overridden=None if said is None else said is Said.YES,
        order=query.choice("sort", Order) or Order.POSITION,
        descending=query.text("order") == "down",
    )


def kept(query: Query) -> list[tuple[str, str]]:
    """The parameters that say what is looked at, for the addresses of cases and back."""
    return [(name, value) for name in FILTERS if (value := query.text(name))]


def case_link(run_id: str, position: int, epoch: int, parameters: list[tuple[str, str]]) -> str:
    """The address of a case."""
    repeat = [("epoch", str(epoch))] if epoch else []
    asked = urlencode([*repeat, *parameters])
    return f"/runs/{run_id}/cases/{position}" + (f"?{asked}" if asked else "")


def write_cursor(place: Found) -> str:
    """Where a page ended, for an address."""
    value = "" if place.value is None else repr(float(place.value))
    return encode_cursor(place.position, place.epoch, value)


def read_cursor(query: Query) -> Found | None:
    """Where the page before this one ended; None: this is the first.

    Raises:
        Invalid: nobody got this cursor from us.
    """
    text = query.text("cursor")
    if not text:
        return None
    position, epoch, value = decode_cursor(text, int, int, str)
    if not value:
        return Found(position, epoch)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid("the cursor is not one that this list gave out; begin again without it")
    return Found(position, epoch, number)


class Rows:
    """Makes rows of the outcomes of one run.

    Args:
        evaluation: of the run. scorers: its scorers.
        parameters: that links to cases carry along.
    """

    def __init__(
        self,
        run_id: str,
        evaluation: Evaluation,
        scorers: Sequence[CaseScorer],
        parameters: list[tuple[str, str]],
    ) -> None:
        self._run_id = run_id
        self._target = evaluation.target_column
        self._readers = [scorer.key for scorer in scorers if not scorer.judges]
        self._parameters = parameters
        columns: dict[str, None] = {}
        for message in evaluation.messages:
            columns |= dict.fromkeys(Template(message.content).columns)
        self._columns = tuple(columns)

    def of(self, view: OutcomeView) -> Row:
        """The row of an outcome."""
        record = view.record
        expected = None
        if self._target is not None:
            expected = as_text(view.inputs.get(self._target))[:_LONGEST]
        return Row(
            record,
            case_link(self._run_id, record.position, record.epoch, self._parameters),
            self._asked(view.inputs),
            next(
                (
                    outcome.label
                    for key in self._readers
                    if isinstance(outcome := record.outcomes.get(key), Scored)
                    and outcome.label is not None
                ),
                None,
            ),
            record.answer.text[:_LONGEST] if record.answer else None,
            expected,
            record.outcomes,
            view.overrides,
        )

    def _asked(self, inputs: Mapping[str, Any]) -> str:
        columns = self._columns or tuple(name for name in inputs if name != self._target)
        texts = []
        for column in columns:
            try:
                text = as_text(value_at(inputs, column))[:_LONGEST]
            except KeyError:
                continue
            if text and not text.startswith("data:"):
                texts.append(text)
        return " · ".join(texts)[:_LONGEST]
