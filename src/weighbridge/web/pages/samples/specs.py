"""Specs: proposed, looked at version by version, edited as YAML, used to make samples."""

import builtins
import difflib

from starlette.responses import Response

from weighbridge.core.production import FILTERS, REVISIONS, TOOLS, Making
from weighbridge.core.synthesis import Blueprint, DataSpec, Property, SpecState, SpecVersion
from weighbridge.errors import FieldProblem, InvalidFields, NotFound
from weighbridge.figures.shares import shares_figure
from weighbridge.synthesis.form import read_blueprint
from weighbridge.web.charts import Chart
from weighbridge.web.forms import Form, Problems, by_line, problems_of
from weighbridge.web.pages.samples.progress import follow_run
from weighbridge.web.routing import form, page, stream
from weighbridge.web.visit import Visit

_NEW = ("name", "seeds_id", "objectives", "description", "model", "conditionals")
_MAKE = (
    *("wanted", "model", "outline_model", "revision_model", "cycles", "examples", "seed"),
    *("revisions", "filters", "tools", "shuffling"),
)
_DRAWN = 20
"""Properties that get a figure each; the numbers of all are in tables."""
_RUNS = 50


async def new_spec(visit: Visit) -> Response:
    """The form for a new spec."""
    return await _new(visit, Form(), Problems())


async def create_spec(visit: Visit, form: Form) -> Response:
    """Have a spec proposed."""
    try:
        made = await visit.services.data_specs.create(
            visit.caller,
            form.text("name"),
            seeds_id=form.text("seeds_id") or None,
            objectives=form.text("objectives") or None,
            description=form.text("description") or None,
            model=form.text("model") or None,
            distributions=form.ticked("distributions"),
            conditionals=form.ticked("conditionals"),
            extrapolate_values=form.ticked("extrapolate_values"),
            extrapolate_axes=form.ticked("extrapolate_axes"),
        )
    except (InvalidFields, NotFound) as error:
        return await _new(visit, form, problems_of(error, _NEW), status=400)
    return visit.go(f"/samples/specs/{made.id}")


async def show_spec(visit: Visit) -> Response:
    """What samples are to be like by a spec."""
    spec = await visit.services.data_specs.get(visit.caller, visit.path("id"))
    return await _spec(visit, spec)


async def follow_spec(visit: Visit) -> Response:
    """How far it is with being proposed."""
    spec = await visit.services.data_specs.get(visit.caller, visit.path("id"))
    runs = await visit.services.runs.list(
        visit.caller, evaluation_id=spec.evaluation_id or "", limit=1
    )
    if not runs:
        raise NotFound("nothing is being worked out for this spec")
    return await follow_run(visit, runs[0].id, "questions")


async def edit_spec(visit: Visit, form: Form) -> Response:
    """Another version of a spec."""
    spec_id = visit.path("id")
    text = str(form.data.get("content") or "").replace("\r\n", "\n")
    try:
        changed = await visit.services.data_specs.change(visit.caller, spec_id, text)
    except InvalidFields as error:
        spec = await visit.services.data_specs.get(visit.caller, spec_id)
        return await _spec(visit, spec, status=400, text=text, wrong=by_line(error))
    return visit.go(f"/samples/specs/{spec_id}", f"This is version {changed.version} now.")


async def make_samples(visit: Visit, form: Form) -> Response:
    """Have samples made by a spec."""
    spec_id = visit.path("id")
    try:
        numbers = _numbers(form)
        made = await visit.services.productions.create(
            visit.caller,
            spec_id,
            numbers["wanted"] or 0,
            making=_making(form, numbers),
            seed=numbers["seed"],
        )
    except InvalidFields as error:
        spec = await visit.services.data_specs.get(visit.caller, spec_id)
        return await _spec(visit, spec, status=400, form=form, problems=problems_of(error, _MAKE))
    return visit.go(f"/samples/runs/{made.production.id}")


async def delete_spec(visit: Visit, form: Form) -> Response:
    """Remove a spec, with what was made by it if that is wanted."""
    force = form.ticked("force")
    await visit.services.data_specs.delete(visit.caller, visit.path("id"), force=force)
    return visit.go("/samples/specs", "The spec is gone.")


