"""Red teams: what an application must not be brought to do, and the prompts that try to."""

from starlette.responses import Response

from weighbridge.core.red_team import MOST_PROMPTS, Target
from weighbridge.core.run import FINISHED
from weighbridge.errors import InvalidFields
from weighbridge.suites.techniques import techniques
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.pages.samples.paging import LISTED, part_of
from weighbridge.web.pages.samples.progress import follow_run
from weighbridge.web.routing import form, page, stream
from weighbridge.web.visit import Visit

_NEW = ("name", "domain", "application", "concerns")
_START = ("behaviors", "prompts", "model")


async def show_red_teams(visit: Visit) -> Response:
    """What is attacked."""
    wanted = visit.query.text("q").casefold()
    found = await visit.services.red_teams.list(visit.caller)
    shown, after = part_of(visit, [it for it in found if wanted in it.name.casefold()])
    return visit.page("samples.html", tab="redteams", red_teams=shown, next=after)


async def new_red_team(visit: Visit) -> Response:
    """The form for another."""
    return _new(visit, Form(), Problems())


async def create_red_team(visit: Visit, form: Form) -> Response:
    """Say what is attacked."""
    target = Target(form.text("domain"), form.text("application"), form.text("concerns") or None)
    try:
        made = await visit.services.red_teams.create(visit.caller, form.text("name"), target)
    except InvalidFields as error:
        return _new(visit, form, problems_of(error, _NEW), status=400)
    return visit.go(f"/samples/redteams/{made.id}")


async def show_red_team(visit: Visit) -> Response:
    """One application, and the runs that wrote prompts for it."""
    return await _shown(visit, Form(), Problems())


async def start_red_team(visit: Visit, form: Form) -> Response:
    """Have prompts written."""
    numbers = {name: form.text(name) for name in ("behaviors", "prompts")}
    wrong = {
        name: "a whole number of at least 1 was expected"
        for name, text in numbers.items()
        if not (text.isascii() and text.isdecimal() and len(text) < 6)
    }
    if wrong:
        return await _shown(visit, form, Problems(wrong), status=400)
    try:
        made = await visit.services.red_teams.start(
            visit.caller,
            visit.path("id"),
            behaviors=int(numbers["behaviors"]),
            prompts=int(numbers["prompts"]),
            model=form.text("model") or None,
        )
    except InvalidFields as error:
        return await _shown(visit, form, problems_of(error, _START), status=400)
    return visit.go(f"/samples/redteams/runs/{made.red_team.id}")


async def delete_red_team(visit: Visit, _form: Form) -> Response:
    """Remove what is attacked."""
    await visit.services.red_teams.delete(visit.caller, visit.path("id"))
    return visit.go("/samples/redteams", "The red team is gone.")


async def show_attacks(visit: Visit) -> Response:
    """The behaviours and prompts of one run."""
    view = await visit.services.red_teams.run(visit.caller, visit.path("id"))
    return visit.page(
        "red_team_run.html",
        view=view,
        red_team=view.red_team,
        going_on=view.run.state not in FINISHED,
        result=view.result,
        names={it.slug: it.name for it in techniques()},
    )


async def follow_attacks(visit: Visit) -> Response:
    """How far it is."""
    view = await visit.services.red_teams.run(visit.caller, visit.path("id"))
    return await follow_run(visit, view.run.id, "behaviours")


async def make_suite(visit: Visit, _form: Form) -> Response:
    """A suite of the prompts, whose answers are scored for safety."""
    suite = await visit.services.red_teams.suite(visit.caller, visit.path("id"))
    return visit.go(
        f"/suites/{suite.id}", "The prompts are a suite now: answer and score them here."
    )


async def delete_attacks(visit: Visit, _form: Form) -> Response:
    """Remove a run with its prompts."""
    view = await visit.services.red_teams.run(visit.caller, visit.path("id"))
    await visit.services.red_teams.delete_run(visit.caller, view.red_team.id)
    return visit.go(f"/samples/redteams/{view.red_team.spec_id}", "The prompts are gone.")


async def _shown(visit: Visit, form: Form, problems: Problems, status: int = 200) -> Response:
    spec = await visit.services.red_teams.get(visit.caller, visit.path("id"))
    views = await visit.services.red_teams.runs(visit.caller, spec_id=spec.id)
    return visit.page(
        "red_team.html",
        status=status,
        spec=spec,
        views=views[:LISTED],
        form=form,
        problems=problems,
        most=MOST_PROMPTS,
        models=[it.name for it in visit.services.catalog.list() if it.usable],
    )


def _new(visit: Visit, form: Form, problems: Problems, status: int = 200) -> Response:
    return visit.page("red_team_new.html", status=status, form=form, problems=problems)


ROUTES = (
    page("/samples/redteams", show_red_teams),
    page("/samples/redteams/new", new_red_team),
    form("/samples/redteams/new", create_red_team),
    page("/samples/redteams/{id}", show_red_team),
    form("/samples/redteams/{id}", start_red_team),
    form("/samples/redteams/{id}/delete", delete_red_team),
    page("/samples/redteams/runs/{id}", show_attacks),
    stream("/samples/redteams/runs/{id}/events", follow_attacks),
    form("/samples/redteams/runs/{id}/suite", make_suite),
    form("/samples/redteams/runs/{id}/delete", delete_attacks),
)
