"""What an evaluation will take, told before it is started: calls, tokens, money and time.

Tokens are counted on a few of its real rows, at four characters each. How long answers are nobody
knows beforehand: they are taken to be as long as the same model's were in the runs before, and
without such runs a wide range is told. So everything here is a range, and no promise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation, Output
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.core.run import FINISHED
from weighbridge.core.shard import Plan
from weighbridge.datasets.rows import Row
from weighbridge.jobs.case_work import request_for
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.model import Models, input_tokens
from weighbridge.scorers.base import AnyScorer, ByRubric, Judge
from weighbridge.scorers.pairwise import Pairwise
from weighbridge.services.evaluations import Evaluations, Looked
from weighbridge.spec import EvaluationSpec
from weighbridge.store.engine import Store
from weighbridge.store.runs import list_runs
from weighbridge.store.summaries import summarise

EXAMPLES = 30
"""Rows that are looked at."""

_RUNS = 100
_SUMMARISED = 5_000
"""Outcomes that are gone through to learn how long a call takes."""
_SPREAD = 1.5
_UNKNOWN_ANSWER = (16.0, 800.0)
_UNKNOWN_LATENCY_S = 2.0
_VERDICT = (40.0, 300.0)
_RUBRIC = (300.0, 1_500.0)
_UNKNOWN_OPTIONS = 4


@dataclass(frozen=True, slots=True)
class Range:
    """From the least to the most that is expected."""

    low: float
    high: float

    def times(self, factor: float) -> "Range":
        """So many times as much."""
        return Range(self.low * factor, self.high * factor)

    def __add__(self, other: "Range") -> "Range":
        """Both together."""
        return Range(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Part:
    """What one model is asked in one role.

    Attributes:
        role: `answers`, `judge`, or what else it does.
        calls: the fewest, retries not counted. most_calls: the most.
        input_tokens, output_tokens: of all calls together.
        cost_usd: None: the price of the model is not known.
        seconds: at the concurrency and the limits that are declared.
        paced_by: what the time follows from, in words.
    """

    role: str
    model: str
    calls: int
    most_calls: int
    input_tokens: Range
    output_tokens: Range
    cost_usd: Range | None
    seconds: float
    paced_by: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an evaluation will take.

    Attributes:
        cases: of each run. epochs: repeats of each.
        parts: by role and model.
        looked_at: rows by which tokens were counted.
        notes: what the figures rest on, a sentence each.
    """

    cases: int
    epochs: int
    parts: tuple[Part, ...]
    looked_at: int
    notes: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """To all models together, the fewest."""
        return sum(part.calls for part in self.parts)

    @property
    def most_calls(self) -> int:
        """To all models together, the most."""
        return sum(part.most_calls for part in self.parts)

    @property
    def input_tokens(self) -> Range:
        """To all models together."""
        return sum((part.input_tokens for part in self.parts), Range(0, 0))

    @property
    def output_tokens(self) -> Range:
        """Of all models together."""
        return sum((part.output_tokens for part in self.parts), Range(0, 0))

    @property
    def cost_usd(self) -> Range | None:
        """Of all models whose price is known; None: of none it is."""
        known = [part.cost_usd for part in self.parts if part.cost_usd is not None]
        if not known and self.parts:
            return None
        return sum(known, Range(0, 0))

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models whose price is not known."""
        return tuple(dict.fromkeys(it.model for it in self.parts if it.cost_usd is None))

    @property
    def seconds(self) -> float:
        """Of the slowest: models are asked side by side."""
        return max((part.seconds for part in self.parts), default=0.0)


@dataclass(frozen=True, slots=True)
class _History:
    """How a model did in the runs before.

    Attributes:
        output: tokens of an answer, on average, in the run with the shortest and with the longest.
        latency_s: of a call; None: not known.
    """

    output: Range | None = None
    latency_s: float | None = None


class Estimates:
    """Estimates for an installation.

    Args:
        store: where the runs before are. evaluations: check what is asked. models: what they cost.
    """

    def __init__(self, store: Store, evaluations: Evaluations, models: Models) -> None:
        self._store = store
        self._evaluations = evaluations
        self._models = models

    async def of(
        self,
        caller: Caller,
        spec: EvaluationSpec,
        *,
        folder: Path | None = None,
        cases: int | None = None,
    ) -> Estimate:
        """What an evaluation will take; it refuses what starting it would refuse.

        Args:
            folder: where relative `data` files are looked for, as for `Evaluations.start`.
            cases: how many there will be, where those in `spec` are but examples.

        Raises:
            Forbidden: the caller may not start runs.
            Invalid: something is wrong with it.
        """
        looked = await self._evaluations.look(caller, spec, folder=folder, examples=EXAMPLES)
        if cases is not None:
            plan = Plan(cases, looked.plan.epochs, looked.plan.size)
            looked = Looked(looked.evaluation, plan, looked.examples)
        evaluation, plan = looked.evaluation, looked.plan
        pairs = plan.cases * plan.epochs
        prompt = _prompt_tokens(evaluation, looked.examples)
        parts, answers, notes = [], [], []
        if evaluation.answers is None:
            per_case = _calls_per_case(evaluation, looked.examples)
            for name in evaluation.models:
                history = await self._history(caller, name)
                answer = _answer_tokens(evaluation, history)
                answers.append(answer)
                parts.append(
                    await self.part(
                        "answers",
                        name,
                        pairs * per_case,
                        prompt,
                        answer,
                        evaluation.concurrency,
                        history.latency_s,
                    )
                )
                notes.append(_about(name, evaluation, history))
        said = _widest(answers) if answers else _given_tokens(evaluation, looked.examples)
        runs = len(evaluation.models) if evaluation.answers is None else 1
        parts += await self._judges(evaluation, prompt + said, pairs * runs)
        return Estimate(
            plan.cases, plan.epochs, tuple(parts), len(looked.examples), tuple(filter(None, notes))
        )

    async def part(
        self,
        role: str,
        name: str,
        calls: int,
        input_tokens: Range,
        output_tokens: Range,
        concurrency: int,
        latency_s: float | None = None,
        *,
        most_calls: int | None = None,
    ) -> Part:
        """What a model that is asked so often takes.

        Args:
            input_tokens, output_tokens: of one call.
            concurrency: the most calls in flight. latency_s: of one call; None: not known.
            most_calls: where it may be asked more often; None: as `calls`.

        Raises:
            Invalid: there is no such model.
        """
        model = await self._models.get(name)
        ends = [
            model.price(Usage(round(into), round(out), calls=1))
            for into, out in (
                (input_tokens.low, output_tokens.low),
                (input_tokens.high, output_tokens.high),
            )
        ]
        low, high = ends
        most = max(calls, most_calls or calls)
        cost = None if low is None or high is None else Range(low * calls, high * most)
        into = Range(input_tokens.low * calls, input_tokens.high * most)
        out = Range(output_tokens.low * calls, output_tokens.high * most)
        seconds, paced_by = self._pace(name, most, into.high + out.high, concurrency, latency_s)
        return Part(role, name, calls, most, into, out, cost, seconds, paced_by)

    def _pace(
        self, name: str, calls: int, tokens: float, concurrency: int, latency_s: float | None
    ) -> tuple[float, str]:
        """Seconds, and what they follow from."""
        declared = self._models.catalog.resolve(name)
        slots = max(1, min(concurrency, declared.max_concurrency, calls))
        each = latency_s if latency_s is not None else _UNKNOWN_LATENCY_S
        assumed = "" if latency_s is not None else " (assumed)"
        times = [
            (calls * each / slots, f"{slots:,} calls at once, {each:.2g} s each{assumed}"),
        ]
        if declared.requests_per_minute:
            pace = declared.requests_per_minute
            times.append((calls / pace * 60, f"its limit of {pace:,} requests a minute"))
        if declared.tokens_per_minute:
            pace = declared.tokens_per_minute
            times.append((tokens / pace * 60, f"its limit of {pace:,} tokens a minute"))
        return max(times)

    async def _judges(self, evaluation: Evaluation, shown: Range, answers: int) -> list[Part]:
        scorers = {one.key: scorer_table.build(one) for one in evaluation.scorers}
        asked: dict[str, int] = {}
        for scorer in scorers.values():
            if not isinstance(scorer, Judge):
                continue
            for name in scorer.asks:
                meant = name or evaluation.judge or RESERVED_NAME
                asked[meant] = asked.get(meant, 0) + _verdicts_by(scorer)
        return [
            await self.part(
                "judge",
                name,
                answers * times,
                shown + Range(*_RUBRIC),
                Range(*_VERDICT),
                evaluation.concurrency,
            )
            for name, times in asked.items()
            if name != RESERVED_NAME
        ]

    async def _history(self, caller: Caller, name: str) -> _History:
        async with self._store.begin() as connection:
            found = await list_runs(connection, caller.workspace_id, after=None, limit=_RUNS)
            # Where a judge was asked as well, its tokens are among the run's: that tells nothing.
            alone = [
                run
                for run in found
                if run.model == name
                and run.state in FINISHED
                and run.usage.calls
                and run.usage.output_tokens
                and run.usage.calls <= run.progress.done * 1.2
            ]
            means = [run.usage.output_tokens / run.usage.calls for run in alone]
            latency = None
            for run in alone[:1]:
                if run.progress.done <= _SUMMARISED:
                    summary = await summarise(connection, caller.workspace_id, run.id)
                    latency = summary.latency_mean_s
        output = Range(min(means) / _SPREAD, max(means) * _SPREAD) if means else None
        return _History(output, latency)


def _prompt_tokens(evaluation: Evaluation, rows: Sequence[Row]) -> Range:
    """Of one call: the mean over the rows that were looked at."""
    if not rows or not evaluation.messages:
        return Range(0, 0)
    counted = [input_tokens(request_for(evaluation, dict(row))) for row in rows]
    mean = max(1.0, sum(counted) / len(counted))
    return Range(mean, mean)


def _answer_tokens(evaluation: Evaluation, history: _History) -> Range:
    if evaluation.choose is not None:
        return Range(0, 1)
    if evaluation.output is Output.EMBEDDINGS:
        return Range(0, 0)
    found = history.output or Range(*_UNKNOWN_ANSWER)
    most = _most_tokens(evaluation.params)
    if most is None:
        return found
    high = min(found.high, most) if history.output is not None else float(most)
    return Range(min(found.low, high), high)


def _most_tokens(params: JsonObject) -> int | None:
    named = (params.get(name) for name in ("max_completion_tokens", "max_tokens"))
    return next((it for it in named if isinstance(it, int)), None)


def _given_tokens(evaluation: Evaluation, rows: Iterable[Mapping[str, object]]) -> Range:
    """Of answers that are there already."""
    column = getattr(evaluation.answers, "column", None)
    if column is None:
        return Range(*_UNKNOWN_ANSWER)
    lengths = [len(str(row.get(column) or "")) / 4 for row in rows]
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    return Range(mean, mean)


def _calls_per_case(evaluation: Evaluation, rows: Sequence[Row]) -> int:
    """By likelihood, a text is weighed for each option."""
    choose = evaluation.choose
    if choose is None or choose.ask == "chat":
        return 1
    if not isinstance(choose.options, str):
        return len(choose.options)
    for row in rows:
        value = row.get(choose.options)
        if isinstance(value, list | dict) and value:
            return len(value)
        if isinstance(value, str) and value.strip():
            return max(2, len(value.strip().splitlines()))
    return _UNKNOWN_OPTIONS


def _verdicts_by(scorer: AnyScorer) -> int:
    """How often each model that a judge asks is asked about one answer."""
    if isinstance(scorer, Pairwise):
        return 2  # each of the two answers stands first once
    if scorer.name == "jury" and isinstance(scorer, ByRubric):
        return len(scorer.rubrics_in_use)
    return 1


def _widest(ranges: Sequence[Range]) -> Range:
    return Range(min(it.low for it in ranges), max(it.high for it in ranges))


def _about(name: str, evaluation: Evaluation, history: _History) -> str | None:
    if evaluation.choose is not None or evaluation.output is not Output.TEXT:
        return None
    if history.output is not None:
        return f"{name}: answers are taken to be as long as in its runs before"
    most = _most_tokens(evaluation.params)
    if most is not None:
        return f"{name}: no run before says how long its answers are; at most {most:,} tokens each"
    low, high = _UNKNOWN_ANSWER
    return (
        f"{name}: no run before says how long its answers are; {low:.0f} to {high:.0f} tokens "
        "are assumed"
    )
