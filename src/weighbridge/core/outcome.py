"""What became of a case: its answer, what each scorer made of it, and what it cost.

The rule of this module: a failed call is never a wrong answer. `Failed` and `Ungraded` are types,
not values of a score, so that nothing can average them by mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from weighbridge.core.json import JsonObject


@dataclass(frozen=True, slots=True)
class Usage:
    """What was consumed.

    Attributes:
        input_tokens, output_tokens: as the endpoint counted them; 0 where it does not say.
        cost_usd: US dollars; None when the price of the model is not known (never 0 by guess).
        calls: HTTP requests that reached a model, retries included.
        cached: replies that came out of the cache instead, and cost nothing.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    calls: int = 0
    cached: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Sum of both; the cost is known as soon as one of them knows it."""
        cost = self.cost_usd
        if other.cost_usd is not None:
            cost = other.cost_usd if cost is None else cost + other.cost_usd
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            cost,
            self.calls + other.calls,
            self.cached + other.cached,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model (or the caller, for answers handed in) said to one case.

    Attributes:
        text: the answer.
        finish_reason: the endpoint's word for why it ended (`stop`, `length`…), if it gave one.
        latency_s: seconds from sending the successful request to having its whole reply.
        usage: tokens, calls and cost, retries included.
        model: the model name the endpoint says it used.
        details: what else came with it and is kept: `thinking` (the model's own, as text), `images`
            (references to blobs), `options` (log-likelihood of each choice)…
    """

    text: str
    finish_reason: str | None = None
    latency_s: float = 0.0
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    details: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A usable verdict.

    Attributes:
        value: the score; 0 to 1 for everything that is a rate, unbounded otherwise.
        label: the word behind the value, where there is one (a choice letter, a judge's verdict).
        explanation: why, in a sentence.
        confidence: how sure the judge is of it, 0 to 1; None where nobody says.
        details: what the verdict rests on, for people and for breakdowns: `judge` (who gave it),
            `expected` (the reference label), `evidence` (quotes), `votes` (of a jury's members)…
    """

    value: float
    label: str | None = None
    explanation: str | None = None
    confidence: float | None = None
    details: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Ungraded:
    """There is an answer, but no usable verdict on it.

    Attributes:
        reason: why not.
        raw: what the judge said instead, for a person to read.
    """

    reason: str
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Our side broke: there is no answer (or no call to the judge got through).

    Attributes:
        kind: a short stable word: `rate_limited`, `server_error`, `timeout`, `connection`,
            `malformed`, `unauthorized`, `bad_request`, `not_found`, `context_length`,
            `content_filter`, `unsupported`, `internal`.
        message: what happened, for a person.
        status: the HTTP status, where there was one.
        calls: how many times it was tried.
    """

    kind: str
    message: str
    status: int | None = None
    calls: int = 1


Outcome: TypeAlias = Scored | Ungraded | Failed


@dataclass(frozen=True, slots=True)
class Given:
    """What there is of a case before it is done.

    Attributes:
        answer: one that was handed in, or kept from an earlier try; None: there is none.
        failure: why there is none and none is to be asked for; None without an answer: ask.
        verdicts: what stays of an earlier scoring, by the scorer's key.
        spent: what this run has consumed for the case already.
        retried: whether it comes from an earlier try of this very run, which the new outcome takes
            the place of.
        others: answers of other runs to the same case, that scorers compare with, by the run's id.
    """

    answer: Answer | None = None
    failure: Failed | None = None
    verdicts: Mapping[str, Outcome] = field(default_factory=dict)
    spent: Usage = field(default_factory=Usage)
    retried: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


class Status(StrEnum):
    """The state of one recorded case."""

    SCORED = "scored"
    """every scorer gave a verdict"""
    ANSWERED = "answered"
    """there is an answer, and no scorer was asked for"""
    UNGRADED = "ungraded"
    """there is an answer, and at least one scorer could not judge it"""
    FAILED = "failed"
    """no answer could be had, or no call to a judge got through; `retry-failed` does what is
    missing of it"""


@dataclass(frozen=True, slots=True)
class Record:
    """One outcome row: one case in one epoch.

    Attributes:
        position, case_id, cluster: of the case.
        epoch: 0-based repeat.
        answer: None when no answer could be had.
        outcomes: one per scorer, by the scorer's key; empty when the answer failed.
        failure: why there is no answer; None when there is one.
        usage: everything this case cost, answer and judges together.
        retried: whether it takes the place of an earlier try, kept aside until now.
    """

    position: int
    case_id: str
    epoch: int
    answer: Answer | None
    outcomes: dict[str, Outcome]
    failure: Failed | None = None
    usage: Usage = field(default_factory=Usage)
    cluster: str | None = None
    retried: bool = False

    @property
    def status(self) -> Status:
        """The worst of its parts."""
        if self.failure is not None:
            return Status.FAILED
        if not self.outcomes:
            return Status.ANSWERED
        worst = Status.SCORED
        for outcome in self.outcomes.values():
            if isinstance(outcome, Failed):
                return Status.FAILED
            if isinstance(outcome, Ungraded):
                worst = Status.UNGRADED
        return worst


@dataclass(frozen=True, slots=True)
class Metric:
    """A number worth deciding on: never bare.

    Attributes:
        name: `accuracy` for 0/1 scores, `mean` otherwise.
        scorer: the key of the scorer it comes from.
        value, low, high: the estimate and its interval; None when nothing was scored.
        level: confidence level of the interval, 0 to 1.
        method: how the interval was made (`wilson`, `t`, `clustered`, `no-spread`, `sequential`).
        n_scored: cases that entered the value. n_total: cases of the run.
        n_failed, n_ungraded: cases that did not enter it, by reason.
    """

    name: str
    scorer: str
    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n_scored: int
    n_total: int
    n_failed: int
    n_ungraded: int


@dataclass(frozen=True, slots=True)
class ScorerSpec:
    """A scorer as an evaluation names it.

    Attributes:
        name: its row in the table of scorers.
        options: the options that differ from the defaults.
        key: how its scores are called in outcomes and metrics; unique within an evaluation.
    """

    name: str
    options: JsonObject
    key: str
