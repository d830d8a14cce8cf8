"""The report of one run, or of several side by side, for people."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from weighbridge.cli.console import add_row, table
from weighbridge.cli.delivered import column_line
from weighbridge.cli.results import Results
from weighbridge.cli.words import count, duration, moment, money, number, printable
from weighbridge.core.outcome import Status
from weighbridge.core.run import RunState
from weighbridge.dialects.native import wire
from weighbridge.dialects.native.wire_repositories import ColumnDelivery
from weighbridge.store.summaries import SCORING_FAILED

_LOOKED_AT = 500
_EXAMPLES = 3
_LABELS = 6
_ANSWER_WIDTH = 160
_COLOURS = {
    RunState.SUCCEEDED: "green",
    RunState.FAILED: "red",
    RunState.CANCELLED: "yellow",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """What the report of one run shows.

    Attributes:
        failed: examples of cases without an answer, one of each kind.
        low: examples of cases that scored low.
        people: scorers beside people, by key, as far as there are reviews.
        delivery: the column that its answers become, if they become one.
    """

    run: wire.Run
    report: wire.Report
    dataset: wire.Dataset
    failed: tuple[wire.Outcome, ...]
    low: tuple[wire.Outcome, ...]
    people: dict[str, wire.ScorerAndPeople]
    delivery: ColumnDelivery | None = None


async def find(results: Results, run_id: str) -> Findings:
    """Read everything the report of a run needs.

    Raises:
        NotFound: there is no such run.
    """
    run = await results.run(run_id)
    failed: dict[str, wire.Outcome] = {}
    if run.progress.failed:
        for outcome in await results.outcomes(run_id, Status.FAILED, _LOOKED_AT):
            failed.setdefault(_kind(outcome), outcome)
    low: list[wire.Outcome] = []
    if run.metrics:
        scored = await results.outcomes(run_id, Status.SCORED, _LOOKED_AT)
        low = [outcome for outcome in scored if _is_low(outcome, run)][:_EXAMPLES]
    return Findings(
        run,
        await results.report(run_id),
        await results.dataset(run.evaluation.dataset_id),
        tuple(failed.values()),
        tuple(low),
        (await results.agreement(run_id)).people,
        await results.delivery(run_id),
    )


def print_reports(console: Console, found: Sequence[Findings]) -> None:
    """Print one run in full, or several side by side."""
    if len(found) == 1:
        console.print(Group(*_one(found[0])))
    else:
        console.print(Group(*_side_by_side(found)))


def _one(found: Findings) -> Iterable[RenderableType]:
    run, report = found.run, found.report
    yield Text.assemble(
        (printable(run.evaluation.name, 80), "bold"),
        f"  {run.id}  ",
        (run.status.value, _COLOURS.get(run.status, "")),
        f" ({printable(run.reason, 200)})" if run.reason else "",
    )
    yield Text(f"model   {printable(run.model, 100)}{_answered_by(report)}")
    data = found.dataset
    yield Text(
        f"data    {printable(data.name, 80)}, {count(data.rows)} rows, sha256 {data.sha256[:12]}"
    )
    if found.delivery is not None:
        yield Text(f"column  {column_line(found.delivery)}")
    yield Text(f"pin     {run.pin[:12]}  (equal pins: the same work)")
    yield Text(f"cases   {_cases(run)}")
    yield Text(f"usage   {_usage(run)}")
    yield Text(f"time    {_time(run, report)}")
    if run.metrics:
        yield _metrics(run)
        if report.breakdown:
            yield _verdicts(report)
    elif report.final:
        yield Text("\nno metrics: no scorer was asked for")
    if found.people:
        yield from _people(found.people)
    if report.failures:
        yield _failures(found)
    if found.low:
        yield _low(found)


def _side_by_side(found: Sequence[Findings]) -> Iterable[RenderableType]:
    one_evaluation = len({one.run.evaluation.id for one in found}) == 1
    names = [_heading(one.run, one_evaluation) for one in found]
    if one_evaluation:
        yield Text(printable(found[0].run.evaluation.name, 80), style="bold")
    rows = table("", *names)
    runs = [one.run for one in found]
    if not one_evaluation:
        add_row(rows, "evaluation", *(printable(run.evaluation.name, 40) for run in runs))
        add_row(rows, "model", *(printable(run.model, 40) for run in runs))
    add_row(rows, "run", *(run.id for run in runs))
    add_row(rows, "state", *(_state(run) for run in runs))
    for scorer, name in dict.fromkeys((m.scorer, m.name) for run in runs for m in run.metrics):
        add_row(rows, f"{scorer} {name}", *(_cell(run, scorer, name) for run in runs))
    add_row(rows, "done", *(f"{count(r.progress.done)}/{count(r.progress.total)}" for r in runs))
    add_row(rows, "failed", *(count(run.progress.failed) for run in runs))
    add_row(rows, "ungraded", *(count(run.progress.ungraded) for run in runs))
    add_row(rows, "tokens in", *(count(run.usage.input_tokens) for run in runs))
    add_row(rows, "tokens out", *(count(run.usage.output_tokens) for run in runs))
    if any(run.usage.cached for run in runs):
        add_row(rows, "from the cache", *(count(run.usage.cached) for run in runs))
    add_row(rows, "cost", *(money(run.usage.cost_usd) for run in runs))
    add_row(rows, "time", *(duration(run.duration_s) for run in runs))
    add_row(rows, "data", *(one.dataset.sha256[:12] for one in found))
    add_row(rows, "pin", *(run.pin[:12] for run in runs))
    yield rows
    if len({one.dataset.sha256 for one in found}) > 1:
        yield Text("The runs are about different data: their numbers are not comparable.")


def _heading(run: wire.Run, one_evaluation: bool) -> str:
    return printable(run.model, 40) if one_evaluation else run.id[:12]


def _metrics(run: wire.Run) -> RenderableType:
    rows = table(
        "scorer",
        "metric",
        "value",
        "interval",
        "scored",
        "failed",
        "ungraded",
        numbers=("value", "interval", "scored", "failed", "ungraded"),
    )
    for metric in run.metrics:
        add_row(
            rows,
            metric.scorer,
            metric.name,
            number(metric.value),
            f"[{number(metric.low)}, {number(metric.high)}]" if metric.low is not None else None,
            f"{count(metric.n_scored)}/{count(metric.n_total)}",
            count(metric.n_failed),
            count(metric.n_ungraded),
        )
    levels = sorted({metric.level for metric in run.metrics})
    methods = sorted({metric.method for metric in run.metrics if metric.method != "none"})
    if not methods:
        return rows
    rows.caption = (
        f"{', '.join(f'{level:.0%}' for level in levels)} intervals: {', '.join(methods)}"
    )
    rows.caption_justify = "left"
    return rows


def _verdicts(report: wire.Report) -> RenderableType:
    rows = table("scorer", "judged by", "verdicts", "remarks", title="\nbehind the metrics")
    for key, part in report.breakdown.items():
        add_row(
            rows,
            key,
            printable(", ".join(part.judges), 80) or None,
            printable(_counts(part.labels), 80) or None,
            printable("; ".join(_remarks(part)), _ANSWER_WIDTH) or None,
        )
    return rows


def _remarks(part: wire.Breakdown) -> Iterable[str]:
    if any(judge.startswith("embedded/") for judge in part.judges):
        yield "by the embedded judge, which is weak"
    if part.agreement is not None and part.agreement.alpha is not None:
        low, high = part.agreement.low, part.agreement.high
        interval = f" [{number(low)}, {number(high)}]" if low is not None else ""
        yield f"agreement (alpha) {number(part.agreement.alpha)}{interval}"
    if part.corpus is not None:
        low, high = part.corpus.low, part.corpus.high
        interval = f" [{number(low)}, {number(high)}]" if low is not None else ""
        yield f"all as one text {number(part.corpus.value)}{interval}"
    mistakes = Counter(
        {
            f"{expected} as {got}": n
            for expected, row in part.confusion.items()
            for got, n in row.items()
            if got != expected
        }
    )
    if mistakes:
        yield f"mistaken: {_counts(dict(mistakes.most_common(_EXAMPLES)))}"
    if part.position_bias:
        yield f"went by the place in {count(sum(part.position_bias.values()))}"
    if part.items:
        yield ", ".join(f"{name} {item.met}/{item.of}" for name, item in part.items.items())
    if part.repairs:
        words = {"json": "mended", "retry": "asked again"}
        yield ", ".join(f"{count(n)} {words.get(how, how)}" for how, n in part.repairs.items())
    if part.evidence_dropped:
        plural = "s" if part.evidence_dropped > 1 else ""
        yield f"{count(part.evidence_dropped)} quote{plural} not found in the text"
    if part.ungraded:
        reason, n = max(part.ungraded.items(), key=lambda item: item[1])
        yield f"ungraded {count(n)}: {reason}"


def _counts(counts: dict[str, int]) -> str:
    shown = [f"{label} {count(n)}" for label, n in list(counts.items())[:_LABELS]]
    return ", ".join(shown) + (", …" if len(counts) > _LABELS else "")


def _people(people: dict[str, wire.ScorerAndPeople]) -> Iterable[RenderableType]:
    """What people said, and what it makes of the scorers' rates."""
    rows = table(
        *("scorer", "reviewed", "agree", "interval", "kappa", "raw", "corrected", "interval "),
        numbers=("reviewed", "agree", "interval", "kappa", "raw", "corrected", "interval "),
        title="\nbeside people",
    )
    remarks = []
    for key, found in people.items():
        agreement, rate = found.agreement, found.rate
        bounds = agreement.accuracy_interval if agreement else None
        add_row(
            rows,
            key,
            count(found.n_reviewed),
            number(agreement.accuracy if agreement else None),
            _interval(bounds.low, bounds.high) if bounds else None,
            number(agreement.kappa if agreement else None),
            number(rate.raw if rate else None),
            number(rate.value if rate else None),
            _interval(rate.low, rate.high) if rate else None,
        )
        why = [rate.reason] if rate and rate.reason else []
        remarks += [f"{key}: {text}" for text in (*found.reasons, *why, *found.warnings)]
    yield rows
    for remark in remarks:
        yield Text(printable(remark, 400))