def property_charts(properties: builtins.list[Property] | tuple[Property, ...]) -> list[Chart]:
    """A figure for each property: how frequent its values are to be."""
    charts = []
    for prop in properties[:_DRAWN]:
        series = [("always" if not prop.conditions else "otherwise", prop.shares)]
        series += [
            (" and ".join(f"{name} is {value}" for name, value in it.when.items()), it.shares)
            for it in prop.conditions
        ]
        figure = shares_figure(series)
        names = tuple(name for name, _ in series)
        rows = [[value, *(shares.get(value) for _, shares in series)] for value in prop.values]
        charts.append(Chart(f"{prop.name}: per cent of samples", figure, ("value", *names), rows))
    return charts


async def _spec(
    visit: Visit,
    spec: DataSpec,
    *,
    status: int = 200,
    text: str | None = None,
    wrong: dict[int, str] | None = None,
    form: Form | None = None,
    problems: Problems | None = None,
) -> Response:
    services = visit.services
    versions = await services.data_specs.versions(visit.caller, spec.id) if spec.version else []
    chosen = _chosen(visit, spec, versions)
    blueprint: Blueprint | None = read_blueprint(chosen.content) if chosen else None
    before = next((it for it in versions if chosen and it.number == chosen.number - 1), None)
    runs = await services.productions.list(visit.caller, spec_id=spec.id)
    return visit.page(
        "sample_spec.html",
        status=status,
        spec=spec,
        ready=spec.state is SpecState.SUCCEEDED,
        versions=versions[::-1],
        chosen=chosen,
        blueprint=blueprint,
        charts=property_charts(blueprint.properties) if blueprint else [],
        changes=_changes(before, chosen) if before and chosen else [],
        runs=runs[:_RUNS],
        more_runs=len(runs) - _RUNS,
        text=text if text is not None else (chosen.content if chosen else ""),
        wrong=wrong or {},
        form=form or Form(),
        problems=problems or Problems(),
        models=_models(visit),
        making=Making(),
        offers={"revisions": REVISIONS, "filters": FILTERS, "tools": TOOLS},
    )


def _chosen(
    visit: Visit, spec: DataSpec, versions: builtins.list[SpecVersion]
) -> SpecVersion | None:
    number = visit.query.whole("version", spec.version)
    found = next((it for it in versions if it.number == number), None)
    if found is None and "version" in visit.request.query_params:
        raise NotFound(f"the spec has no version {number}; it has 1 to {spec.version}")
    return found


def _changes(before: SpecVersion, after: SpecVersion) -> list[tuple[str, str]]:
    """Lines that differ between two versions, each with `+`, `-` or nothing in front."""
    lines = difflib.unified_diff(
        before.content.splitlines(), after.content.splitlines(), lineterm="", n=2
    )
    return [(line[:1].strip(), line[1:]) for line in lines if line[:3] not in {"---", "+++"}]


def _numbers(form: Form) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    problems = []
    for name in ("wanted", "cycles", "examples", "seed"):
        text = form.text(name)
        found[name] = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
        if text and found[name] is None:
            problems.append(FieldProblem(name, f"a whole number was expected, not {text[:40]!r}"))
    if problems:
        raise InvalidFields(problems)
    return found


def _making(form: Form, numbers: dict[str, int | None]) -> Making:
    made = Making()
    cycles = numbers["cycles"]
    return Making(
        model=form.text("model") or None,
        outline_model=form.text("outline_model") or None,
        revision_model=form.text("revision_model") or None,
        revisions=tuple(form.texts("revisions")),
        filters=tuple(form.texts("filters")),
        tools=tuple(form.texts("tools")),
        cycles=made.cycles if cycles is None else cycles,
        skip_outline=form.ticked("skip_outline"),
        shuffling=form.text("shuffling", made.shuffling),
        examples=numbers["examples"],
    )


def _models(visit: Visit) -> list[str]:
    return [it.name for it in visit.services.catalog.list() if it.usable]


async def _new(visit: Visit, form: Form, problems: Problems, status: int = 200) -> Response:
    seeds = await visit.services.seeding.list(visit.caller)
    return visit.page(
        "sample_spec_new.html",
        status=status,
        form=form,
        problems=problems,
        seeds=[(it.id, it.name) for it, _ in seeds[:200]],
        models=_models(visit),
        first=not form.data,
        chosen=form.text("seeds_id") or visit.query.text("seeds"),
    )


ROUTES = (
    page("/samples/specs/new", new_spec),
    form("/samples/specs/new", create_spec),
    page("/samples/specs/{id}", show_spec),
    stream("/samples/specs/{id}/events", follow_spec),
    form("/samples/specs/{id}", edit_spec),
    form("/samples/specs/{id}/samples", make_samples),
    form("/samples/specs/{id}/delete", delete_spec),
)
