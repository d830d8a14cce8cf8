"""Evaluations: a list to filter and to choose runs from, and each with its runs."""

from datetime import date
from typing import Any

from starlette.responses import Response

from weighbridge.core.evaluation import Evaluation
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Invalid, NotFound
from weighbridge.services.series import Course, Series
from weighbridge.spec import parse_spec
from weighbridge.specfile import write_spec
from weighbridge.store.datasets import Dataset
from weighbridge.store.evaluation_lists import Doing, EvaluationKind, Wanted
from weighbridge.store.evaluations import StoredEvaluation
from weighbridge.web.downloads import of_text
from weighbridge.web.forms import Form
from weighbridge.web.query import Query
from weighbridge.web.routing import form, page
from weighbridge.web.visit import Visit

PER_PAGE = 50
MOST_COMPARED = 20
POINTS_SHOWN = 30
MESSAGE_SHOWN = 8_000
_LONGEST_YAML = 60_000
_MOST_RUNS = 200
_DOORS = ("native", "cli", "web", "oxen", "nugen", "aymara", "dataframer")
_FILTERS = ("kind", "door", "model", "doing", "from", "to", "search", "data")
# What has a place of its own on the page, or is said elsewhere.
_SHOWN_APART = {"name", "data", "model", "models", "prompt", "messages", "scorers", "judge"}


async def show_evaluations(visit: Visit) -> Response:
    """The evaluations of the workspace, newest first."""
    query = visit.query
    cursor = query.text("cursor")
    after = decode_cursor(cursor, str)[0] if cursor else None
    overviews, caller = visit.services.overviews, visit.caller
    rows = await overviews.page(caller, _wanted(query), after=after, limit=PER_PAGE + 1)
    shown = rows[:PER_PAGE]
    here = {run.id for row in shown for run in row.runs}
    chosen = query.texts("run")[:MOST_COMPARED]
    return visit.page(
        "evaluations.html",
        rows=shown,
        next=encode_cursor(shown[-1].listed.id) if len(rows) > PER_PAGE else None,
        filtered=any(query.text(name) for name in _FILTERS),
        cleared=visit.here(**dict.fromkeys((*_FILTERS, "cursor"))),
        chosen=set(chosen),
        chosen_elsewhere=[run_id for run_id in dict.fromkeys(chosen) if run_id not in here],
        most=MOST_COMPARED,
        kinds=list(EvaluationKind),
        doings=list(Doing),
        doors=_DOORS,
        models=await overviews.models(caller),
    )


async def show_evaluation(visit: Visit) -> Response:
    """One evaluation: what it is, and what came of it."""
    services, caller = visit.services, visit.caller
    stored = await services.evaluations.get(caller, visit.path("id"))
    runs = await services.runs.list(caller, evaluation_id=stored.id, limit=_MOST_RUNS)
    course = await services.overviews.over_time(caller, stored)
    written = write_spec(stored.spec)
    return visit.page(
        "evaluation.html",
        stored=stored,
        kind=await services.overviews.kind(caller, stored.id),
        runs=list(reversed(runs)),
        most=MOST_COMPARED,
        dataset=await _dataset(visit, stored),
        evaluation=_parsed(stored),
        manner=_manner(stored.spec),
        lines=_lines(course),
        points_shown=POINTS_SHOWN,
        written=written[:_LONGEST_YAML],
        message_shown=MESSAGE_SHOWN,
        is_cut=len(written) > _LONGEST_YAML,
    )


async def get_spec(visit: Visit) -> Response:
    """The evaluation as a YAML file."""
    stored = await visit.services.evaluations.get(visit.caller, visit.path("id"))
    return of_text(write_spec(stored.spec), f"{stored.id}.yaml")


async def run_again(visit: Visit, sent: Form) -> Response:
    """The same rows, model, prompt, judge and scorers as a run of the evaluation."""
    stored = await visit.services.evaluations.get(visit.caller, visit.path("id"))
    run = await visit.services.runs.get(visit.caller, sent.text("run"))
    if run.evaluation_id != stored.id:
        raise NotFound(f"the evaluation {stored.id} has no run {run.id}")
    again = await visit.services.evaluations.reproduce(visit.caller, run.id)
    notice = (
        f"Running again. Not as it was before: {', '.join(again.changed)}."
        if again.changed
        else "Running again: everything that determines the result is as it was."
    )
    return visit.go(f"/runs/{again.run.id}", notice)


def _wanted(query: Query) -> Wanted:
    return Wanted(
        kind=query.choice("kind", EvaluationKind),
        door=query.text("door"),
        model=query.text("model"),
        doing=query.choice("doing", Doing),
        first=_day(query, "from"),
        last=_day(query, "to"),
        text=query.text("search"),
        dataset_id=query.text("data"),
    )


def _day(query: Query, name: str) -> date | None:
    text = query.text(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(
            f"`{name}` in the address is {text[:60]!r}; a day was expected, such as 2026-01-31"
        ) from error


async def _dataset(visit: Visit, stored: StoredEvaluation) -> Dataset | None:
    try:
        return await visit.services.datasets.get(visit.caller, stored.dataset_id)
    except NotFound:
        return None


def _parsed(stored: StoredEvaluation) -> Evaluation | None:
    """None: it names a scorer that is no longer installed; its YAML is shown all the same."""
    try:
        return parse_spec(stored.spec).to_evaluation()
    except Invalid:
        return None


def _manner(spec: dict[str, Any]) -> list[tuple[str, str]]:
    """The rest of what was asked for, as words of the evaluation file."""
    rest = {name: value for name, value in spec.items() if name not in _SHOWN_APART}
    return [
        (name, value if isinstance(value, str) else write_spec({name: value}).partition(":")[2])
        for name, value in rest.items()
    ]


def _lines(course: Course | None) -> list[tuple[Series, str]]:
    """The lines to be drawn: those with more than a point, by their first scorer."""
    if course is None:
        return []
    return [
        (series, series.newest.metrics[0].scorer)
        for series in course.series
        if len(series.points) > 1 and series.newest.metrics
    ]


ROUTES = (
    page("/evaluations", show_evaluations),
    page("/evaluations/{id}", show_evaluation),
    page("/evaluations/{id}/spec.yaml", get_spec),
    form("/evaluations/{id}/again", run_again),
)