def _interval(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"[{number(low)}, {number(high)}]"


def _failures(found: Findings) -> RenderableType:
    rows = table("failed", "cases", "for example", numbers=("cases",))
    examples = {_kind(outcome): outcome for outcome in found.failed}
    for kind, cases in sorted(found.report.failures.items(), key=lambda item: -item[1]):
        example = examples.get(kind)
        text = (
            f"{printable(example.case_id, 40)}: {printable(_message(example), _ANSWER_WIDTH)}"
            if example
            else None
        )
        add_row(rows, kind, count(cases), text)
    return rows


def _low(found: Findings) -> RenderableType:
    rows = table("case", "scores", "answer", "inputs", title="\nsome cases that scored low")
    for outcome in found.low:
        add_row(
            rows,
            printable(outcome.case_id, 40),
            ", ".join(f"{key} {_score(score)}" for key, score in outcome.scores.items()),
            printable(outcome.answer or "", _ANSWER_WIDTH),
            printable(_inputs(outcome.inputs), _ANSWER_WIDTH),
        )
    return rows


def _answered_by(report: wire.Report) -> str:
    names = [by.model for by in report.answered_by if by.model and by.model != report.model]
    return f", answered by {printable(', '.join(names), 160)}" if names else ""


def _cases(run: wire.Run) -> str:
    progress = run.progress
    return (
        f"{count(progress.done)} of {count(progress.total)} done, {count(progress.failed)} failed, "
        f"{count(progress.ungraded)} ungraded"
    )


def _usage(run: wire.Run) -> str:
    usage = run.usage
    return (
        f"{count(usage.calls)} calls, {count(usage.input_tokens)} tokens in, "
        f"{count(usage.output_tokens)} out, {money(usage.cost_usd)}"
        + (f", {count(usage.cached)} replies from the cache" if usage.cached else "")
    )


def _time(run: wire.Run, report: wire.Report) -> str:
    if run.duration_s is None:
        return "not begun"
    text = duration(run.duration_s)
    if run.duration_s > 0 and run.progress.done:
        text += f", {run.progress.done / run.duration_s:,.1f} cases/s"
    if report.latency is not None:
        text += f", {duration(report.latency.mean_s)} a call"
        text += f" (longest {duration(report.latency.max_s)})"
    return f"{text}, begun {moment(run.started_at)}"


def _state(run: wire.Run) -> str:
    return run.status.value + (f" ({printable(run.reason, 60)})" if run.reason else "")


def _cell(run: wire.Run, scorer: str, name: str) -> str | None:
    for metric in run.metrics:
        if (metric.scorer, metric.name) == (scorer, name):
            return (
                f"{number(metric.value)} [{number(metric.low)}, {number(metric.high)}] "
                f"n={count(metric.n_scored)}"
            )
    return None


def _is_low(outcome: wire.Outcome, run: wire.Run) -> bool:
    """Below one half, by a scorer whose scores are between 0 and 1 as far as can be told."""
    for metric in run.metrics:
        score = outcome.scores.get(metric.scorer, {}).get("value")
        if metric.value is not None and 0 <= metric.value <= 1 and score is not None:
            return bool(0 <= score < 0.5)
    return False


def _score(score: dict[str, Any]) -> str:
    if score.get("status") != "scored":
        return str(score.get("status"))
    label = score.get("label")
    return number(score["value"]) + (f" ({printable(str(label), 20)})" if label else "")


def _inputs(inputs: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in inputs.items())


def _kind(outcome: wire.Outcome) -> str:
    if outcome.error is not None:
        return outcome.error.kind
    return SCORING_FAILED


def _message(outcome: wire.Outcome) -> str:
    if outcome.error is not None:
        return outcome.error.message
    return next((str(s["message"]) for s in outcome.scores.values() if "message" in s), "")
