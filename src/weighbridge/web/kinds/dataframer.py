"""Runs behind synthetic data: samples that are made, or looked at, specs and red teams."""

from weighbridge.core.run import RunState
from weighbridge.errors import WeighbridgeError
from weighbridge.services.runs import RunView
from weighbridge.web.conformance import conformance_charts
from weighbridge.web.kinds.panel import Panel
from weighbridge.web.visit import Visit


async def panel(visit: Visit, view: RunView) -> Panel | None:
    """What the run was for, with the distributions where samples were looked at."""
    said = view.evaluation.spec.get("metadata")
    if not isinstance(said, dict):
        return None
    for name, find in _FINDING.items():
        wanted = said.get(name)
        if isinstance(wanted, str):
            try:
                return await find(visit, view, wanted)
            except WeighbridgeError:  # it is deleted, or somebody else wrote this
                return None
    return None


async def _inspection(visit: Visit, view: RunView, inspection_id: str) -> Panel | None:
    found = await visit.services.inspections.get(visit.caller, inspection_id)
    if found.run.id != view.run.id:
        return None
    result = found.result
    return Panel(
        "_kind_inspection.html",
        {
            "inspection": found.inspection,
            "result": result,
            "charts": conformance_charts(result) if result else {},
        },
    )


async def _production(visit: Visit, view: RunView, production_id: str) -> Panel | None:
    found = await visit.services.productions.get(visit.caller, production_id)
    if found.run.id != view.run.id:
        return None
    inspections = await visit.services.inspections.list_of(visit.caller, production_id)
    newest = next((it for it in inspections if it.run.state is RunState.SUCCEEDED), None)
    result = None
    if newest is not None:
        whole = await visit.services.inspections.get(visit.caller, newest.inspection.id)
        result = whole.result
    return Panel(
        "_kind_production.html",
        {
            "production": found.production,
            "newest": newest,
            "result": result,
            "charts": conformance_charts(result) if result else {},
        },
    )


async def _spec(visit: Visit, _view: RunView, spec_id: str) -> Panel | None:
    spec = await visit.services.data_specs.get(visit.caller, spec_id)
    return Panel("_kind_link.html", {"to": f"/samples/specs/{spec.id}", "name": spec.name})


async def _red_team(visit: Visit, _view: RunView, red_team_id: str) -> Panel | None:
    found = (await visit.services.red_teams.run(visit.caller, red_team_id)).red_team
    to = f"/samples/redteams/runs/{found.id}"
    return Panel("_kind_link.html", {"to": to, "name": f"prompts of {found.spec_name}"})


_FINDING = {
    "inspection": _inspection,
    "production": _production,
    "data_spec": _spec,
    "red_team": _red_team,
}
