"""The report of a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Metric, Status
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.figures.confusion import confusion_figure, labels_of
from weighbridge.figures.intervals import Point, intervals_figure
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.agreement import ScorerAndPeople
from weighbridge.services.corrections import Correction
from weighbridge.services.reports import ReportView
from weighbridge.services.runs import RunView
from weighbridge.spec import parse_spec
from weighbridge.specfile import write_spec
from weighbridge.store.moments import now
from weighbridge.store.outcome_search import Order, Search, Verdict
from weighbridge.web import explaining, words
from weighbridge.web.charts import Chart
from weighbridge.web.reporting.axes import axis_of
from weighbridge.web.reporting.cases import example_of
from weighbridge.web.reporting.document import (
    Block,
    Document,
    Estimate,
    Head,
    Remark,
    Section,
    Table,
    quote,
    section,
)
from weighbridge.web.reporting.kinds import sections_of_kind
from weighbridge.wiring import Services

EXAMPLES = 5
"""Cases of each sort that a report shows."""

_FEWER = 3
_MANY = 0.05
_MOST_LABELS = 20
_SPEC_LENGTH = 20_000


async def report_of_run(services: Services, caller: Caller, run_id: str) -> Document:
    """The report of a run, of whatever kind.

    Raises:
        NotFound: the workspace has no such run.
    """
    report = await services.reports.get(caller, run_id)
    view = report.view
    evaluation = parse_spec(view.evaluation.spec).to_evaluation()
    people = await services.agreements.of_run(caller, run_id)
    corrections = await services.corrections.of_run(caller, view)
    kind = await sections_of_kind(services, caller, view)
    return Document(
        title=view.evaluation.name,
        subtitle=f"{view.run.model}, run {view.run.id}",
        facts=tuple(await _facts(services, caller, view, evaluation)),
        sections=(
            section(
                "Result",
                *warnings(view.run, evaluation),
                *_result(view.run.metrics, corrections),
            ),
            *kind,
            section("What was asked", *_asked(view, evaluation)),
            section("What stands behind the result", *_behind(report.breakdown)),
            section("Beside people", *_people(people)),
            section("Latency, cost, failures", *_sums(report)),
            section("Cases", *await _examples(services, caller, view, evaluation)),
            _again(view),
        ),
        name=f"report-{view.run.id}",
        made_at=now(),
    )


def warnings(run: Run, evaluation: Evaluation) -> Iterator[Remark]:
    """What to know before the numbers are believed."""
    progress = run.progress
    if run.state not in FINISHED:
        yield Remark("The run has not ended: there are no metrics yet, and all counts are so far.")
    elif run.state is not RunState.SUCCEEDED:
        why = f" ({run.reason})" if run.reason else ""
        yield Remark(
            f"The run was {run.state.value}{why}: {progress.done:,} of {progress.total:,} cases "
            "are done, and the numbers are of these."
        )
    if progress.done and progress.failed > _MANY * progress.done:
        yield Remark(
            f"{progress.failed:,} of {progress.done:,} cases have no answer. They count as "
            "nothing, not as wrong; if what failed is not a matter of chance, the others do not "
            "speak for them."
        )
    if progress.done and progress.ungraded > _MANY * progress.done:
        yield Remark(
            f"{progress.ungraded:,} of {progress.done:,} answers have no usable verdict by at "
            "least one scorer."
        )
    if evaluation.judge == RESERVED_NAME:
        yield Remark("The embedded judge, which is weak, gave the verdicts.")


def metrics_table(metrics: Sequence[Metric]) -> Table:
    """Metrics with intervals and counts."""
    return Table(
        ("scorer", "metric", "value", "scored", "of", "no answer", "ungraded", "interval"),
        [
            (
                it.scorer,
                it.name,
                Estimate(it.value, it.low, it.high, *axis_of([it])),
                it.n_scored,
                it.n_total,
                it.n_failed,
                it.n_ungraded,
                f"{it.level:.0%}: {explaining.method(it.method)}",
            )
            for it in metrics
        ],
    )


def _result(
    metrics: Sequence[Metric], corrections: Mapping[str, Correction]
) -> Iterator[Block | None]:
    if not metrics:
        yield "No metric: no scorer was asked for, or the run ended before its report was made."
        return
    yield metrics_table(metrics)
    for key, it in corrections.items():
        if it.changed and it.value is not None:
            yield (
                f"With people's verdicts in the place of the scorer's, {key} is "
                f"{words.decimal(it.value)}: {words.plural(it.reviewed, 'verdict')} reviewed, "
                f"{it.changed:,} changed."
            )
    by_axis: dict[tuple[float, float], list[Metric]] = {}
    for metric in metrics:
        if metric.value is not None:
            by_axis.setdefault(axis_of([metric]), []).append(metric)
    for axis, some in by_axis.items():
        yield _metrics_chart(axis, some)


def _metrics_chart(axis: tuple[float, float], metrics: Sequence[Metric]) -> Chart:
    points = [
        Point(
            it.scorer,
            it.value or 0.0,
            it.low,
            it.high,
            f"{it.scorer}: {words.decimal(it.value)}, n = {it.n_scored:,}",
        )
        for it in metrics
    ]
    figure = intervals_figure(
        [("", points)], axis=" and ".join(sorted({it.name for it in metrics}))
    )
    least, most = axis
    room = (most - least) * 0.02
    figure.update_xaxes(range=[least - room, most + room])
    figure.update_layout(showlegend=False)
    return Chart(
        f"The metrics with their {metrics[0].level:.0%} intervals",
        figure,
        ("scorer", "value", "low", "high", "scored"),
        [(it.scorer, it.value, it.low, it.high, it.n_scored) for it in metrics],
    )


async def _facts(
    services: Services, caller: Caller, view: RunView, evaluation: Evaluation
) -> list[tuple[str, str]]:
    run = view.run
    dataset = await services.datasets.get(caller, view.evaluation.dataset_id)
    took = None
    if run.started_at and run.finished_at:
        took = (run.finished_at - run.started_at).total_seconds()
    state = run.state.value + (f" ({run.reason})" if run.reason else "")
    frame, progress = dataset.frame, run.progress
    data = f"{dataset.name}, version {dataset.version}: {frame.rows:,} rows"
    done = f"{progress.done:,} of {progress.total:,} done"
    facts = [
        ("model", run.model),
        ("data", f"{data}, sha256 {frame.sha256[:16]}"),
        ("state", state),
        ("cases", f"{done}, {progress.failed:,} failed, {progress.ungraded:,} ungraded"),
        ("started", _moment(run.started_at)),
        ("took", words.seconds(took)),
        ("came through", words.door(view.evaluation.door)),
        ("pin", f"{view.pin[:16]} (runs with the same pin did the same work)"),
    ]
    if evaluation.judge is not None:
        facts.insert(2, ("judge", evaluation.judge))
    return facts


def _asked(view: RunView, evaluation: Evaluation) -> Iterator[Block | None]:
    for message in evaluation.messages:
        label = "Prompt" if len(evaluation.messages) == 1 else f"Prompt, {message.role}"
        yield quote(label, message.content)
    if evaluation.answers is not None:
        yield "The answers were there already: no model was asked for them."
    scorers = [
        f"{it.key}: {it.name}" + (f" {dict(it.options)}" if it.options else "")
        for it in evaluation.scorers
    ]
    rows = [
        ("scorers", "; ".join(scorers) or "none"),
        ("column with the right answer", evaluation.target_column or words.NOTHING),
        ("column with the id", evaluation.id_column or words.NOTHING),
        ("column with the cluster", evaluation.cluster_column or words.NOTHING),
        ("parameters", ", ".join(f"{k} = {v}" for k, v in evaluation.params.items()) or "none"),
        ("repeats of each case", f"{evaluation.epochs}, reduced by {evaluation.reducer.value}"),
        ("calls at once", str(evaluation.concurrency)),
    ]
    yield Table(("", ""), rows)
    spec = {name: value for name, value in view.evaluation.spec.items() if value is not None}
    yield quote("The whole evaluation, as a file", write_spec(spec), _SPEC_LENGTH)


def _behind(breakdown: Mapping[str, JsonObject]) -> Iterator[Block | None]:
    for key, plain in breakdown.items():
        found: Mapping[str, Any] = plain
        yield Head(key)
        if found.get("labels"):
            yield _counts("label", found["labels"])
        if found.get("judges"):
            judged = ", ".join(f"{name} ({n:,})" for name, n in found["judges"].items())
            sure = found.get("confidence")
            yield f"Judged by {judged}" + (f"; mean confidence {sure:.0%}." if sure else ".")
        if agreement := found.get("agreement"):
            ends = ""
            if agreement["low"] is not None:
                ends = f" [{agreement['low']:.2f}, {agreement['high']:.2f}]"
            alpha = words.decimal(agreement["alpha"], 2)
            yield (
                f"The jury's members agree with alpha = {alpha}{ends} over "
                f"{agreement['cases']:,} cases (Krippendorff; 1 is perfect, 0 is chance)."
            )
        if found.get("items"):
            yield Table(
                ("item", "met", "of"),
                [(name, it["met"], it["of"]) for name, it in found["items"].items()],
            )
        if confusion := found.get("confusion"):
            yield _confusion(key, confusion)
        if found.get("ungraded"):
            yield _counts("why there is no verdict", found["ungraded"])


def _counts(what: str, counts: Mapping[str, int]) -> Table:
    total = sum(counts.values())
    shown = list(counts.items())[:_MOST_LABELS]
    rows = [(name, n, words.percent(n / total)) for name, n in shown]
    if rest := total - sum(n for _, n in shown):
        rows.append((f"{len(counts) - len(shown)} others", rest, words.percent(rest / total)))
    return Table((what, "outcomes", "share"), rows)


def _confusion(key: str, confusion: Mapping[str, Mapping[str, int]]) -> Chart:
    cells = [(it, got, n) for it, row in confusion.items() for got, n in row.items()]
    cells.sort(key=lambda cell: -cell[2])
    return Chart(
        f"{key}: what was expected, and what was given ({len(labels_of(confusion))} labels)",
        confusion_figure(confusion),
        ("expected", "given", "cases"),
        cells[:100],
    )


def _people(people: Sequence[ScorerAndPeople]) -> Iterator[Block | None]:
    if not people:
        return
    rows = []
    for it in people:
        agreement, rate = it.beside.agreement, it.rate.corrected
        found = Estimate(None, None, None)
        if rate is not None:
            found = Estimate(rate.estimate, rate.low, rate.high)
        rows.append(
            (
                it.scorer,
                it.n_reviewed,
                words.percent(agreement.accuracy) if agreement else it.beside.reason or "–",
                agreement.kappa if agreement else None,
                rate.raw if rate else None,
                found,
            )
        )
    yield Table(
        ("scorer", "reviewed", "agrees", "kappa", "rate by the scorer", "rate by people"), rows
    )
    yield (
        "The rate by people is estimated for all cases, out of those that were reviewed and what "
        "the scorer said of the others (prediction-powered inference)."
    )
    for it in people:
        for text in it.rate.warnings:
            yield Remark(f"{it.scorer}: {text}")


def _sums(report: ReportView) -> Iterator[Block | None]:
    run, summary = report.view.run, report.summary
    usage, answers = run.usage, sum(n for _, n in summary.answered_by)
    each = None if usage.cost_usd is None or not answers else usage.cost_usd / answers
    yield Table(
        ("", ""),
        [
            ("calls", words.count(usage.calls)),
            ("replies out of the cache", words.count(usage.cached)),
            ("tokens in", words.count(usage.input_tokens)),
            ("tokens out", words.count(usage.output_tokens)),
            ("cost", words.money(usage.cost_usd)),
            ("cost of an answer", words.NOTHING if each is None else words.money(each)),
            ("an answer took, half of them at most", words.seconds(report.latency_p50_s)),
            ("95 of 100 at most", words.seconds(report.latency_p95_s)),
            ("on average", words.seconds(summary.latency_mean_s)),
            ("the slowest", words.seconds(summary.latency_max_s)),
            (
                "answered by",
                ", ".join(f"{name or 'no name given'} ({n:,})" for name, n in summary.answered_by)
                or words.NOTHING,
            ),
        ],
    )
    if summary.failures:
        yield Table(
            ("failure", "cases", "what it means"),
            [(kind, n, explaining.failure(kind)) for kind, n in summary.failures.items()],
        )
        yield "A case that failed counts as nothing, never as a wrong answer."
    else:
        yield "No case failed."


async def _examples(
    services: Services, caller: Caller, view: RunView, evaluation: Evaluation
) -> list[Block]:
    blocks: list[Block] = []
    keys = [spec.key for spec in evaluation.scorers]
    with_value = {it.scorer for it in view.run.metrics if it.value is not None}
    searches = [
        (f"That scored lowest by {key}", EXAMPLES, Search(key, Verdict.MISSED, order=Order.SCORE))
        for key in keys[:3]
        if key in with_value
    ]
    searches += [
        ("Without an answer", _FEWER, Search(status=Status.FAILED)),
        ("Without a verdict", _FEWER, Search(status=Status.UNGRADED)),
    ]
    shown: set[tuple[int, int]] = set()
    for title, most, search in searches:
        found = await services.outcomes.search(caller, view.run, search, limit=EXAMPLES)
        places = [(it.record.position, it.record.epoch) for it in found.views]
        new = [place for place in places if place not in shown][:most]
        full = await services.outcomes.at(view.run, [position for position, _ in new])
        whole = {(it.record.position, it.record.epoch): it for one in full.values() for it in one}
        if new:
            blocks.append(Head(title))
        for position, epoch in new:
            it = whole[position, epoch]
            repeat = f", repeat {epoch + 1}" if evaluation.epochs > 1 else ""
            blocks.append(example_of(it, evaluation, f"Case {it.record.case_id[:200]}{repeat}"))
        shown.update(new)
    if blocks:
        blocks.insert(
            0,
            f"At most {EXAMPLES} of each sort; all of them: weighbridge export {view.run.id} "
            "--format csv",
        )
    return blocks


def _again(view: RunView) -> Section:
    run_id = view.run.id
    commands = (
        f"weighbridge show {run_id}",
        f"weighbridge reproduce {run_id}   # the same rows, prompt, model, judge and scorers",
        f"weighbridge export {run_id} --format jsonl",
    )
    return section(
        "To do it again",
        quote("On the command line, in the installation that made this", "\n".join(commands)),
        "The evaluation above, saved as a file, runs elsewhere by `weighbridge run FILE`, once its "
        f"data are there: {view.evaluation.dataset_id}.",
        f"Pin: {view.pin}",
    )


def _moment(when: Any) -> str:
    return words.NOTHING if when is None else f"{when:%Y-%m-%d %H:%M:%S} UTC"
