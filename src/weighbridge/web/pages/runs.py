"""One run: how far it is, what came of it, its outcomes, and what can be done with it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.core.evaluation import Reducer
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Metric
from weighbridge.core.run import FINISHED, Run
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.figures.confusion import confusion_figure, labels_of
from weighbridge.figures.intervals import Point, intervals_figure
from weighbridge.services.agreement import ScorerAndPeople
from weighbridge.services.cases import scorers_of
from weighbridge.services.corrections import Correction
from weighbridge.services.exports import MEDIA_TYPES, Format
from weighbridge.services.reports import ReportView
from weighbridge.services.runs import RunView
from weighbridge.spec import parse_spec
from weighbridge.store.moments import now
from weighbridge.store.summaries import SCORING_FAILED
from weighbridge.web import downloads, explaining
from weighbridge.web.charts import Chart
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.kinds import panel_of
from weighbridge.web.outcome_list import (
    ROWS,
    Rows,
    Show,
    chosen_scorer,
    kept,
    read_cursor,
    read_search,
    write_cursor,
)
from weighbridge.web.pace import Pace
from weighbridge.web.query import Change, Query
from weighbridge.web.routing import form, page, status_of, stream
from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit
from weighbridge.yamltext import parse_yaml

_MOST_COUNTED = 10_000
_COUNTED_OF = 200_000
"""Outcomes of a run up to which those of a filter are counted: that goes through all of them."""
_MOST_CELLS = 200
_MOST_LABELS = 12


@dataclass(frozen=True, slots=True)
class Standing:
    """A metric of a run, as its page shows it.

    Attributes:
        method: how its interval was made, in words.
        least, most: ends of the axis it is drawn on.
        correction: what it would be with people's verdicts; None: nobody said anything.
    """

    metric: Metric
    method: str
    least: float
    most: float
    correction: Correction | None


async def show_run(visit: Visit) -> Response:
    """The page of a run."""
    return await _run_page(visit, Rescoring())


async def show_progress(visit: Visit) -> Response:
    """How far the run is, again and again until it has ended."""
    view = await visit.services.runs.view(visit.caller, visit.path("run_id"))
    return follow(_progress(visit, view))


async def show_sums(visit: Visit) -> Response:
    """What is counted over all outcomes, where that takes longer than a page should."""
    view = await visit.services.runs.view(visit.caller, visit.path("run_id"))
    return follow(_sums(visit, view))


async def download_outcomes(visit: Visit) -> Response:
    """The outcomes so far, as a file."""
    view = await visit.services.runs.view(visit.caller, visit.path("run_id"))
    wanted = visit.query.choice("format", Format) or Format.JSONL
    keys = tuple(spec.key for spec in parse_spec(view.evaluation.spec).to_evaluation().scorers)
    pieces = visit.services.exports.stream(view.run, keys, wanted)
    # What can go wrong goes wrong before the first piece, while it can still be told properly.
    first = await anext(pieces, b"")
    return downloads.of_pieces(_all(first, pieces), f"{view.run.id}.{wanted}", MEDIA_TYPES[wanted])


async def cancel(visit: Visit, _form: Form) -> Response:
    """Stop a run."""
    run = await visit.services.runs.cancel(visit.caller, visit.path("run_id"))
    return visit.go(f"/runs/{run.id}", "The run was cancelled. What was done is kept.")


async def resume(visit: Visit, _form: Form) -> Response:
    """Take a run up again."""
    run = await visit.services.runs.resume(visit.caller, visit.path("run_id"))
    return visit.go(f"/runs/{run.id}", "The run goes on; only missing cases are asked.")


async def retry_failed(visit: Visit, form: Form) -> Response:
    """Do failed cases again."""
    run = await visit.services.runs.retry_failed(
        visit.caller, visit.path("run_id"), ungraded=form.ticked("ungraded")
    )
    return visit.go(f"/runs/{run.id}", "These cases are done again; all others stay as they are.")


async def reproduce(visit: Visit, _form: Form) -> Response:
    """Do the same once more."""
    again = await visit.services.evaluations.reproduce(visit.caller, visit.path("run_id"))
    if again.changed:
        said = f"Queued, but not all is as it was: {', '.join(again.changed)}."
    else:
        said = "Queued: the same rows, prompt, model, judge and scorers as before."
    return visit.go(f"/runs/{again.run.id}", said)


@dataclass(frozen=True, slots=True)
class Rescoring:
    """The form for scoring again, as it was filled in."""

    judge: str = ""
    scorers: str = ""
    problems: Problems = field(default_factory=Problems)


async def rescore(visit: Visit, form: Form) -> Response:
    """Score the stored answers again, by another judge or other scorers."""
    visit.caller.must_be(Role.WRITER)
    judge, text = form.text("judge"), form.text("scorers")
    try:
        changes: dict[str, Any] = {"judge": judge} if judge else {}
        if text:
            changes["scorers"] = _scorers_in(text)
        if not changes:
            missing = FieldProblem("judge", "name another judge, or other scorers")
            raise InvalidFields([missing])
        started = await visit.services.evaluations.rescore(
            visit.caller, visit.path("run_id"), changes
        )
    except Invalid as error:
        problems = problems_of(error, ("judge", "scorers"))
        return await _run_page(
            visit, Rescoring(judge, text, problems), status=max(422, status_of(error))
        )
    return visit.go(
        f"/runs/{started.runs[0].id}", "The stored answers are scored again; no model answers anew."
    )


async def _run_page(visit: Visit, rescoring: Rescoring, status: int = 200) -> Response:
    services, caller = visit.services, visit.caller
    view = await services.runs.view(caller, visit.path("run_id"))
    run = view.run
    evaluation = parse_spec(view.evaluation.spec).to_evaluation()
    scorers = scorers_of(evaluation)
    query = visit.query
    search = read_search(query, scorers)
    found = await services.outcomes.search(
        caller, run, search, after=read_cursor(query), limit=ROWS
    )
    counted = None
    if search.narrows and run.progress.done <= _COUNTED_OF:
        counted = await services.outcomes.count(caller, run, search, _MOST_COUNTED + 1)
    breakdown = await services.reports.breakdown(view)
    corrections = await services.corrections.of_run(caller, view)
    rows = Rows(run.id, evaluation, scorers, kept(query))
    chosen = chosen_scorer(query, scorers)
    ended = run.state in FINISHED
    return visit.page(
        "run.html",
        status=status,
        view=view,
        **_pace(run, Pace()),
        evaluation=evaluation,
        scorers=scorers,
        options=[(scorer.key, scorer.key) for scorer in scorers],
        panel=await panel_of(visit, view),
        standings=[_standing(metric, corrections.get(metric.scorer)) for metric in run.metrics],
        charts=_metric_charts(run.metrics),
        parts=_parts(breakdown),
        sums=await _sums_at_hand(visit, view) if run.progress.done else None,
        ended=ended,
        search=search,
        chosen=chosen,
        labels=_labels_of(breakdown.get(chosen.key)) if chosen else [],
        rows=[rows.of(it) for it in found.views],
        next=write_cursor(found.next) if found.next else None,
        counted=counted,
        most_counted=_MOST_COUNTED,
        segments=_segments(query, chosen.metric if chosen else None),
        # Not `here`: a form that was refused is at an address of its own.
        to=lambda **changes: _here(run, query, changes),
        others=await services.runs.comparable(caller, view) if ended else [],
        formats=list(Format),
        models=[it.name for it in services.catalog.list()][:200] if ended else [],
        rescoring=rescoring,
        reduced={
            Reducer.MEAN: "the mean of its repeats",
            Reducer.MAJORITY: "what most of its repeats scored",
            Reducer.PASS_AT_K: "whether any of its repeats passed",
        }[evaluation.reducer],
    )


# What happens while it goes


async def _progress(visit: Visit, view: RunView) -> AsyncIterator[str]:
    evaluation = parse_spec(view.evaluation.spec).to_evaluation()
    watch = Pace()
    async for run in visit.services.runs.changes(visit.caller, view.run.id):
        yield visit.render("_run_progress.html", evaluation=evaluation, **_pace(run, watch))


def _pace(run: Run, watch: Pace) -> dict[str, Any]:
    """What a part about progress shows of a run."""
    per_s = watch.rate(run)
    left = run.progress.total - run.progress.done
    return {
        "run": run,
        "per_s": per_s,
        "left_s": left / per_s if per_s else None,
        "ran_s": _span(run),
    }


def _span(run: Run) -> float | None:
    if run.started_at is None:
        return None
    return max(0.0, ((run.finished_at or now()) - run.started_at).total_seconds())


# What is counted over all outcomes


async def _sums_at_hand(visit: Visit, view: RunView) -> Markup | None:
    report = await visit.services.reports.at_hand(view)
    if report is None:
        return None
    people = await visit.services.agreements.at_hand(visit.caller, view.run.id)
    return None if people is None else _sums_part(visit, report, people)


async def _sums(visit: Visit, view: RunView) -> AsyncIterator[str]:
    report = await visit.services.reports.get(visit.caller, view.run.id)
    people = await visit.services.agreements.of_run(visit.caller, view.run.id)
    yield _sums_part(visit, report, people)


def _sums_part(visit: Visit, report: ReportView, people: Sequence[ScorerAndPeople]) -> Markup:
    run = report.view.run
    part = visit.render(
        "_run_sums.html",
        report=report,
        summary=report.summary,
        run=run,
        people=people,
        failure_in_words=explaining.failure,
        failures_link=lambda kind: _failures(run, kind),
    )
    return Markup(part)  # noqa: S704 (a template of ours, which escapes)


# Metrics, and what stands behind them


def _standing(metric: Metric, correction: Correction | None) -> Standing:
    least, most = _axis([metric])
    return Standing(metric, explaining.method(metric.method), least, most, correction)


def _axis(metrics: Sequence[Metric]) -> tuple[float, float]:
    """Ends of an axis that all of these are on: 0 to 1 where they are shares, 0 to 100 where they
    are such scores."""
    ends = [
        end
        for metric in metrics
        for end in (metric.value, metric.low, metric.high)
        if end is not None
    ]
    least, most = min(ends, default=0.0), max(ends, default=1.0)
    if least >= 0:
        for top in (1.0, 100.0):
            if most <= top:
                return 0.0, top
        return 0.0, most
    return (-1.0 if least >= -1 else least), max(most, 1.0)


def _metric_charts(metrics: Sequence[Metric]) -> list[Chart]:
    """A figure for all metrics on one axis."""
    by_axis: dict[tuple[float, float], list[Metric]] = {}
    for metric in metrics:
        if metric.value is not None:
            by_axis.setdefault(_axis([metric]), []).append(metric)
    return [_metric_chart(axis, some) for axis, some in by_axis.items()]


def _metric_chart(axis: tuple[float, float], metrics: Sequence[Metric]) -> Chart:
    points = [
        Point(
            metric.scorer,
            metric.value or 0.0,
            metric.low,
            metric.high,
            f"{metric.scorer}: {metric.value:.3f}, n = {metric.n_scored:,}",
        )
        for metric in metrics
    ]
    names = {metric.name for metric in metrics}
    figure = intervals_figure([("", points)], axis=" and ".join(sorted(names)))
    least, most = axis
    room = (most - least) * 0.02
    figure.update_xaxes(range=[least - room, most + room])
    figure.update_layout(showlegend=False)
    level = metrics[0].level
    return Chart(
        f"The metrics with their {level:.0%} intervals",
        figure,
        ("scorer", "metric", "value", "low", "high", "scored", "no answer", "ungraded"),
        [
            (it.scorer, it.name, it.value, it.low, it.high, it.n_scored, it.n_failed, it.n_ungraded)
            for it in metrics
        ],
    )


def _parts(breakdown: Mapping[str, JsonObject]) -> list[dict[str, Any]]:
    """The breakdown of each scorer, with a figure of what was taken for what."""
    parts: list[dict[str, Any]] = []
    for key, found in breakdown.items():
        part: dict[str, Any] = {"key": key, "found": found, "chart": None}
        confusion: Any = found.get("confusion")
        if confusion:
            part["chart"] = _confusion_chart(key, confusion)
        for name in ("labels", "judges", "ungraded"):
            part[name] = _shares(found.get(name))
        parts.append(part)
    return parts


def _confusion_chart(key: str, confusion: Mapping[str, Mapping[str, int]]) -> Chart:
    cells = [
        (expected, given, number)
        for expected, row in confusion.items()
        for given, number in row.items()
    ]
    cells.sort(key=lambda cell: -cell[2])
    labels = labels_of(confusion)
    return Chart(
        f"{key}: what was expected, and what was given ({len(labels)} labels)",
        confusion_figure(confusion),
        ("expected", "given", "cases"),
        cells[:_MOST_CELLS],
    )


def _shares(counts: Any) -> list[tuple[str, int, float]]:
    """Counts by name → the most frequent with their shares; the others as one."""
    if not counts:
        return []
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda it: -it[1])
    rest = sum(number for _, number in ordered[_MOST_LABELS:])
    shown = ordered[:_MOST_LABELS]
    if rest:
        shown.append((f"{len(ordered) - _MOST_LABELS} others", rest))
    return [(name, number, number / total) for name, number in shown]


def _labels_of(found: JsonObject | None) -> list[str]:
    labels: Any = (found or {}).get("labels") or {}
    return list(labels)[:100]


# Addresses and forms


def _segments(query: Query, metric: str | None) -> list[tuple[str, str, bool]]:
    """The views of the table: word, address's parameter, whether it is the one looked at."""
    words = {"": "All"}
    if metric == "accuracy":
        words |= {Show.PASSED: "Passed", Show.MISSED: "Not passed"}
    words |= {Show.UNGRADED: "Ungraded", Show.FAILED: "No answer"}
    shown = query.text("show")
    return [(word, str(name), shown == name) for name, word in words.items()]


