"""A run about a suite of prompts: answers that are judged, models that are put to it, or prompts,
turns and reports that are written."""

from typing import Any

from weighbridge.core.suite import Suite
from weighbridge.errors import NotFound
from weighbridge.services.runs import RunView
from weighbridge.web.kinds.panel import Panel
from weighbridge.web.tallies import AT_ONCE, tally_part
from weighbridge.web.visit import Visit

_THREADS = 3
_TURNS = 6
_LOOKED_AT = 60


async def panel(visit: Visit, view: RunView) -> Panel | None:
    """What the run is for, with pass rates where it judges."""
    said = view.evaluation.spec.get("metadata")
    if not isinstance(said, dict):
        return None
    try:
        return await _of(visit, view, {str(key): value for key, value in said.items()})
    except NotFound:  # it is deleted
        return None


async def _of(visit: Visit, view: RunView, said: dict[str, Any]) -> Panel | None:
    services, caller = visit.services, visit.caller
    match said:
        case {"scoring": str(scoring_id)}:
            scoring = await services.scorings.get(caller, scoring_id)
            suite = await services.suites.get(caller, scoring.suite_id)
            overview = (await services.scorings.overview(caller, [scoring]))[scoring.id]
            return await _judging(
                visit,
                view,
                suite,
                scoring=scoring,
                overview=overview,
                # What is excluded is no case of any run: it is told where there is but one.
                excluded=overview.rate.n_excluded if len(overview.runs) == 1 else None,
                threads=await _threads(visit, scoring_id),
            )
        case {"suite": str(suite_id), "kind": str()}:
            suite = await services.suites.get(caller, suite_id)
            return await _judging(visit, view, suite)
        case {"suite": str(suite_id)}:
            suite = await services.suites.get(caller, suite_id)
            return _link(f"/suites/{suite.id}?tab=prompts", suite.name)
        case {"follows": str(scoring_id)}:
            scoring = await services.scorings.get(caller, scoring_id)
            return _link(f"/suites/{scoring.suite_id}/runs/{scoring.id}", scoring.name)
        case {"reports": str(report_id)}:
            await services.suite_reports.get(caller, report_id)
            return _link(f"/suites/reports/{report_id}", "a report")
    return None


async def _judging(visit: Visit, view: RunView, suite: Suite, **more: Any) -> Panel:
    """Verdicts on answers to a suite."""
    shown: dict[str, Any] = {
        "suite": suite,
        "scoring": None,
        "overview": None,
        "excluded": None,
        "threads": [],
        "part": None,
        "live": None,
        "going_on": not view.run.metrics,
        **more,
    }
    if view.run.metrics:
        if view.run.progress.total <= AT_ONCE:
            shown["part"] = await tally_part(visit, [view.run.id], list_at=_list_at(shown))
        else:
            shown["live"] = f"/runs/{view.run.id}/tally"
    return Panel("_kind_suite.html", shown)


async def tally_of(visit: Visit, view: RunView) -> dict[str, Any]:
    """What the template `_suite_tally.html` shows of a run."""
    said = view.evaluation.spec.get("metadata") or {}
    list_at = None
    if isinstance(said.get("scoring"), str):
        scoring = await visit.services.scorings.get(visit.caller, said["scoring"])
        list_at = f"/suites/{scoring.suite_id}/runs/{scoring.id}"
    return await tally_part(visit, [view.run.id], list_at=list_at)


async def _threads(visit: Visit, scoring_id: str) -> list[Any]:
    """Some conversations of more than one turn, turn by turn."""
    scorings = visit.services.scorings
    scoring = await scorings.get(visit.caller, scoring_id)
    found = await scorings.responses(
        visit.caller, scoring, start=max(0, scoring.responses - _LOOKED_AT), limit=_LOOKED_AT
    )
    named = dict.fromkeys(it.response.thread_id for it in found if it.response.turn > 1)
    return [
        (await scorings.thread(visit.caller, scoring, it))[:_TURNS] for it in list(named)[:_THREADS]
    ]


def _list_at(shown: dict[str, Any]) -> str | None:
    scoring = shown["scoring"]
    return None if scoring is None else f"/suites/{scoring.suite_id}/runs/{scoring.id}"


def _link(to: str, name: str) -> Panel:
    return Panel("_kind_link.html", {"to": to, "name": name})