def _here(run: Run, query: Query, changes: Mapping[str, Change]) -> str:
    parameters = query.replaced({"cursor": None, **changes})
    return f"/runs/{run.id}?{urlencode(parameters)}#outcomes"


def _failures(run: Run, kind: str) -> str:
    # Where only the judge was not to be had, there is an answer, and no failure of it.
    of_kind = {} if kind == SCORING_FAILED else {"failure": kind}
    return f"/runs/{run.id}?{urlencode({'show': Show.FAILED, **of_kind})}#outcomes"


def _scorers_in(text: str) -> Any:
    try:
        value, _ = parse_yaml(text, "scorers")
    except InvalidFields as error:
        said = "; ".join(str(problem) for problem in error.problems)
        raise InvalidFields([FieldProblem("scorers", said)]) from error
    # One a line, as people write them, is a list as well.
    return value.split() if isinstance(value, str) else value


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


ROUTES = (
    page("/runs/{run_id}", show_run),
    stream("/runs/{run_id}/progress", show_progress),
    stream("/runs/{run_id}/sums", show_sums),
    page("/runs/{run_id}/export", download_outcomes),
    form("/runs/{run_id}/cancel", cancel),
    form("/runs/{run_id}/resume", resume),
    form("/runs/{run_id}/retry-failed", retry_failed),
    form("/runs/{run_id}/reproduce", reproduce),
    form("/runs/{run_id}/rescore", rescore),
)
